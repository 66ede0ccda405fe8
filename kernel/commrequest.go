package kernel

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"mobula/internal/cellio"
	"mobula/interp"
)

// Bounds of what waits for one comm while its handler works. Front ends that wait for idle, as ipywidgets do, have one message there.
const (
	maxWaiting      = 1000
	maxWaitingBytes = 2 * cellio.MaxCommMessage
)

// commContent is the content of comm_open, comm_msg and comm_close.
type commContent struct {
	ID     string          `json:"comm_id"`
	Target string          `json:"target_name"`
	Data   json.RawMessage `json:"data"`
}

func (r *request) comm() (commContent, CommMessage, bool) {
	var c commContent
	if err := json.Unmarshal(r.Content, &c); err != nil || c.ID == "" {
		r.k.log.Warn("drop a comm message without a valid comm_id", "type", r.Header.MsgType, "err", err)
		return c, CommMessage{}, false
	}
	return c, CommMessage{Data: c.Data, Metadata: r.Metadata, Buffers: r.Buffers}, true
}

// receive takes a comm message of a front end. It runs on the connection's goroutine and does not wait: each comm has a queue.
func (cs *comms) receive(r *request) {
	content, m, ok := r.comm()
	if !ok {
		r.around(func() {})
		return
	}
	c := cs.get(content.ID)
	if r.Header.MsgType == "comm_open" {
		if c = cs.accept(content); c == nil {
			cs.k.log.Info("no such comm target", "target", content.Target)
			r.around(func() { cs.k.publish(r.RawHeader, "comm_close", object{"comm_id": content.ID, "data": object{}}) })
			return
		}
	}
	if c == nil {
		cs.k.log.Info("drop a message to an unknown comm", "comm", content.ID)
		r.around(func() {})
		return
	}
	if err := c.enqueue(arrival{r, m}); err != nil {
		r.around(func() { c.refuse(r, err) })
	}
}

// accept makes the comm that a front end opens, nil where nobody answers its target. An id that is open already keeps its comm.
func (cs *comms) accept(content commContent) *Comm {
	cs.mu.Lock()
	cell, hosted := cs.hosted[content.Target]
	known := cs.byID[content.ID] != nil
	cs.mu.Unlock()
	if known || !hosted && cs.handlers[content.Target] == nil {
		return nil
	}
	return cs.add(&Comm{ID: content.ID, Target: content.Target, hosted: hosted, cell: cell})
}

// enqueue has a message handled after those before it, unless it is too much.
func (c *Comm) enqueue(a arrival) error {
	if err := a.message.CheckSize(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxWaiting || c.bytes+a.message.Size() > maxWaitingBytes {
		return fmt.Errorf("a comm message was refused: %d others (%d bytes) wait for a handler that is busy", len(c.waiting), c.bytes)
	}
	c.waiting = append(c.waiting, a)
	c.bytes += a.message.Size()
	if !c.working {
		c.working = true
		c.comms.start(c.work)
	}
	return nil
}

// refuse tells why a message of the front end was not taken. Whoever waits for it learns nothing: comms have no replies.
func (c *Comm) refuse(r *request, err error) {
	c.comms.k.log.Warn("refuse a comm message", "target", c.Target, "comm", c.ID, "err", err)
	if c.hosted {
		text := fmt.Sprintf("%v (the comm stays open)", err)
		c.comms.k.outputs.Fault(c.cell, &interp.Error{Name: "message refused", Value: text, Traceback: []string{"message refused: " + text}})
		return
	}
	c.comms.k.publishFull(r.RawHeader, "comm_msg", object{"comm_id": c.ID, "data": object{"error": err.Error()}}, nil, nil)
}

// work handles the messages that wait, until there are none or the kernel ends.
func (c *Comm) work() {
	for a, ok := c.next(); ok; a, ok = c.next() {
		a.around(func() { c.handle(a) })
		c.comms.k.lanes.remind() // on a subshell too: JupyterLab sends them there, and takes any status for the kernel's
	}
}

// next makes the first message that waits the current one.
func (c *Comm) next() (a arrival, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = nil
	if len(c.waiting) == 0 || c.comms.k.ctx.Err() != nil {
		c.working = false
		return a, false
	}
	a = c.waiting[0]
	c.waiting = c.waiting[1:]
	c.bytes -= a.message.Size()
	c.current = a.request
	return a, true
}

// handle hands a message to the comm's other end.
func (c *Comm) handle(a arrival) {
	open := c.comms.has(c)
	if a.Header.MsgType == "comm_close" {
		c.comms.end(c) // the front end knows
	}
	switch {
	case !open: // closed by the other end meanwhile
	case c.hosted:
		c.pass(a)
	default:
		c.call(a)
	}
}

// call calls the handler of this process. A panic in it is reported and closes the comm.
func (c *Comm) call(a arrival) {
	defer func() {
		if p := recover(); p != nil {
			c.comms.k.log.Error("panic in a comm handler", "target", c.Target, "panic", p, "stack", string(debug.Stack()))
			c.Close(object{"error": fmt.Sprint(p)})
		}
	}()
	c.mu.Lock()
	onMessage, onClose := c.onMessage, c.onClose
	c.mu.Unlock()
	switch {
	case a.Header.MsgType == "comm_open":
		if err := c.comms.handlers[c.Target](c, a.message); err != nil {
			c.comms.k.log.Warn("open a comm", "target", c.Target, "err", err)
			c.Close(object{"error": err.Error()})
		}
	case a.Header.MsgType == "comm_close" && onClose != nil:
		onClose(a.message)
	case a.Header.MsgType == "comm_msg" && onMessage != nil:
		onMessage(a.message)
	}
}
