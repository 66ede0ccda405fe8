package mobula

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Actor is a value of type T that lives in a worker. Calls of one caller run in the order in which they were made, one at a time
// unless Concurrency says otherwise. It may be copied, and captured by tasks, which can call it too. An actor ends when its maker refers to it
// no more, and its calls have ended; one that is Detached lives until it is killed.
type Actor[T any] struct{ handle *session.ActorHandle }

var errZeroActor = errors.New("an Actor that nobody has made: use what NewActor or a sibling returned")

// NewActor makes an actor of what f returns, on a worker. Calls may follow at once; where f fails, they do.
func NewActor[T any](f func() *T, opts ...Option) Actor[T] {
	return newActor[T](wire.FormActor, f, opts, func(x *session.Execution) error {
		v := f()
		if v == nil {
			return errNilActor
		}
		x.Made(v)
		return nil
	})
}

// TryActor is NewActor with a constructor that may fail and be canceled.
func TryActor[T any](f func(context.Context) (*T, error), opts ...Option) Actor[T] {
	return newActor[T](wire.FormTryActor, f, opts, func(x *session.Execution) error {
		v, err := f(x.Context())
		if err != nil {
			return err
		}
		if v == nil {
			return errNilActor
		}
		x.Made(v)
		return nil
	})
}

var errNilActor = errors.New("the constructor returned nil")

func newActor[T any](form wire.Form, f any, opts []Option, run session.Run) Actor[T] {
	a, err := makeActor(form, f, opts, reflect.TypeFor[T]().String(), run)
	if err != nil {
		a = session.FailedActor(err)
	}
	return Actor[T]{&session.ActorHandle{Actor: a}}
}

func makeActor(form wire.Form, f any, opts []Option, typeName string, run session.Run) (*session.Actor, error) {
	o, err := optionsOf(opts, options{})
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
	o, err := optionsOf(opts, options{})
	if err != nil {
		return Actor[T]{}, err
	}
	s, err := current()
	if err != nil {
		return Actor[T]{}, err
	}
	a, err := s.FindNamed(ctx, name, o.namespace)
	if err != nil {
		return Actor[T]{}, fmt.Errorf("find actor %s: %w", name, err)
	}
	return Actor[T]{&session.ActorHandle{Actor: a}}, nil
}

// Call runs f on the actor.
func Call[T, R any](a Actor[T], f func(*T) R, opts ...Option) Ref[R] {
	return call[T, R](wire.FormCall, a, f, opts, func(x *session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		v := f(a)
		return x.Return(&v)
	})
}

// actorOf is the actor of a call. One that was found by its name may be another than the caller thinks.
func actorOf[T any](x *session.Execution) (*T, error) {
	a, ok := x.Actor().(*T)
	if !ok {
		return nil, fmt.Errorf("the actor is a %T, and was called as a %v: use FindActor with its type", x.Actor(), reflect.TypeFor[*T]())
	}
	return a, nil
}

// Send is Call for a function without a result.
func Send[T any](a Actor[T], f func(*T), opts ...Option) Ref[Void] {
	return call[T, Void](wire.FormCall, a, f, opts, func(x *session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		f(a)
		return x.Return(&Void{})
	})
}

// TryCall runs f on the actor; f may fail and be canceled.
func TryCall[T, R any](a Actor[T], f func(context.Context, *T) (R, error), opts ...Option) Ref[R] {
	return call[T, R](wire.FormTryCall, a, f, opts, func(x *session.Execution) error {
		a, err := actorOf[T](x)
		if err != nil {
			return err
		}
		v, err := f(x.Context(), a)
		if err != nil {
			return err
		}
		return x.Return(&v)
	})
}

func call[T, R any](form wire.Form, a Actor[T], f any, opts []Option, run session.Run) Ref[R] {
	if a.handle == nil {
		return failed[R](errZeroActor)
	}
	o, err := optionsOf(opts, options{})
	if err == nil && (o.resources != nil || o.isolated) {
		err = fmt.Errorf("a call runs where its actor is: give resources to the actor")
	}
	if err != nil {
		return failed[R](err)
	}
	_, spec, err := specOf(form, f, o)
	if err != nil {
		return failed[R](err)
	}
	return refOf[R](a.handle.Actor.Call(spec, run))
}

// Wait waits until the actor is made. The error is that of its constructor, or ctx's.
func (a Actor[T]) Wait(ctx context.Context) error {
	if a.handle == nil {
		return errZeroActor
	}
	return a.handle.Actor.Wait(ctx)
}

// Kill ends the actor at once, for good: calls that run or wait fail with an ActorDiedError, and its name is free. An error tells that the cluster
// could not be told.
func (a Actor[T]) Kill() error {
	if a.handle == nil {
		return errZeroActor
	}
	return a.handle.Actor.Kill(taskContext())
}

// ID is the actor's identity.
func (a Actor[T]) ID() ActorID {
	if a.handle == nil {
		return ActorID{}
	}
	return a.handle.Actor.ID
}
