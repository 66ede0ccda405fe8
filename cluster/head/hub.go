package head

import (
	"context"
	"slices"
	"sync"

	"mobula/cluster/headwire"
	"mobula/cluster/state"
)

// hub tells of changes of the state. Its lock is taken by the goroutine that applies commands: nothing is locked under it.
type hub struct {
	mu       sync.Mutex // guards below
	changed  chan struct{}
	watchers []*watcher
	work     []state.Event
}

// watcher is one reader of events.
type watcher struct {
	wake   chan struct{} // room for one
	events []headwire.Event
	lost   bool
}

// maxWatched is how many events wait for a reader.
const maxWatched = 4096

// applied hears what a command has caused, on the goroutine that applies.
func (h *Head) applied(result state.Result) {
	h.hub.mu.Lock()
	for i := range result.Events {
		e := &result.Events[i]
		if e.Work() {
			h.hub.work = append(h.hub.work, *e)
			continue
		}
		for _, w := range h.hub.watchers {
			w.put(headwire.Event{Kind: e.Kind.String(), Node: e.Node, Job: e.Job, Group: e.Group, Actor: e.Actor, Submission: e.Submission, Epoch: e.Epoch, State: e.State, Reason: e.Reason})
		}
	}
	h.hub.mu.Unlock()
	h.hub.announce()
	h.poke()
}

func (w *watcher) put(e headwire.Event) {
	if len(w.events) >= maxWatched {
		w.events, w.lost = nil, true
	}
	w.events = append(w.events, e)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// takeWork returns what must be done since the last call.
func (b *hub) takeWork() []state.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	work := b.work
	b.work = nil
	return work
}

// change is closed with the next change after the call. Look at the state after this.
func (b *hub) change() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// announce has those who await something look again.
func (b *hub) announce() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.changed)
	b.changed = make(chan struct{})
}

// await calls look at each change of the state, until it is done or fails.
func await[V any](ctx context.Context, h *Head, look func(v *state.View) (value V, done bool, err error)) (V, error) {
	for {
		changed := h.hub.change()
		value, done, err := look(h.View())
		if done || err != nil {
			return value, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return value, context.Cause(ctx)
		}
	}
}

// watch sends events until the caller gives up.
func (h *Head) watch(ctx context.Context, s *session, in headwire.WatchSpec) (headwire.None, error) {
	w := &watcher{wake: make(chan struct{}, 1), lost: true} // the first event: look at everything
	w.wake <- struct{}{}
	h.hub.mu.Lock()
	h.hub.watchers = append(h.hub.watchers, w)
	h.hub.mu.Unlock()
	defer func() {
		h.hub.mu.Lock()
		defer h.hub.mu.Unlock()
		h.hub.watchers = slices.DeleteFunc(h.hub.watchers, func(other *watcher) bool { return other == w })
	}()
	for {
		select {
		case <-ctx.Done():
			return headwire.None{}, context.Cause(ctx)
		case <-w.wake:
		}
		h.hub.mu.Lock()
		events, lost := w.events, w.lost
		w.events, w.lost = nil, false
		h.hub.mu.Unlock()
		if lost {
			events = append([]headwire.Event{{Kind: headwire.EventLost}}, events...)
		}
		for _, e := range events {
			e.Watch = in.Number
			if err := s.conn.Throttle(ctx); err != nil {
				return headwire.None{}, err
			}
			if err := s.peer.Notify(headwire.EventMethod, e); err != nil {
				return headwire.None{}, err
			}
		}
	}
}
