package mobula

import (
	"context"
	"errors"
	"fmt"

	"mobula/cluster/session"
	"mobula/internal/id"
)

// Ref refers to a value of type T in the cluster that is there or will be: the result of a task or a call, or what was put. It may be
// copied, and captured by tasks. The value is kept as long as a process has a Ref of it.
type Ref[T any] struct{ handle *session.ObjectHandle }

func refOf[T any](o *session.Object) Ref[T] { return Ref[T]{&session.ObjectHandle{Object: o}} }

func failed[T any](err error) Ref[T] { return refOf[T](session.Failed(err)) }

var errZeroRef = errors.New("a Ref that no task has made: use what Go, Put or a sibling returned")

func (r Ref[T]) object() (*session.Object, error) {
	if r.handle == nil {
		return nil, errZeroRef
	}
	return r.handle.Object, nil
}

// Get waits for the value and returns a copy of it; large numeric slices are views of the node's memory, which the caller may write
// to. The error is that of the task, or ctx's.
func (r Ref[T]) Get(ctx context.Context) (value T, err error) {
	o, err := r.object()
	if err == nil {
		err = o.Get(ctx, &value)
	}
	return value, err
}

// Value is Get for cells: a failure ends the cell by a panic with the error. In a task, it ends with the task.
func (r Ref[T]) Value() T {
	value, err := r.Get(taskContext())
	if err != nil {
		panic(err)
	}
	return value
}

// Ready reports whether Get returns at once.
func (r Ref[T]) Ready() bool { return r.handle != nil && r.handle.Object.Ready() }

// Done returns a channel that is closed when Get returns at once.
func (r Ref[T]) Done() <-chan struct{} {
	if r.handle == nil {
		return nil
	}
	return r.handle.Object.Done()
}

// Cancel ends the task: one that waits never runs; one that runs finds its context ended. A task without a context is given up on:
// its Ref fails at once with a CanceledError, and what it returns is dropped.
func (r Ref[T]) Cancel() { r.cancel(false) }

// Kill is Cancel that does not wait for the task to heed its context.
func (r Ref[T]) Kill() { r.cancel(true) }

func (r Ref[T]) cancel(kill bool) {
	if r.handle != nil {
		r.handle.Object.Cancel(kill)
	}
}

// Free gives the value up, before the last Ref of it has gone: Get fails from now on with a FreedError, here and in tasks that have not started.
// A large value is also freed without it, but only when the collector has found that no Ref is left.
func (r Ref[T]) Free() {
	if r.handle != nil {
		r.handle.Object.Free()
	}
}

// ID is the object's identity.
func (r Ref[T]) ID() ObjectID {
	if r.handle == nil {
		return ObjectID{}
	}
	return r.handle.Object.ID
}

// String names the object.
func (r Ref[T]) String() string {
	state := "waits"
	if r.Ready() {
		state = "ready"
	}
	var zero T
	return fmt.Sprintf("Ref[%T] %s (%s)", zero, r.ID().Short(), state)
}

// Put copies a value into the cluster. Large numeric slices in it are read by the tasks of the node without another copy. A value that
// refers to objects is there when they are.
func Put[T any](value T) Ref[T] {
	s, err := current()
	if err != nil {
		return failed[T](err)
	}
	return refOf[T](s.Put(taskContext(), &value))
}

// All waits for all values and returns them in order. The error is that of the first that has failed, or ctx's.
func All[T any](ctx context.Context, refs []Ref[T]) ([]T, error) {
	defer session.Blocked()()
	values := make([]T, len(refs))
	for i, r := range refs {
		var err error
		if values[i], err = r.Get(ctx); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Values is All for cells: a failure ends the cell by a panic with the error.
func Values[T any](refs []Ref[T]) []T {
	values, err := All(taskContext(), refs)
	if err != nil {
		panic(err)
	}
	return values
}

// Wait waits until n of the refs are ready, or ctx ends. It returns those that are ready, at most n, and the rest, both in order. An
// end of ctx is its error, with what is ready by then.
func Wait[T any](ctx context.Context, refs []Ref[T], n int) (ready, rest []Ref[T], err error) {
	if n < 0 || n > len(refs) {
		return nil, refs, fmt.Errorf("wait for %d of %d refs: there are not so many", n, len(refs))
	}
	seen := make(map[id.Object]bool, len(refs))
	for i, r := range refs {
		if r.handle == nil {
			return nil, refs, fmt.Errorf("wait for ref %d: %w", i, errZeroRef)
		}
		if seen[r.ID()] {
			return nil, refs, fmt.Errorf("wait for refs: %s is there twice", r.ID().Short())
		}
		seen[r.ID()] = true
	}
	err = awaitSome(ctx, refs, n)
	for _, r := range refs {
		if len(ready) < n && r.Ready() {
			ready = append(ready, r)
		} else {
			rest = append(rest, r)
		}
	}
	return ready, rest, err
}

// awaitSome returns when n of the refs are ready.
func awaitSome[T any](ctx context.Context, refs []Ref[T], n int) error {
	arrived := make(chan struct{}, len(refs))
	missing := n
	for _, r := range refs {
		if r.Ready() {
			missing--
		} else {
			r.handle.Object.Then(func() { arrived <- struct{}{} })
		}
	}
	if missing <= 0 {
		return nil
	}
	defer session.Blocked()()
	ctx, leave := session.Interruptible(ctx)
	defer leave()
	for ; missing > 0; missing-- {
		select {
		case <-arrived:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
