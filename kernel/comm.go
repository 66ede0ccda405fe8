package kernel

import (
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"

	"mobula/kernel/wire"
)

// CommHandler is called when a front end opens a comm of its target. It sets the comm's
// OnMessage and OnClose, and may send. An error closes the comm.
type CommHandler func(c *Comm, open CommMessage) error

// CommMessage is what one end of a comm sends to the other.
type CommMessage struct {
	Data     json.RawMessage
	Metadata json.RawMessage
	Buffers  [][]byte
}

var targets = struct {
	mu sync.Mutex
	m  map[string]CommHandler
}{m: map[string]CommHandler{controlTarget: openControl}}

// RegisterComm makes handler answer comms that front ends open for target. A target that is
// registered twice is a bug and panics.
func RegisterComm(target string, handler CommHandler) {
	targets.mu.Lock()
	defer targets.mu.Unlock()
	if targets.m[target] != nil {
		panic("kernel: comm target " + target + " is registered twice")
	}
	targets.m[target] = handler
}

func handlerOf(target string) CommHandler {
	targets.mu.Lock()
	defer targets.mu.Unlock()
	return targets.m[target]
}

// Comm is one open comm. Its callbacks are called one at a time, in the order of the messages.
type Comm struct {
	ID, Target string
	comms      *comms

	mu        sync.Mutex // guards what follows
	onMessage func(CommMessage)
	onClose   func(CommMessage)
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

// Send sends data, any JSON value, with metadata (nil for none) and binary buffers.
func (c *Comm) Send(data, metadata any, buffers ...[]byte) error {
	if !c.comms.has(c) {
		return fmt.Errorf("send on comm %s of target %q: it is closed", c.ID, c.Target)
	}
	c.comms.publish("comm_msg", object{"comm_id": c.ID, "data": data}, metadata, buffers)
	return nil
}

// Close closes the comm and tells the front end. Closing twice does nothing.
func (c *Comm) Close(data any) {
	if c.comms.drop(c.ID) != nil {
		c.comms.publish("comm_close", object{"comm_id": c.ID, "data": orObject(data)}, nil, nil)
	}
}

func orObject(data any) any {
	if data == nil {
		return object{}
	}
	return data
}

// OpenComm opens a comm from the kernel's side.
func (k *Kernel) OpenComm(target string, data, metadata any, buffers ...[]byte) *Comm {
	c := k.comms.add(wire.NewID(), target)
	k.comms.publish("comm_open", object{"comm_id": c.ID, "target_name": target, "data": orObject(data)}, metadata, buffers)
	return c
}

// comms are the open comms of a kernel.
type comms struct {
	k      *Kernel
	mu     sync.Mutex // guards what follows
	byID   map[string]*Comm
	parent json.RawMessage // of the message that is being handled
}

func newComms(k *Kernel) *comms { return &comms{k: k, byID: make(map[string]*Comm)} }

func (cs *comms) add(id, target string) *Comm {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := &Comm{ID: id, Target: target, comms: cs}
	cs.byID[id] = c
	return c
}

func (cs *comms) drop(id string) *Comm {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.byID[id]
	delete(cs.byID, id)
	return c
}

func (cs *comms) has(c *Comm) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.byID[c.ID] == c
}

func (cs *comms) get(id string) *Comm {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.byID[id]
}

func (cs *comms) publish(msgType string, content object, metadata any, buffers [][]byte) {
	cs.mu.Lock()
	parent := cs.parent
	cs.mu.Unlock()
	cs.k.publishFull(parent, msgType, content, metadata, buffers)
}

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

// within runs a callback with r as the parent of what it sends. A panic in it is reported and closes the comm.
func (cs *comms) within(r *request, c *Comm, call func()) {
	cs.setParent(r.RawHeader)
	defer cs.setParent(nil)
	defer func() {
		if p := recover(); p != nil {
			cs.k.log.Error("panic in a comm handler", "target", c.Target, "panic", p, "stack", string(debug.Stack()))
			c.Close(object{"error": fmt.Sprint(p)})
		}
	}()
	call()
}

func (cs *comms) setParent(header json.RawMessage) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.parent = header
}

func (cs *comms) open(r *request) {
	content, m, ok := r.comm()
	if !ok {
		return
	}
	handler := handlerOf(content.Target)
	if handler == nil {
		cs.k.log.Info("no such comm target", "target", content.Target)
		cs.k.publish(r.RawHeader, "comm_close", object{"comm_id": content.ID, "data": object{}})
		return
	}
	c := cs.add(content.ID, content.Target)
	cs.within(r, c, func() {
		if err := handler(c, m); err != nil {
			cs.k.log.Warn("open a comm", "target", content.Target, "err", err)
			c.Close(object{"error": err.Error()})
		}
	})
}

func (cs *comms) message(r *request) {
	content, m, ok := r.comm()
	if !ok {
		return
	}
	c := cs.get(content.ID)
	if c == nil {
		cs.k.log.Info("drop a message to an unknown comm", "comm", content.ID)
		return
	}
	c.mu.Lock()
	f := c.onMessage
	c.mu.Unlock()
	if f != nil {
		cs.within(r, c, func() { f(m) })
	}
}

func (cs *comms) close(r *request) {
	content, m, ok := r.comm()
	if !ok {
		return
	}
	c := cs.drop(content.ID)
	if c == nil {
		return
	}
	c.mu.Lock()
	f := c.onClose
	c.mu.Unlock()
	if f != nil {
		cs.within(r, c, func() { f(m) })
	}
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
