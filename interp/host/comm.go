package host

import (
	"crypto/rand"
	"fmt"
	"strings"
	"sync"

	"mobula/internal/cellio"
	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
)

// comms are the open comms of this process, and the targets that it answers.
type comms struct {
	h *Host

	mu     sync.Mutex // guards below, and the fields of comms that say so
	byID   map[string]*comm
	active map[*comm]bool // with a goroutine
	served map[string]served
	atEnd  func() // of each cell
}

// served is a target that code of a cell answers.
type served struct {
	cell   int
	accept func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error)
}

// comm is one open comm. What comes for it waits in its queue, and is handled in order by one goroutine while there is any.
type comm struct {
	all        *comms
	id, target string
	cell       int // whose goroutines call the handler

	// Guarded by comms.mu:
	handler cellio.CommHandler
	queue   []*hostrpc.Request
	running *cellrt.Run // of the handler that runs
}

func newComms(h *Host) *comms {
	return &comms{h: h, byID: map[string]*comm{}, active: map[*comm]bool{}, served: map[string]served{}}
}

// receive takes an event from the kernel; it does not wait for handlers.
func (cs *comms) receive(req *hostrpc.Request) {
	if !cs.enqueue(req) {
		cs.h.reply(&hostrpc.Reply{ID: req.ID}) // it crossed our close
	}
}

// enqueue gives a request to its comm, if there is one.
func (cs *comms) enqueue(req *hostrpc.Request) bool {
	e := req.Comm
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byID[e.ID]
	if s, ok := cs.served[e.Target]; e.Op == cellio.CommOpen && ok {
		c = &comm{all: cs, id: e.ID, target: e.Target, cell: s.cell}
		cs.byID[e.ID] = c
	}
	if c == nil {
		return false
	}
	c.queue = append(c.queue, req)
	if !cs.active[c] {
		cs.active[c] = true
		go c.work() // ends when the queue is empty
	}
	return true
}

// work handles what waits for the comm.
func (c *comm) work() {
	for req := c.next(); req != nil; req = c.next() {
		c.all.h.reply(c.handle(req))
	}
}

// next takes the first request; without one the goroutine ends.
func (c *comm) next() *hostrpc.Request {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.running = nil
	if len(c.queue) == 0 {
		delete(c.all.active, c)
		return nil
	}
	req := c.queue[0]
	c.queue = c.queue[1:]
	return req
}

// handle calls the handler on a goroutine of the comm's cell, and shows there how it failed.
func (c *comm) handle(req *hostrpc.Request) *hostrpc.Reply {
	h := c.all.h
	call, run := c.prepare(req.Comm)
	if call == nil {
		return &hostrpc.Reply{ID: req.ID}
	}
	failed := make(chan error, 1) // an abandoned handler may be late
	ended := h.execute(run, func() { failed <- call() })
	h.out.flush(c.cell)
	f := ended.Fault
	select {
	case err := <-failed:
		if err != nil {
			f = &hostrpc.Fault{Name: "error", Message: err.Error()}
		}
	default:
	}
	if ended.Interrupted {
		f = &hostrpc.Fault{Name: "interrupted", Message: "a handler was interrupted"}
	}
	reply := &hostrpc.Reply{ID: req.ID}
	if f == nil {
		return reply
	}
	f.Cell, f.Handler = c.cell, true
	_ = h.out.sendAfter(c.cell, &hostrpc.Event{Fault: f}) // a lost kernel is noticed by the receiver
	if req.Comm.Op == cellio.CommOpen {
		c.forget()
		reply.Fault = f // the kernel closes the comm
	}
	return reply
}

// prepare returns what an event calls, nil for nothing, and the run that it belongs to.
func (c *comm) prepare(e *cellio.CommEvent) (func() error, *cellrt.Run) {
	cs := c.all
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.byID[c.id] != c {
		return nil, nil // closed from this side meanwhile
	}
	handler, accept := c.handler, cs.served[c.target].accept
	c.running = cellrt.NewRun(c.cell)
	switch {
	case e.Op == cellio.CommOpen:
		return func() error { return c.accept(accept, e.Message) }, c.running
	case e.Op == cellio.CommClose:
		delete(cs.byID, c.id)
		if handler.Closed != nil {
			return func() error { handler.Closed(e.Message); return nil }, c.running
		}
	case handler.Message != nil:
		return func() error { return handler.Message(c, e.Message) }, c.running
	}
	return nil, nil
}

