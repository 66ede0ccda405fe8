package mobula

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"mobula/cluster/driver"
	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Generic functions are compiled where they are used, with every type that they mention, and all that these are made of; the cells of a
// notebook pay for that each time. So they are thin: what they do is in the functions of this file, which have types that are simple, or hidden
// behind a handle, and which are not inlined.

var errZeroRef = errors.New("a Ref that no task has made: use what Go, Put or a sibling returned")

//go:noinline
func failed(err error) *session.ObjectHandle { return session.HandleOf(session.Failed(err)) }

// submit submits what runs f.
//
//go:noinline
func submit(form wire.Form, f any, opts []Option, run session.Run) *session.ObjectHandle {
	return submitter(form, f, opts, nil)(run)
}

// submitter returns what submits tasks that run f, of one Map.
//
//go:noinline
func submitter(form wire.Form, f any, opts []Option, loop *session.Loop) func(run session.Run) *session.ObjectHandle {
	o, err := taskOptions(opts)
	if err != nil {
		return func(session.Run) *session.ObjectHandle { return failed(err) }
	}
	var gate *driver.Gate
	if o.limit > 0 {
		gate = driver.NewGate(o.limit)
	}
	return func(run session.Run) *session.ObjectHandle {
		s, spec, err := specOf(form, f, o)
		if err != nil {
			return failed(err)
		}
		spec.Gate, spec.Loop = gate, loop
		return session.HandleOf(s.Submit(spec, run))
	}
}

//go:noinline
func put(p any) *session.ObjectHandle {
	s, err := current()
	if err != nil {
		return failed(err)
	}
	return session.HandleOf(s.Put(taskContext(), p))
}

//go:noinline
func get(ctx context.Context, h *session.ObjectHandle, p any) error {
	if h == nil {
		return errZeroRef
	}
	return session.ObjectOf(h).Get(ctx, p)
}

//go:noinline
func ready(h *session.ObjectHandle) bool { return h != nil && session.ObjectOf(h).Ready() }

//go:noinline
func done(h *session.ObjectHandle) <-chan struct{} {
	if h == nil {
		return nil
	}
	return session.ObjectOf(h).Done()
}

//go:noinline
func cancel(h *session.ObjectHandle, kill bool) {
	if h != nil {
		session.ObjectOf(h).Cancel(kill)
	}
}

//go:noinline
func free(h *session.ObjectHandle) {
	if h != nil {
		session.ObjectOf(h).Free()
	}
}

//go:noinline
func objectID(h *session.ObjectHandle) ObjectID {
	if h == nil {
		return ObjectID{}
	}
	return session.ObjectOf(h).ID
}

//go:noinline
func objectText(h *session.ObjectHandle, zero any) string {
	state := "waits"
	switch {
	case h == nil:
		state = "failed" // errZeroRef
	case ready(h):
		state = "ready"
		if _, err := session.ObjectOf(h).Result(); err != nil {
			state = "failed"
			if _, freed := errors.AsType[*FreedError](err); freed {
				state = "freed"
			}
		}
	}
	return fmt.Sprintf("Ref[%T] %s (%s)", zero, objectID(h).Short(), state)
}

// blocked gives the processor of the calling task to others, until the returned function is called.
//
//go:noinline
func blocked() (resume func()) { return session.Blocked() }

// awaitSome returns when n of the objects are ready. An object may be there once.
//
//go:noinline
func awaitSome(ctx context.Context, handles []*session.ObjectHandle, n int) error {
	seen := make(map[ObjectID]bool, len(handles))
	for i, h := range handles {
		if h == nil {
			return fmt.Errorf("wait for ref %d: %w", i, errZeroRef)
		}
		if seen[objectID(h)] {
			return fmt.Errorf("wait for refs: %s is there twice", objectID(h).Short())
		}
		seen[objectID(h)] = true
	}
	arrived := make(chan struct{}, len(handles))
	missing := n
	for _, h := range handles {
		if ready(h) {
			missing--
		} else {
			session.ObjectOf(h).Then(func() { arrived <- struct{}{} })
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

//go:noinline
func newActor(form wire.Form, f any, opts []Option, pointer any, run session.Run) *session.ActorHandle {
	a, err := makeActor(form, f, opts, reflect.TypeOf(pointer).Elem().String(), run)
	if err != nil {
		a = session.FailedActor(err)
	}
	return session.ActorHandleOf(a)
}

//go:noinline
func findActor(ctx context.Context, name string, opts []Option) (*session.ActorHandle, error) {
	o, err := optionsOf(opts, &noOptions)
	if err != nil {
		return nil, err
	}
	s, err := current()
	if err != nil {
		return nil, err
	}
	a, err := s.FindNamed(ctx, name, o.namespace)
	if err != nil {
		return nil, fmt.Errorf("find actor %s: %w", name, err)
	}
	return session.ActorHandleOf(a), nil
}

//go:noinline
func call(form wire.Form, a *session.ActorHandle, f any, opts []Option, run session.Run) *session.ObjectHandle {
	if a == nil {
		return failed(errZeroActor)
	}
	o, err := optionsOf(opts, &noOptions)
	if err == nil && (o.resources != nil || o.isolated) {
		err = fmt.Errorf("a call runs where its actor is: give resources to the actor")
	}
	if err != nil {
		return failed(err)
	}
	_, spec, err := specOf(form, f, o)
	if err != nil {
		return failed(err)
	}
	return session.HandleOf(session.ActorOf(a).Call(spec, run))
}

//go:noinline
func errWrongActor(is, want any) error {
	return fmt.Errorf("the actor is a %T, and was called as a %T: use FindActor with its type", is, want)
}

//go:noinline
func waitActor(ctx context.Context, a *session.ActorHandle) error {
	if a == nil {
		return errZeroActor
	}
	return session.ActorOf(a).Wait(ctx)
}

//go:noinline
func killActor(a *session.ActorHandle) error {
	if a == nil {
		return errZeroActor
	}
	return session.ActorOf(a).Kill(taskContext())
}

//go:noinline
func actorID(a *session.ActorHandle) ActorID {
	if a == nil {
		return ActorID{}
	}
	return session.ActorOf(a).ID()
}
