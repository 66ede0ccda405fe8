package worker

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// conn is a connection from a driver, with the tasks that it has pushed.
type conn struct {
	*frame.Conn
	w *Worker

	mu      sync.Mutex // guards below
	lease   id.Lease
	job     id.Job
	slots   int
	cpus    float64
	devices []string
	running int
	queue   fifo[*Task]
	pending map[id.Task]*Task    // queued and running, those of actors too: what can be canceled
	kept    map[id.Object][]kept // of results, until the driver holds them; each result counts
	unfit   error                // what its tasks need could not be loaded
	err     error
}

// Err tells why the connection has ended, nil before.
func (c *conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// serve handles the driver's messages until it goes; then its tasks are canceled, and its actors end.
func (c *conn) serve() {
	values := map[string]string{wire.ValueWorker: c.w.conf.Worker.String()}
	if l, ok := c.w.exec.(Loader); ok {
		values[wire.ValueParts] = strconv.Itoa(l.Loaded())
	}
	_, _, err := c.Handshake(c.w.ctx, frame.Hello{Role: "worker", Build: c.w.conf.Build, Values: values})
	if err == nil {
		err = c.Serve(c.handle)
	}
	c.mu.Lock()
	c.err = err
	untaken, cpus := c.kept, c.cpus
	c.kept = nil
	c.queue.takeAll()
	for _, t := range c.pending {
		t.cancelNow()
	}
	c.mu.Unlock()
	c.Abort()
	c.w.processors.lease(-cpus)
	c.w.mu.Lock()
	delete(c.w.open, c)
	var orphans []id.Actor
	for actor, a := range c.w.actors {
		if a.maker == c {
			orphans = append(orphans, actor)
		}
	}
	c.w.mu.Unlock()
	for _, actor := range orphans {
		c.w.kill(actor)
	}
	for object, list := range untaken {
		if list[0].own {
			c.release(object)
		}
	}
}

// kept is an object of a result that is not yet the driver's.
type kept struct {
	own  bool // the executor holds it for the result; else whatever keep is holds it
	keep any
}

// keep remembers the objects of a result that is sent; those that it refers to live as long as what is to be kept.
func (c *conn) keep(value wire.Payload, what any) {
	if !value.Stored() {
		return
	}
	c.mu.Lock()
	ended := c.err != nil
	if !ended {
		if c.kept == nil {
			c.kept = map[id.Object][]kept{}
		}
		for place := range value.Places {
			c.kept[place.Object] = append(c.kept[place.Object], kept{own: place == value.Place, keep: what})
		}
	}
	c.mu.Unlock()
	if ended && !value.Place.IsZero() {
		c.release(value.Place.Object)
	}
}

// taken hears that the driver holds an object itself.
func (c *conn) taken(object id.Object) {
	c.mu.Lock()
	list := c.kept[object]
	if len(list) > 1 {
		c.kept[object] = list[1:]
	} else {
		delete(c.kept, object)
	}
	c.mu.Unlock()
	if len(list) > 0 && list[0].own {
		c.release(object)
	}
}

func (c *conn) release(object id.Object) {
	if h, ok := c.w.exec.(Holder); ok {
		h.Release(object)
	}
}

// load takes code, or values of variables. Tasks that follow fail if that does.
func (c *conn) load(what func(Loader) error) {
	l, ok := c.w.exec.(Loader)
	err := errors.New("this worker takes no code")
	if ok {
		err = what(l)
	}
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.unfit = err
	}
}

func (c *conn) handle(kind byte, body []byte) error {
	switch kind {
	case wire.KindPush:
		return c.push(body)
	case wire.KindCancel:
		m, err := wire.ParseCancel(body)
		if err != nil {
			return err
		}
		if t := c.task(m.Task); t != nil {
			t.cancelNow()
		}
	case wire.KindConsumed:
		m, err := wire.ParseConsumed(body)
		if err != nil {
			return err
		}
		if t := c.task(m.Task); t != nil {
			t.consume(m.Count)
		}
	case wire.KindKillActor:
		m, err := wire.ParseKillActor(body)
		if err != nil {
			return err
		}
		c.w.kill(m.Actor)
	case wire.KindRecall:
		c.recall()
	case wire.KindCode:
		m, err := wire.ParseCode(append([]byte(nil), body...))
		if err != nil {
			return err
		}
		c.load(func(l Loader) error { return l.Load(int(m.Part), m.Data) })
	case wire.KindEnvironment:
		m, err := wire.ParseEnvironment(append([]byte(nil), body...))
		if err != nil {
			return err
		}
		c.load(func(l Loader) error { return l.SetEnvironment(c.job, m.Digest, m.Values) })
	case wire.KindTaken:
		m, err := wire.ParseTaken(body)
		if err != nil {
			return err
		}
		c.taken(m.Object)
	case wire.KindAttach:
		m, err := wire.ParseJSON[wire.Attach](body)
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.lease, c.job, c.slots, c.cpus, c.devices = m.Lease, m.Job, m.Slots, m.CPUs, m.Devices
		c.w.processors.lease(m.CPUs)
		c.startLocked()
		c.mu.Unlock()
	default:
		return fmt.Errorf("a message of kind %d, which a driver does not send to a worker", kind)
	}
	return nil
}

func (c *conn) push(body []byte) error {
	m, err := wire.ParsePush(append([]byte(nil), body...)) // the frame's memory is used again
	if err != nil {
		return err
	}
	t := &Task{Push: m, Node: c.w.nodeID, Worker: c.w.conf.Worker, worker: c.w, conn: c}
	t.taken.L = &t.mu
	c.mu.Lock()
	t.Lease, t.Job, t.Devices = c.lease, c.job, c.devices
	if unfit := c.unfit; unfit != nil {
		c.mu.Unlock()
		t.refuse(wire.StatusError, &wire.Failure{Message: unfit.Error()})
		return nil
	}
	c.pending[m.Task] = t
	if m.Form >= wire.FormActor {
		c.mu.Unlock()
		if m.Form == wire.FormActor || m.Form == wire.FormTryActor {
			c.w.create(t)
		} else {
			c.w.call(t)
		}
		return nil
	}
	defer c.mu.Unlock()
	c.queue.push(t)
	c.startLocked()
	return nil
}

// startLocked starts as many runners as there is work and there are slots for; c.mu is held.
func (c *conn) startLocked() {
	for n := c.queue.len(); n > 0 && c.running < c.slots; n-- {
		c.running++
		c.w.startLoop(c.work)
	}
}

// work runs tasks until none waits.
func (c *conn) work() {
	for {
		c.mu.Lock()
		t, ok := c.queue.pop()
		if !ok {
			c.running--
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		t.run(c.w.exec, nil)
	}
}

// done forgets a task that has ended. The driver may have pushed it again by now.
func (c *conn) done(t *Task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending[t.Task] == t {
		delete(c.pending, t.Task)
	}
}

// task returns a task that is queued or runs, nil for others.
func (c *conn) task(task id.Task) *Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending[task]
}

// recall gives back all tasks that have not begun.
func (c *conn) recall() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var m wire.Returned
	for _, t := range c.queue.takeAll() {
		delete(c.pending, t.Task)
		m.Tasks = append(m.Tasks, t.Task)
	}
	_ = c.Send(wire.KindReturned, m.Append) // the driver has gone, then
}
