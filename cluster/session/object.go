package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/codec"
	"mobula/internal/id"
	"mobula/objstore"
)

// Object is a value that is there or will be.
type Object struct {
	*driver.Object
	s      *Session
	handle ObjectHandle
}

func (s *Session) wrap(o *driver.Object) *Object {
	w := &Object{Object: o, s: s}
	w.handle.object = w
	return w
}

// Failed returns an object that will never be there.
func Failed(err error) *Object { return (*Session)(nil).wrap(driver.Failed(err)) }

// Put returns an object with a copy of the value that p points to. If that refers to others it is there when they are.
func (s *Session) Put(ctx context.Context, p any) *Object {
	v := reflect.ValueOf(p).Elem()
	e, t, err := s.encode(v, "value")
	if err != nil {
		return Failed(fmt.Errorf("put a %v: %w", v.Type(), err))
	}
	value, err := s.stow(ctx, e, typeOwner(v.Type()), InlineMax)
	if err != nil {
		return Failed(fmt.Errorf("put a %v: %w", v.Type(), err))
	}
	o := s.wrap(s.driver.Put(value, t.objects))
	if !value.Place.IsZero() || len(t.handles) > 0 {
		o.Own(func() {
			s.giveUp(value.Place)
			runtime.KeepAlive(t.handles)
		})
	}
	return o
}

// Wait waits until the object is there or has failed. A task that waits gives its processor to others.
func (o *Object) Wait(ctx context.Context) error {
	if o.Ready() {
		return nil
	}
	defer Blocked()()
	ctx, leave := Interruptible(ctx)
	defer leave()
	if err := o.Object.Wait(ctx); err != nil {
		return fmt.Errorf("wait for %s: %w", o.label(), err)
	}
	return nil
}

func (o *Object) label() string {
	if name := o.Name(); name != "" {
		return "task " + name
	}
	return "object " + o.ID.Short()
}

// Blocked tells the node that the calling task waits for others; the returned function that it goes on.
func Blocked() (resume func()) {
	t := worker.Current()
	if t == nil {
		return func() {}
	}
	t.Block()
	return t.Resume
}

// Get waits for the object and copies its value to what p points to. An object that is lost is made again by its task.
func (o *Object) Get(ctx context.Context, p any) error {
	for {
		if err := o.Wait(ctx); err != nil {
			return err
		}
		value, err := o.Object.Result()
		if err != nil {
			return err
		}
		err = o.s.decode(value, reflect.ValueOf(p).Elem())
		if err == nil {
			return nil
		}
		if lost, ok := lostObject(err); ok && lost == value.Place.Object && o.Remake(value.Place) {
			continue
		}
		return fmt.Errorf("read %s: %w", o.label(), err)
	}
}

// lostObject says which object an error is about that is not in the store any more.
func lostObject(err error) (id.Object, bool) {
	if lost, ok := errors.AsType[*objstore.LostError](err); ok {
		return lost.ID, true
	}
	if freed, ok := errors.AsType[*objstore.FreedError](err); ok {
		return freed.ID, true
	}
	return id.Object{}, false
}

// decodeError makes an error of a failure: the error itself, if it can be made here, else one with its text.
func (s *Session) decodeError(f *wire.Failure) error {
	if len(f.Value.Head) > 0 {
		var err error
		if s.decode(f.Value, reflect.ValueOf(&err).Elem()) == nil && err != nil {
			return err
		}
	}
	return errors.New(f.Message)
}

// encodeError is the reverse; the value is missing where the error cannot travel.
func (s *Session) encodeError(err error) wire.Failure {
	f := wire.Failure{Message: err.Error(), Type: reflect.TypeOf(err).String()}
	t := &transit{Program: s.conf.Program, s: s, home: true}
	if e, no := codec.Encode(t, reflect.ValueOf(&err).Elem(), codec.Options{Name: "error"}); no == nil && len(t.objects) == 0 {
		if value := (wire.Payload{Head: e.Head, Buffers: e.Buffers}); value.Size() <= InlineMax {
			f.Value = value.Clone()
		}
	}
	return f
}
