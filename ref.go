package mobula

import (
	"context"
	"fmt"

	"mobula/cluster/session"
)

// Ref refers to a value of type T in the cluster that is there or will be: the result of a task or a call, or what was put. It may be
// copied, and captured by tasks. The value is kept as long as a process has a Ref of it.
type Ref[T any] struct{ handle *session.ObjectHandle }

// Get waits for the value and returns a copy of it; large numeric slices are views of the node's memory, which the caller may write
// to. The error is that of the task, or ctx's.
func (r Ref[T]) Get(ctx context.Context) (value T, err error) {
	err = get(ctx, r.handle, &value)
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
func (r Ref[T]) Ready() bool { return ready(r.handle) }

// Done returns a channel that is closed when Get returns at once.
func (r Ref[T]) Done() <-chan struct{} { return done(r.handle) }

// Cancel ends the task: one that waits never runs; one that runs finds its context ended. A task without a context is given up on:
// its Ref fails at once with a CanceledError, and what it returns is dropped.
func (r Ref[T]) Cancel() { cancel(r.handle, false) }

// Kill is Cancel that does not wait for the task to heed its context.
func (r Ref[T]) Kill() { cancel(r.handle, true) }

// Free gives the value up, before the last Ref of it has gone: Get fails from now on with a FreedError, here and in tasks that have not started.
// A large value is also freed without it, but only when the collector has found that no Ref is left.
func (r Ref[T]) Free() { free(r.handle) }

// ID is the object's identity.
func (r Ref[T]) ID() ObjectID { return objectID(r.handle) }

// String names the object.
func (r Ref[T]) String() string {
	var zero T
	return objectText(r.handle, zero)
}

// Put copies a value into the cluster. Large numeric slices in it are read by the tasks of the node without another copy. A value that
// refers to objects is there when they are.
func Put[T any](value T) Ref[T] { return Ref[T]{put(&value)} }

// All waits for all values and returns them in order. The error is that of the first that has failed, or ctx's.
func All[T any](ctx context.Context, refs []Ref[T]) ([]T, error) {
	values := make([]T, len(refs))
	waits := false
	for i, r := range refs {
		if !waits && !r.Ready() { // once for all that follow
			waits = true
			defer blocked()()
		}
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
	handles := make([]*session.ObjectHandle, len(refs))
	for i, r := range refs {
		handles[i] = r.handle
	}
	if err = awaitSome(ctx, handles, n); err != nil && ctx.Err() == nil {
		return nil, refs, err // a mistake
	}
	for _, r := range refs {
		if len(ready) < n && r.Ready() {
			ready = append(ready, r)
		} else {
			rest = append(rest, r)
		}
	}
	return ready, rest, err
}
