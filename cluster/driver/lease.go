package driver

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// lease is a right to run tasks on a worker, with the connection to it.
type lease struct {
	d      *Driver
	class  *class
	grant  wire.LeaseGrant
	conn   *frame.Conn
	exited chan *wire.WorkerExited // room for one

	// guarded by Driver.mu
	slots     int
	window    int // tasks pushed ahead for each slot
	load      int // ordinary tasks in flight
	average   time.Duration
	inflight  map[id.Task]*task
	sequence  uint64
	parts     int             // of the code that the worker has, or that were sent
	prepared  map[string]bool // digests of the values of variables that were sent
	actors    map[*Actor]bool
	heard     time.Time // of the last result, or of the first task after it was idle
	closing   bool      // it goes back when nothing is in flight
	recalling bool
	wanted    bool // by others, once it is idle
	returned  bool // given back: the end of the connection is none of the worker
	dead      bool // the worker has ended
	attached  bool // it is none: the node did not grant it
}

const firstWindow = 2

// granted connects to the worker of a new lease; on its own goroutine.
func (d *Driver) granted(g wire.LeaseGrant) {
	d.mu.Lock()
	c := d.requests[g.Request]
	d.mu.Unlock()
	cpus := 0.0
	if c != nil {
		cpus = c.spec.Resources["cpu"] * float64(g.Slots)
	}
	conn, parts, err := d.dial(g, cpus)
	if c == nil || err != nil {
		if err == nil {
			conn.Abort()
		}
		_ = d.node.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: g.Lease})) // the node goes: no lease either
		if err != nil {
			d.mu.Lock()
			c.asked = 0
			d.ask(c) // another worker
			d.mu.Unlock()
		}
		return
	}
	l := &lease{d: d, class: c, grant: g, conn: conn, parts: parts, slots: g.Slots, window: firstWindow, inflight: map[id.Task]*task{},
		actors: map[*Actor]bool{}, exited: make(chan *wire.WorkerExited, 1), heard: time.Now()}
	d.mu.Lock()
	if d.ended != nil {
		d.mu.Unlock()
		conn.Abort()
		return
	}
	c.leases = append(c.leases, l)
	c.asked = max(0, c.asked-g.Slots)
	d.leases[g.Lease] = l
	d.pump(c)
	d.mu.Unlock()
	l.serve()
}

// push sends a task; Driver.mu is held.
func (l *lease) push(t *task) {
	if len(l.inflight) == 0 {
		l.heard = time.Now()
	}
	l.sequence++
	t.lease, t.sequence, t.broken = l, l.sequence, nil
	l.inflight[t.id()] = t
	switch {
	case t.spec.Form < wire.FormActor:
		l.load++
	case t.spec.Form < wire.FormCall:
		l.actors[t.actor] = true
		l.d.later(func() { t.actor.placed(l) })
	}
	l.prepare(t)
	if l.load <= l.slots {
		l.d.events.note(t, wire.TaskRunning, time.Now(), l.grant.Worker)
	}
	m := t.push()
	if err := l.conn.Send(wire.KindPush, m.Append); err != nil && !errors.Is(err, frame.ErrClosed) {
		l.settle(t)
		l.d.later(func() { t.resolve(wire.Payload{}, fmt.Errorf("submit task %s: %w", t.spec.Name, err)) })
	}
}

// settle takes a task off the lease; Driver.mu is held.
func (l *lease) settle(t *task) {
	delete(l.inflight, t.id())
	t.lease = nil
	if t.spec.Form < wire.FormActor {
		l.load--
	}
	l.heard = time.Now()
}

// serve handles the worker's messages until the connection ends.
func (l *lease) serve() {
	err := l.conn.Serve(l.handle)
	l.conn.Abort()
	l.d.mu.Lock()
	returned := l.returned
	l.d.mu.Unlock()
	if !returned {
		l.lost(err)
	}
}

