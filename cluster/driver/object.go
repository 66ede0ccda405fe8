package driver

import (
	"context"
	"runtime"
	"sync"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// Object is a value that is there or will be: the result of a task, or one that was put.
type Object struct {
	ID   id.Object
	task *task // that makes it; nil for one that was put

	mu    sync.Mutex // guards below
	ready bool
	value wire.Payload
	err   error
	done  chan struct{} // made when somebody waits
	free  func()        // gives up the reference to where the value is
	keep  []*Object     // what the value refers to, of this driver
	then  []func()
}

// closedChan is what Done returns for all that is ready.
var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Put returns an object of a value that refers to others: it is there when they are, and fails with them.
func (d *Driver) Put(value wire.Payload, refs []*Object) *Object {
	o := &Object{ID: id.New[id.Object](), ready: len(refs) == 0, value: value}
	if o.ready {
		return o
	}
	t := &task{Object: Object{ID: o.ID, keep: refs}, d: d, spec: Spec{Inputs: refs}}
	d.whenReady(t, func() {
		for _, in := range refs {
			inner, _ := in.Result() // it has not failed: whenReady
			value.Refs = append(value.Refs, wire.Ref{Object: in.ID, Value: inner})
		}
		t.resolve(value, nil)
	})
	return &t.Object
}

// Failed returns an object that will never be there.
func Failed(err error) *Object {
	return &Object{ID: id.New[id.Object](), ready: true, err: err}
}

// Received returns an object that came with a task.
func Received(object id.Object, value wire.Payload) *Object {
	return &Object{ID: object, ready: true, value: value}
}

// Own has release called when nobody uses the object any more, or at Free.
func (o *Object) Own(release func()) {
	release = sync.OnceFunc(release)
	runtime.AddCleanup(o, func(f func()) { f() }, release)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = release
}

// Free gives the value up; who asks for it gets a FreedError. Tasks that run with it are not disturbed. It does nothing before the object
// is ready.
func (o *Object) Free() {
	o.mu.Lock()
	if !o.ready || o.err != nil {
		o.mu.Unlock()
		return
	}
	o.value, o.keep, o.err = wire.Payload{}, nil, &fault.FreedError{Object: o.ID}
	release := o.free
	o.mu.Unlock()
	if release != nil {
		release()
	}
}

// Ready reports whether it is there or has failed.
func (o *Object) Ready() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ready
}

// Done returns a channel that is closed when the object is ready.
func (o *Object) Done() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ready {
		return closedChan
	}
	if o.done == nil {
		o.done = make(chan struct{})
	}
	return o.done
}

// Wait waits until the object is ready; the error is ctx's.
func (o *Object) Wait(ctx context.Context) error {
	select {
	case <-o.Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Result returns the value or the failure of a ready object. The payload must not be changed.
func (o *Object) Result() (wire.Payload, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.value, o.err
}

// Then has f called once the object is ready; at once, if it is.
func (o *Object) Then(f func()) {
	o.mu.Lock()
	if !o.ready {
		o.then = append(o.then, f)
		o.mu.Unlock()
		return
	}
	o.mu.Unlock()
	f()
}

// Name is that of the task which makes it.
func (o *Object) Name() string {
	if o.task == nil {
		return ""
	}
	return o.task.spec.Name
}

// resolve makes the object ready. Only the first call counts.
func (o *Object) resolve(value wire.Payload, err error) {
	o.mu.Lock()
	if o.ready {
		o.mu.Unlock()
		return
	}
	o.ready, o.value, o.err = true, value, err
	if o.task != nil && (err != nil || value.Place.IsZero()) { // it cannot be lost: the task never runs again
		o.task.spec.Closure, o.task.spec.Inputs, o.task.spec.Keep = wire.Payload{}, nil, nil
	}
	then := o.then
	o.then = nil
	if o.done != nil {
		close(o.done)
	}
	o.mu.Unlock()
	if o.task != nil {
		if err != nil {
			o.task.d.events.resolved(o.task, err)
		}
		o.task.d.progress.end(o.task, err)
	}
	if o.task != nil && o.task.spec.Form >= wire.FormCall {
		o.task.actor.settled()
	}
	for _, f := range then {
		f()
	}
}