func (c *comm) accept(accept func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error), open cellio.CommMessage) error {
	handler, err := accept(c, open)
	if err != nil {
		return fmt.Errorf("open a comm of target %q: %w", c.target, err)
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.handler = handler
	return nil
}

// forget takes the comm off the list, and reports whether it was there.
func (c *comm) forget() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	open := c.all.byID[c.id] == c
	if open {
		delete(c.all.byID, c.id)
	}
	return open
}

// interrupt stops the handlers that run.
func (cs *comms) interrupt() {
	cs.mu.Lock()
	for c := range cs.active {
		if c.running != nil {
			c.running.Stop()
		}
	}
	cs.mu.Unlock()
	cs.h.stops.start()
}

// ID is the comm's in the protocol.
func (c *comm) ID() string { return c.id }

// Send sends a message.
func (c *comm) Send(m cellio.CommMessage) error {
	if err := m.CheckSize(); err != nil {
		return err
	}
	if !c.isOpen() {
		return fmt.Errorf("send on comm %s of target %q: it is closed", c.id, c.target)
	}
	return c.tell(cellio.CommEvent{Op: cellio.CommSend, Message: m})
}

// Still sets what replaces the views of the comm's model at its end.
func (c *comm) Still(d cellio.Data) error {
	if !c.isOpen() {
		return nil // the last one has been used
	}
	return c.tell(cellio.CommEvent{Op: cellio.CommStill, Still: d})
}

// Close closes the comm.
func (c *comm) Close(m cellio.CommMessage) error {
	if !c.forget() {
		return nil
	}
	return c.tell(cellio.CommEvent{Op: cellio.CommClose, Message: m})
}

func (c *comm) isOpen() bool {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return c.all.byID[c.id] == c
}

// tell sends an event of this comm, in the name of the calling goroutine's cell.
func (c *comm) tell(e cellio.CommEvent) error {
	e.ID, e.Target = c.id, c.target
	return c.all.tell(e)
}

func (cs *comms) tell(e cellio.CommEvent) error {
	e.Cell = cs.h.cellHere()
	return cs.h.out.sendAfter(e.Cell, &hostrpc.Event{Comm: &e})
}

// commPort is a port whose kernel carries comms.
type commPort struct{ port }

var _ cellio.CommPort = commPort{}

// OpenComm opens a comm, which belongs to the caller's cell.
func (p commPort) OpenComm(target string, open cellio.CommMessage, handler cellio.CommHandler) (cellio.Comm, error) {
	if err := open.CheckSize(); err != nil {
		return nil, err
	}
	cs := p.h.comms
	c := &comm{all: cs, id: strings.ToLower(rand.Text()), target: target, cell: p.h.cellHere(), handler: handler}
	cs.mu.Lock()
	cs.byID[c.id] = c
	cs.mu.Unlock()
	if err := c.tell(cellio.CommEvent{Op: cellio.CommOpen, Message: open}); err != nil {
		c.forget()
		return nil, err
	}
	return c, nil
}

// ServeComms has accept answer what the front end opens for target.
func (p commPort) ServeComms(target string, accept func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error)) error {
	cs := p.h.comms
	cs.mu.Lock()
	cs.served[target] = served{p.h.cellHere(), accept}
	cs.mu.Unlock()
	return cs.tell(cellio.CommEvent{Op: cellio.CommServe, Target: target})
}

// OnCellEnd has f called whenever a cell has ended.
func (p commPort) OnCellEnd(f func()) {
	p.h.comms.mu.Lock()
	defer p.h.comms.mu.Unlock()
	p.h.comms.atEnd = f
}

// cellEnded tells who has asked for it.
func (cs *comms) cellEnded() {
	cs.mu.Lock()
	f := cs.atEnd
	cs.mu.Unlock()
	if f != nil {
		f()
	}
}

// Capture calls f with its output going to out. It is stopped as the calling goroutine is.
func (p commPort) Capture(out cellio.Outputs, f func()) {
	before := (*cellrt.Run)(hook.Owner())
	run := before
	if run == nil {
		run = cellrt.NewRun(p.h.cellHere())
	}
	hook.SetOwner(owner(run.Captured(out)))
	defer hook.SetOwner(owner(before))
	f()
}