func (l *lease) handle(kind byte, body []byte) error {
	switch kind {
	case wire.KindResult:
		m, err := wire.ParseResult(append([]byte(nil), body...)) // the frame's memory is used again
		if err != nil {
			return err
		}
		l.result(&m)
	case wire.KindYield:
		m, err := wire.ParseYield(append([]byte(nil), body...))
		if err != nil {
			return err
		}
		l.d.mu.Lock()
		t := l.inflight[m.Task]
		fresh := t != nil && m.Index >= t.items && !t.over && t.broken == nil // another attempt yields again what was delivered
		l.d.mu.Unlock()
		if fresh {
			l.deliver(t, &m)
		}
	case wire.KindReturned:
		m, err := wire.ParseReturned(body)
		if err != nil {
			return err
		}
		l.takeBack(m.Tasks)
	default:
		return fmt.Errorf("a message of kind %d, which a worker does not send", kind)
	}
	return nil
}

func (l *lease) result(m *wire.Result) {
	d := l.d
	d.mu.Lock()
	t := l.inflight[m.Task]
	if t == nil {
		d.mu.Unlock()
		return
	}
	l.settle(t)
	broken := t.broken
	took := time.Duration(m.Nanos)
	d.events.ended(t, m, l.grant.Worker)
	if t.spec.Form < wire.FormActor {
		l.adapt(took)
	}
	d.pump(l.class)
	l.returnIdle()
	l.finishClosing()
	if len(l.inflight) == 0 && l.waited() {
		d.look()
	}
	d.mu.Unlock()
	if broken == nil {
		d.conclude(l, t, m)
	} else if !d.again(t) {
		t.resolve(wire.Payload{}, broken)
	}
}

// deliver hands over an item of a stream, as an object. If it is lost, the task is canceled, and tried again once it has ended.
func (l *lease) deliver(t *task, m *wire.Yield) {
	o := &Object{ID: id.New[id.Object](), ready: true, value: m.Value}
	if m.Value.Stored() {
		held, release, err := l.d.hold(l, m.Value)
		if err != nil {
			cancel := wire.Cancel{Task: m.Task}
			l.d.mu.Lock()
			defer l.d.mu.Unlock()
			t.broken = fmt.Errorf("item %d of a stream is lost: %w", m.Index, err)
			_ = l.conn.Send(wire.KindCancel, cancel.Append) // without its worker it is tried again anyway
			return
		}
		o.value = held
		o.Own(release)
	}
	l.d.mu.Lock()
	t.items = m.Index + 1
	l.d.mu.Unlock()
	if t.spec.OnItem != nil {
		t.spec.OnItem(o)
	}
}

func stateOf(s wire.Status) wire.TaskState {
	switch s {
	case wire.StatusOK:
		return wire.TaskFinished
	case wire.StatusCanceled:
		return wire.TaskCanceled
	}
	return wire.TaskFailed
}

// conclude resolves a task by its worker's result, or tries it again.
func (d *Driver) conclude(l *lease, t *task, m *wire.Result) {
	switch m.Status {
	case wire.StatusOK:
		d.arrived(l, t, m.Value)
	case wire.StatusCanceled:
		t.resolve(wire.Payload{}, &fault.CanceledError{Task: t.id(), Name: t.spec.Name})
	case wire.StatusActorGone:
		t.resolve(wire.Payload{}, t.actor.died())
	case wire.StatusError:
		err := d.taskError(t, m.Failure)
		if d.remakeInput(t, err) && d.again(t) {
			return
		}
		if t.spec.RetryOn == nil {
			t.resolve(wire.Payload{}, err)
			return
		}
		d.wg.Go(func() { // the user's code may take its time
			if t.spec.RetryOn(err) && d.again(t) {
				return
			}
			t.resolve(wire.Payload{}, err)
		})
	}
}

// arrived resolves a task whose result is here, or held in a store.
func (d *Driver) arrived(l *lease, t *task, value wire.Payload) {
	if !value.Stored() {
		t.resolve(value, nil)
		return
	}
	d.take(l, t, value)
}

