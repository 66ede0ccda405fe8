package kernel

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"mobula/internal/cellio"
	"mobula/internal/utf8text"
	"mobula/interp"
)

const (
	streamBytes = 64 << 10              // stream output is published when so much has gathered
	streamDelay = 20 * time.Millisecond // or so long after the first of it
	outletLimit = 4096                  // cells whose late output is still shown under them
)

// outputs publishes what cells show, each under the request that ran the cell. Small stream
// chunks are merged; the order within a cell is kept.
type outputs struct {
	k    *Kernel
	kick chan struct{} // capacity 1: stream output waits to be published

	going going

	mu    sync.Mutex // guards what follows, and the fields of outlets that say so
	cells map[int]*outlet
	order []int     // the keys of cells, oldest first
	dirty []*outlet // with stream output that waits
}

var _ interp.Sink = (*outputs)(nil)

// outlet is where the output of one cell goes.
type outlet struct {
	parent     json.RawMessage
	identity   []byte // of the client
	allowStdin bool
	silent     bool
	count      int64

	// Guarded by outputs.mu:
	segments []segment
	size     int
	partial  map[string][]byte // by stream: a UTF-8 sequence that the next chunk goes on with
	result   string            // text/plain of the last result, for the history
}

type segment struct {
	stream string
	text   []byte
}

func newOutputs(k *Kernel) *outputs {
	o := &outputs{k: k, kick: make(chan struct{}, 1), cells: make(map[int]*outlet)}
	k.wg.Go(o.run)
	return o
}

// run publishes stream output that has waited for streamDelay.
func (o *outputs) run() {
	timer := time.NewTimer(streamDelay)
	defer timer.Stop()
	for {
		select {
		case <-o.kick:
		case <-o.k.ctx.Done():
			o.flushAll()
			return
		}
		timer.Reset(streamDelay)
		select {
		case <-timer.C:
		case <-o.k.ctx.Done():
		}
		o.flushAll()
	}
}

func (o *outputs) flushAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.dirty {
		o.flush(c, false)
	}
	o.dirty = o.dirty[:0]
}

// open makes c the outlet of a cell number.
func (o *outputs) open(number int, c *outlet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c.partial = make(map[string][]byte)
	o.cells[number] = c
	o.order = append(o.order, number)
	if len(o.order) > outletLimit {
		o.flush(o.cells[o.order[0]], true)
		delete(o.cells, o.order[0])
		o.order = slices.Delete(o.order, 0, 1)
	}
}

// find returns the outlet of a cell, or that of the newest cell. o.mu is held.
func (o *outputs) find(number int) *outlet {
	if c := o.cells[number]; c != nil {
		return c
	}
	if len(o.order) == 0 {
		return &outlet{partial: make(map[string][]byte)}
	}
	return o.cells[o.order[len(o.order)-1]]
}

// parent is the header of the request that has run a cell.
func (o *outputs) parent(cell int) json.RawMessage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.find(cell).parent
}

// finish publishes all that the cell has written so far and returns its last result as text.
func (o *outputs) finish(number int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.find(number)
	o.flush(c, true)
	return c.result
}

// Stream implements interp.Sink. It waits for subscribers that are far behind.
func (o *outputs) Stream(cell int, name, text string) {
	o.mu.Lock()
	c := o.find(cell)
	if c.silent || text == "" {
		o.mu.Unlock()
		return
	}
	if n := len(c.segments); n == 0 || c.segments[n-1].stream != name {
		c.segments = append(c.segments, segment{stream: name, text: c.partial[name]})
		delete(c.partial, name)
	}
	if c.size == 0 {
		o.dirty = append(o.dirty, c)
	}
	last := &c.segments[len(c.segments)-1]
	last.text = append(last.text, text...)
	c.size += len(text)
	full := c.size >= streamBytes
	if full {
		o.flush(c, false)
	}
	o.mu.Unlock()
	select {
	case o.kick <- struct{}{}:
	default:
	}
	if full {
		o.k.drain()
	}
}

// drain lets bulk output go at the pace of who reads it.
func (k *Kernel) drain() {
	if k.iopub != nil {
		k.iopub.Drain(k.ctx)
	}
}

// flush publishes the segments of c. Incomplete UTF-8 at the end of one is kept for the
// stream's next chunk, unless all is set. o.mu is held.
func (o *outputs) flush(c *outlet, all bool) {
	if all {
		for name, rest := range c.partial {
			c.segments = append(c.segments, segment{stream: name, text: rest})
		}
		clear(c.partial)
	}
	for _, s := range c.segments {
		text := s.text
		if keep := utf8text.Incomplete(text); keep > 0 && !all {
			c.partial[s.stream] = slices.Clone(text[len(text)-keep:])
			text = text[:len(text)-keep]
		}
		if len(text) > 0 {
			o.k.publish(c.parent, "stream", object{"name": s.stream, "text": string(text)})
		}
	}
	c.segments, c.size = nil, 0
}

// show publishes one message of a cell, after the stream output before it.
func (o *outputs) show(cell int, message func(c *outlet) (msgType string, content object)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.find(cell)
	if c.silent {
		return
	}
	o.flush(c, false)
	msgType, content := message(c)
	o.k.publish(c.parent, msgType, content)
}

// Display implements interp.Sink.
func (o *outputs) Display(cell int, d cellio.Display) {
	d = o.k.comms.viewed(cell, d)
	o.going.note(cell, d)
	o.show(cell, func(c *outlet) (string, object) {
		content := object{"data": orEmpty(d.Data), "metadata": orEmpty(d.Metadata)}
		if d.ID != "" {
			content["transient"] = object{"display_id": d.ID}
		} else if !d.Result {
			content["transient"] = object{}
		}
		switch {
		case d.Update:
			return "update_display_data", content
		case d.Result:
			content["execution_count"] = c.count
			var plain string
			if json.Unmarshal(d.Data["text/plain"], &plain) == nil {
				c.result = plain
			}
			return "execute_result", content
		default:
			return "display_data", content
		}
	})
	o.k.drain()
}

func orEmpty(d cellio.Data) cellio.Data {
	if d == nil {
		return cellio.Data{}
	}
	return d
}

// Clear implements interp.Sink.
func (o *outputs) Clear(cell int, wait bool) {
	o.show(cell, func(*outlet) (string, object) { return "clear_output", object{"wait": wait} })
}

// Fault implements interp.Sink.
func (o *outputs) Fault(cell int, err *interp.Error) {
	o.k.log.Info("a goroutine of a cell ended", "cell", cell, "err", err)
	o.show(cell, func(*outlet) (string, object) { return "error", errorContent(err) })
}

// Input implements interp.Sink.
func (o *outputs) Input(ctx context.Context, cell int, prompt string, password bool) (string, error) {
	o.mu.Lock()
	c := o.find(cell)
	o.flush(c, false)
	o.mu.Unlock()
	return o.k.input.ask(ctx, c, prompt, password)
}

// errorContent is an error as the reply and the message on iopub both carry it.
func errorContent(err *interp.Error) object {
	return object{"ename": err.Name, "evalue": err.Value, "traceback": err.Lines()}
}
