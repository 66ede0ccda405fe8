package driver

import (
	"sync/atomic"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// Spec is what a task is.
type Spec struct {
	Form    wire.Form
	Name    string
	Closure wire.Payload
	Class   wire.Class
	// ClassKey is ClassKey(Class), for those who submit many tasks of a class; it is computed where it is empty.
	ClassKey string
	Values   *wire.Payload // of the variables whose digest is Class.Environment; nil where there is none
	Parts    int           // so many parts of the program's code must be in the worker
	Depth    int           // of nesting
	Cell     int           // of a notebook, see wire.Push
	Inputs   []*Object     // the closure refers to them: the task starts when all are ready
	Keep     any           // what must stay reachable while the task may run
	Gate     *Gate         // bounds how many run at a time; nil: nothing does
	// Retries is how often the task is tried again after the system has failed it; below 0: without end.
	Retries int
	// RetryOn says which of the task's own errors are worth another attempt; nil: none. It counts against Retries.
	RetryOn func(error) bool
	// OnItem gets the items of a stream in order, on the driver's goroutine.
	OnItem func(*Object)
}

// task is a Spec on its way. Its object is the result.
type task struct {
	Object
	d       *Driver
	spec    Spec
	class   *class
	actor   *Actor // of a constructor or call
	waiting atomic.Int32
	failed  atomic.Pointer[fault.InputError]
	listed  atomic.Bool // the last event that was noted of it is not of its end

	// guarded by Driver.progress.mu
	operation      *operation // nil: it is not followed, or has ended
	next, previous *task      // of the operation

	// guarded by Driver.mu
	attempt  int
	reruns   int    // for other tasks' sake
	remakes  int    // since its result was lost; Object.mu guards it
	lease    *lease // where it is
	sequence uint64 // of its push
	items    uint64 // of its stream that were delivered
	broken   error  // an item that is lost: this attempt is canceled
	over     bool   // canceled or otherwise settled: not to be pushed any more
}

// maxReruns bounds how often a task is run again because a worker ended of which it was not the suspect.
const maxReruns = 50

func (t *task) id() id.Task { return id.Task(t.ID) }

// Submit starts a task as soon as its inputs and a slot are there.
func (d *Driver) Submit(s Spec) *Object {
	t := &task{d: d, spec: s, attempt: 1}
	t.ID, t.task = id.New[id.Object](), t
	d.progress.begin(t)
	if len(t.spec.Inputs) == 0 && t.spec.Gate == nil {
		d.enqueue(t)
	} else {
		d.whenReady(t, func() { t.spec.Gate.enter(t, func() { d.enqueue(t) }) })
	}
	return &t.Object
}

// whenReady calls f when the inputs of t are there. If one has failed, t has.
func (d *Driver) whenReady(t *task, f func()) {
	t.waiting.Store(1)
	arrived := func() {
		if t.waiting.Add(-1) > 0 {
			return
		}
		if e := t.failed.Load(); e != nil {
			t.resolve(wire.Payload{}, e)
			return
		}
		f()
	}
	for _, in := range t.spec.Inputs {
		if in.Ready() && in.failure() == nil {
			continue
		}
		t.waiting.Add(1)
		in.Then(func() {
			if err := in.failure(); err != nil {
				t.failed.CompareAndSwap(nil, &fault.InputError{Task: t.id(), Name: t.spec.Name, Input: in.ID, Err: err})
			}
			arrived()
		})
	}
	arrived()
}

func (o *Object) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// push is the message that gives the task to a worker.
func (t *task) push() wire.Push {
	m := wire.Push{Task: t.id(), Form: t.spec.Form, Attempt: uint64(t.attempt), Depth: uint64(t.spec.Depth), Cell: uint64(t.spec.Cell), Name: t.spec.Name, Closure: t.spec.Closure}
	if t.actor != nil {
		m.Actor, m.Concurrency = t.actor.ID(), uint64(t.actor.spec.Concurrency)
	}
	m.Closure.Refs = append(m.Closure.Refs, t.refs()...)
	return m
}

// refs are the task's inputs with their values.
func (t *task) refs() (list []wire.Ref) {
	for _, in := range t.spec.Inputs {
		value, _ := in.Result() // it has not failed: whenReady
		list = append(list, wire.Ref{Object: in.ID, Value: value})
	}
	return list
}

// Cancel ends a task: one that waits never runs, one that runs finds its context ended. A task without a context is given
// up on: it counts as canceled at once, and what it returns is dropped. With kill this is so for all.
func (o *Object) Cancel(kill bool) {
	t := o.task
	if t == nil || o.Ready() {
		return
	}
	t.d.mu.Lock()
	l := t.lease
	cooperative := l != nil && !kill && takesContext(t.spec.Form)
	if !cooperative {
		t.over = true
	}
	if l != nil {
		m := wire.Cancel{Task: t.id()}
		_ = l.conn.Send(wire.KindCancel, m.Append) // without its worker the task fails anyway
	}
	t.d.mu.Unlock()
	if !cooperative {
		t.resolve(wire.Payload{}, &fault.CanceledError{Task: t.id(), Name: t.spec.Name})
	}
}

func takesContext(f wire.Form) bool {
	return f == wire.FormTry || f == wire.FormStream || f == wire.FormTryActor || f == wire.FormTryCall
}

// Consumed tells the worker of a stream how many of its items have been taken: it does not run far ahead.
func (o *Object) Consumed(count uint64) {
	o.task.d.mu.Lock()
	defer o.task.d.mu.Unlock()
	if l := o.task.lease; l != nil {
		m := wire.Consumed{Task: o.task.id(), Count: count}
		_ = l.conn.Send(wire.KindConsumed, m.Append) // without its worker the task fails anyway
	}
}