// take resolves a task with a result that is in a store, once that is held. Inlined, it would cost those whose results are not an allocation.
//
//go:noinline
func (d *Driver) take(l *lease, t *task, value wire.Payload) {
	d.wg.Go(func() {
		held, release, err := d.hold(l, value)
		switch {
		case err == nil:
			t.Own(release)
			t.resolve(held, nil)
		case !d.again(t):
			t.resolve(wire.Payload{}, err)
		}
	})
}

// hold takes over the worker's references to what is in a store of a value.
func (d *Driver) hold(l *lease, value wire.Payload) (held wire.Payload, release func(), err error) {
	if d.conf.Hold == nil {
		return held, nil, errors.New("a result is in an object store, and this driver has none")
	}
	if held, release, err = d.conf.Hold(d.ctx, value); err != nil {
		return held, nil, err
	}
	for place := range value.Places {
		m := wire.Taken{Object: place.Object}
		_ = l.conn.Send(wire.KindTaken, m.Append) // without its worker the reference is gone anyway
	}
	return held, release, nil
}

// again gives a task another attempt if it has one left.
func (d *Driver) again(t *task) bool {
	d.mu.Lock()
	left := !t.over && (t.spec.Retries < 0 || t.attempt <= t.spec.Retries) && d.ended == nil
	if left {
		d.events.note(t, wire.TaskRetried, time.Now(), id.Worker{})
		d.progress.retried(t)
		t.attempt++
	}
	d.mu.Unlock()
	switch {
	case left && t.spec.Form >= wire.FormCall:
		t.actor.send(t)
	case left:
		d.whenReady(t, func() { d.enqueue(t) })
	}
	return left
}

func (d *Driver) taskError(t *task, f *wire.Failure) error {
	e := &fault.TaskError{Task: t.id(), Name: t.spec.Name, Attempt: t.attempt, Panic: f.Panic, Type: f.Type, Message: f.Message}
	for _, x := range f.Frames {
		e.Frames = append(e.Frames, fault.Frame{Func: x.Func, File: x.File, Line: int(x.Line)})
	}
	e.Err = d.conf.DecodeError(f)
	return e
}

// takeBack queues tasks again that a worker has not begun.
func (l *lease) takeBack(ids []id.Task) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.recalling = false
	var list []*task
	for _, x := range ids {
		if t := l.inflight[x]; t != nil {
			l.settle(t)
			list = append(list, t)
		}
	}
	l.class.addFirst(list)
	l.d.pump(l.class)
	l.finishClosing()
}

// reclaim stops using the lease, as others wait for its slots; Driver.mu is held.
func (l *lease) reclaim() {
	if l.closing || len(l.actors) > 0 {
		return
	}
	l.closing = true
	_ = l.conn.Send(wire.KindRecall, nil) // or the worker ends: lost takes over
	l.finishClosing()
}

// returnIdle gives back a lease that others want and that has nothing to do; Driver.mu is held.
func (l *lease) returnIdle() {
	if l.wanted && len(l.inflight) == 0 && len(l.actors) == 0 && l.class.len() == 0 {
		l.closing = true
		l.finishClosing()
	}
}

// finishClosing gives the lease back when nothing is left on it; Driver.mu is held.
func (l *lease) finishClosing() {
	if l.closing && len(l.inflight) == 0 && len(l.actors) == 0 && !l.returned {
		l.giveBack()
	}
}

// giveBack returns the lease; Driver.mu is held.
func (l *lease) giveBack() {
	l.returned = true
	delete(l.d.leases, l.grant.Lease)
	l.forget()
	if !l.attached {
		_ = l.d.node.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: l.grant.Lease})) // the node goes: no lease either
	}
	l.d.later(l.conn.Abort)
}

// forget takes the lease out of its class; Driver.mu is held.
func (l *lease) forget() {
	l.class.leases = slices.DeleteFunc(l.class.leases, func(x *lease) bool { return x == l })
}
