package mobula

import (
	"context"
	"errors"

	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Actor is a value of type T that lives in a worker. Calls of one caller run in the order in which they were made, one at a time
// unless Concurrency says otherwise. It may be copied, and captured by tasks, which can call it too. An actor ends when its maker refers to it
// no more, nor do tasks that it has started, and its calls have ended; one that is Detached lives until it is killed.
type Actor[T any] struct{ handle *session.ActorHandle }

var errZeroActor = errors.New("an Actor that nobody has made: use what NewActor or a sibling returned")

// NewActor makes an actor of what f returns, on a worker. Calls may follow at once; where f fails, they do.
func NewActor[T any](f func() *T, opts ...Option) Actor[T] {
	return Actor[T]{newActor(wire.FormActor, f, opts, (*T)(nil), func(x session.Execution) error {
		v := f()
		if v == nil {
			return errNilActor
		}
		x.Made(v)
		return nil
	})}
}

// TryActor is NewActor with a constructor that may fail and be canceled.
func TryActor[T any](f func(context.Context) (*T, error), opts ...Option) Actor[T] {
	return Actor[T]{newActor(wire.FormTryActor, f, opts, (*T)(nil), func(x session.Execution) error {
		v, err := f(x.Context())
		if err != nil {
			return err
		}
		if v == nil {
			return errNilActor
		}
		x.Made(v)
		return nil
	})}
}

var errNilActor = errors.New("the constructor returned nil")

func makeActor(form wire.Form, f any, opts []Option, typeName string, run session.Run) (*session.Actor, error) {
	o, err := optionsOf(opts, &noOptions)
	if err != nil {
		return nil, err
	}
	s, spec, err := specOf(form, f, o)
	if err != nil {
		return nil, err
	}
	a := session.ActorSpec{Spec: spec, Concurrency: o.concurrency, Restarts: o.restarts}
	if o.actorName == "" && !o.detached {
		return s.NewActor(a, run), nil
	}
	return s.NewNamed(session.NamedSpec{
		ActorSpec: a, Key: o.actorName, Namespace: o.namespace, Type: typeName, Detached: o.detached, GetIfExists: o.getIfExists,
	}, run), nil
}

// FindActor returns the live actor of a name, which this or another process has made.
func FindActor[T any](ctx context.Context, name string, opts ...Option) (Actor[T], error) {
	a, err := findActor(ctx, name, opts)
	return Actor[T]{a}, err
}

// Call runs f on the actor.
func Call[T, R any](a Actor[T], f func(*T) R, opts ...Option) Ref[R] {
	return Ref[R]{call(wire.FormCall, a.handle, f, opts, func(x session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		v := f(a)
		return x.Return(&v)
	})}
}

// actorOf is the actor of a call. One that was found by its name may be another than the caller thinks.
func actorOf[T any](x session.Execution) (*T, error) {
	a, ok := x.Actor().(*T)
	if !ok {
		return nil, errWrongActor(x.Actor(), a)
	}
	return a, nil
}

// Send is Call for a function without a result.
func Send[T any](a Actor[T], f func(*T), opts ...Option) Ref[Void] {
	return Ref[Void]{call(wire.FormCall, a.handle, f, opts, func(x session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		f(a)
		return x.Return(&Void{})
	})}
}

// TryCall runs f on the actor; f may fail and be canceled.
func TryCall[T, R any](a Actor[T], f func(context.Context, *T) (R, error), opts ...Option) Ref[R] {
	return Ref[R]{call(wire.FormTryCall, a.handle, f, opts, func(x session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		v, err := f(x.Context(), a)
		if err != nil {
			return err
		}
		return x.Return(&v)
	})}
}

// Wait waits until the actor is made. The error is that of its constructor, or ctx's.
func (a Actor[T]) Wait(ctx context.Context) error { return waitActor(ctx, a.handle) }

// Kill ends the actor at once, for good: calls that run or wait fail with an ActorDiedError, and its name is free. An error tells that the cluster
// could not be told.
func (a Actor[T]) Kill() error { return killActor(a.handle) }

// ID is the actor's identity.
func (a Actor[T]) ID() ActorID { return actorID(a.handle) }
