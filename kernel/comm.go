package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"mobula/internal/cellio"
	"mobula/kernel/wire"
)

// CommHandler is called when a front end opens a comm of its target. It sets the comm's
// OnMessage and OnClose, and may send. An error closes the comm.
type CommHandler func(c *Comm, open CommMessage) error

// CommMessage is what one end of a comm sends to the other.
type CommMessage = cellio.CommMessage

// Comm is one open comm whose end is in this process. Its callbacks are called one at a time, in the order of the messages.
type Comm struct {
	ID, Target string
	comms      *comms
	hosted     bool // its end is code of a cell, in the engine's process
	cell       int  // of that code
	ctx        context.Context
	cancel     context.CancelFunc

	mu        sync.Mutex // guards what follows
	onMessage func(CommMessage)
	onClose   func(CommMessage)
	waiting   []arrival // that were not handled yet
	bytes     int       // of them
	working   bool      // a goroutine handles them
	current   *request  // that is handled

	still cellio.Data // replaces its views at its end; guarded by comms.mu
}

// arrival is a comm message of a front end.
type arrival struct {
	*request
	message CommMessage
}

// OnMessage sets what is called for each message of the front end.
func (c *Comm) OnMessage(f func(CommMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onMessage = f
}

// OnClose sets what is called when the front end closes the comm.
func (c *Comm) OnClose(f func(CommMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onClose = f
}

// Kernel is the kernel that the comm belongs to.
func (c *Comm) Kernel() *Kernel { return c.comms.k }

// Go runs f on a goroutine that the kernel waits for when it ends. ctx ends with the comm, or with the kernel.
func (c *Comm) Go(f func(ctx context.Context)) { c.comms.start(func() { f(c.ctx) }) }

// Send sends data, any JSON value, with metadata (nil for none) and binary buffers.
func (c *Comm) Send(data, metadata any, buffers ...[]byte) error {
	if !c.comms.has(c) {
		return fmt.Errorf("send on comm %s of target %q: it is closed", c.ID, c.Target)
	}
	c.publish("comm_msg", object{"comm_id": c.ID, "data": orObject(data)}, metadata, buffers)
	return nil
}

// Close closes the comm and tells the front end. Closing twice does nothing.
func (c *Comm) Close(data any) {
	for _, c := range c.comms.end(c) {
		c.publish("comm_close", object{"comm_id": c.ID, "data": orObject(data)}, nil, nil)
	}
}

// publish sends a message under the request that is handled; outside of one, under the cell of a hosted comm.
func (c *Comm) publish(msgType string, content object, metadata any, buffers [][]byte) {
	c.publishUnder(c.cell, msgType, content, metadata, buffers)
}

// publishUnder is publish by another cell than the comm's own.
func (c *Comm) publishUnder(cell int, msgType string, content object, metadata any, buffers [][]byte) {
	c.mu.Lock()
	current := c.current
	c.mu.Unlock()
	var parent json.RawMessage
	switch {
	case current != nil:
		parent = current.RawHeader
	case c.hosted:
		parent = c.comms.k.outputs.parent(cell)
	}
	c.comms.k.publishFull(parent, msgType, content, metadata, buffers)
}

func orObject(data any) any {
	if raw, ok := data.(json.RawMessage); data == nil || ok && len(raw) == 0 {
		return object{}
	}
	return data
}

// OpenComm opens a comm from the kernel's side.
func (k *Kernel) OpenComm(target string, data, metadata any, buffers ...[]byte) *Comm {
	c := k.comms.add(&Comm{ID: wire.NewID(), Target: target})
	c.publish("comm_open", object{"comm_id": c.ID, "target_name": target, "data": orObject(data)}, metadata, buffers)
	return c
}

// comms are the open comms of a kernel.
type comms struct {
	k        *Kernel
	handlers map[string]CommHandler // of this process, by target

	mu      sync.Mutex // guards what follows
	byID    map[string]*Comm
	hosted  map[string]int  // targets that cells answer, and which
	views   map[string]view // outputs that show a comm's model, by display id
	stopped bool            // no goroutine is started any more
	wg      sync.WaitGroup  // of those of comms
}

func newComms(k *Kernel) *comms {
	handlers := map[string]CommHandler{controlTarget: openControl}
	maps.Copy(handlers, k.opts.Comms)
	return &comms{k: k, handlers: handlers, byID: make(map[string]*Comm), hosted: make(map[string]int), views: make(map[string]view)}
}

// add makes c an open comm.
func (cs *comms) add(c *Comm) *Comm {
	c.comms = cs
	c.ctx, c.cancel = context.WithCancel(cs.k.ctx)
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.byID[c.ID] = c
	return c
}

func (cs *comms) has(c *Comm) bool { return cs.get(c.ID) == c }

func (cs *comms) get(id string) *Comm {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.byID[id]
}

// start runs f on a goroutine, unless the kernel ends.
func (cs *comms) start(f func()) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.stopped {
		cs.wg.Go(f)
	}
}

// wait waits for the goroutines of comms; the kernel's context has ended.
func (cs *comms) wait() {
	cs.mu.Lock()
	cs.stopped = true
	cs.mu.Unlock()
	cs.wg.Wait()
}

// end takes comms off the list, and returns those that were on it. First what shows them is replaced by what needs no comm.
func (cs *comms) end(list ...*Comm) (ended []*Comm) {
	cs.mu.Lock()
	for _, c := range list {
		if cs.byID[c.ID] == c {
			delete(cs.byID, c.ID)
			ended = append(ended, c)
			c.cancel()
		}
	}
	views := cs.takeViews(ended)
	cs.mu.Unlock()
	cs.k.outputs.settle(views)
	return ended
}

func (cs *comms) info(r *request) {
	var c struct {
		Target *string `json:"target_name"`
	}
	if !r.bind(&c) {
		return
	}
	found := object{}
	cs.mu.Lock()
	for id, comm := range cs.byID {
		if c.Target == nil || *c.Target == "" || *c.Target == comm.Target {
			found[id] = object{"target_name": comm.Target}
		}
	}
	cs.mu.Unlock()
	r.reply(object{"comms": found})
}
