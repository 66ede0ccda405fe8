package headclient

import (
	"context"
	"encoding/json"
	"iter"

	"mobula/cluster/headwire"
)

// watch is one reader of events.
type watch struct {
	events chan headwire.Event
	lost   bool // guarded by Client.mu: an event had no room
}

// maxEvents is how many events wait for a reader. More are replaced by one that says so.
const maxEvents = 1024

// Watch yields what changes in the cluster, until ctx ends. One of kind headwire.EventLost means that some were missed, as when the
// connection was made again; it is the first one, too.
func (c *Client) Watch(ctx context.Context) iter.Seq2[headwire.Event, error] {
	return func(yield func(headwire.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		c.mu.Lock()
		c.last++
		number := c.last
		w := &watch{events: make(chan headwire.Event, maxEvents)}
		c.watches[number] = w
		c.mu.Unlock()
		failed := make(chan error, 1)
		c.wg.Go(func() {
			failed <- c.Call(ctx, string(headwire.WatchEvents), headwire.WatchSpec{Number: number}, nil)
		})
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.watches, number)
		}()
		for {
			select {
			case e := <-w.events:
				if c.caughtUp(w) && !yield(headwire.Event{Kind: headwire.EventLost}, nil) || !yield(e, nil) {
					return
				}
			case err := <-failed:
				if ctx.Err() == nil {
					yield(headwire.Event{}, err)
				}
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// caughtUp reports, once, that events were dropped.
func (c *Client) caughtUp(w *watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	lost := w.lost
	w.lost = false
	return lost
}

func (c *Client) event(body json.RawMessage) error {
	var e headwire.Event
	if err := json.Unmarshal(body, &e); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.watches[e.Watch]; w != nil {
		w.put(e)
	}
	return nil
}

func (w *watch) put(e headwire.Event) {
	select {
	case w.events <- e:
	default:
		w.lost = true
	}
}

// loseEvents tells all readers that the connection was lost.
func (c *Client) loseEvents() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.watches {
		w.put(headwire.Event{Kind: headwire.EventLost})
	}
}
