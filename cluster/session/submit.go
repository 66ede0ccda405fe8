package session

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"sync"
	"weak"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/objstore"
)

// Run is what is shipped for a task: it runs the user's function and hands its result to x. Its error is the user's.
type Run func(x Execution) error

// Spec is what a task or a call is.
type Spec struct {
	Form     wire.Form
	Name     string
	Class    wire.Class
	ClassKey string // driver.ClassKey(Class) without program and environment, or empty
	Retries  int
	RetryOn  func(error) bool
	Gate     *driver.Gate
	Loop     *Loop         // the tasks that are submitted one after the other with this one; nil: none is
	OnItem   func(*Object) // gets the items of a stream, in order; it must not block
}

// Submit starts a task.
func (s *Session) Submit(spec Spec, run Run) *Object {
	d, err := s.prepare(&spec, run, InlineMax)
	if err != nil {
		return Failed(err)
	}
	return s.wrap(s.driver.Submit(d))
}

// prepare encodes what is shipped; what has more bytes than inlineMax goes to the store.
func (s *Session) prepare(spec *Spec, run Run, inlineMax int) (driver.Spec, error) {
	cell := cellHere()
	e, t, err := s.encode(reflect.ValueOf(&run).Elem(), spec.Name)
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: %w", spec.Name, s.explain(reflect.ValueOf(&run).Elem(), spec.Name, err))
	}
	needs, err := s.conf.Program.Needs(t)
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: %w", spec.Name, err)
	}
	closure, arrays, err := s.pack(e, spec, cell, inlineMax)
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: store what its closure captures: %w", spec.Name, err)
	}
	d := driver.Spec{
		Form: spec.Form, Name: spec.Name, Closure: closure, Class: spec.Class, ClassKey: spec.ClassKey, Parts: needs.Parts, Depth: depth(), Cell: cell,
		Inputs: append(t.objects, arrays...), Retries: spec.Retries, RetryOn: spec.RetryOn, Gate: spec.Gate,
	}
	if onItem := spec.OnItem; onItem != nil {
		d.OnItem = func(o *driver.Object) { onItem(s.wrap(o)) }
	}
	kept := held{handles: t.handles, closure: s.holder(closure)}
	d.Class.Program, d.Class.Environment = s.conf.ProgramID, needs.Environment
	if d.ClassKey != "" {
		d.ClassKey += needs.Environment
	}
	if needs.Environment != "" {
		if kept.environment, err = s.environment(needs.Environment, needs.Values, inlineMax); err != nil {
			return driver.Spec{}, fmt.Errorf("submit %s: store the variables that it reads: %w", spec.Name, err)
		}
		d.Values = &kept.environment.payload
	}
	if kept.isSomething() {
		d.Keep = kept
	}
	return d, nil
}

// held is what a task keeps while it may run.
type held struct {
	handles     []*Actor
	closure     *driver.Object
	environment *environment
}

func (h *held) isSomething() bool {
	return len(h.handles) > 0 || h.closure != nil || h.environment != nil
}

// holder returns what gives a payload up that was stowed when nothing refers to the holder any more; nil where there is nothing to give up.
func (s *Session) holder(p wire.Payload) *driver.Object {
	if p.Place.IsZero() {
		return nil
	}
	o := &driver.Object{}
	o.Own(s.releaser(p.Place))
	return o
}

// environment is the payload of the values of variables. It stays in the store while something refers to it.
type environment struct {
	payload wire.Payload
	holder  *driver.Object
}

// environments has them by digest: many tasks need the same.
type environments struct {
	mu     sync.Mutex // guards below
	known  map[environmentKey]weak.Pointer[environment]
	latest *environment // is likely to be needed again
}

type environmentKey struct {
	digest string
	stored bool
}

// environment returns the payload of an environment; large ones are put once.
func (s *Session) environment(digest string, values codec.Encoded, inlineMax int) (*environment, error) {
	s.envs.mu.Lock()
	defer s.envs.mu.Unlock()
	key := environmentKey{digest, (&wire.Payload{Head: values.Head, Buffers: values.Buffers}).Size() > inlineMax}
	if e := s.envs.known[key].Value(); e != nil {
		s.envs.latest = e
		return e, nil
	}
	p, err := s.stow(context.Background(), values, objstore.Owner{Type: "session variables"}, inlineMax)
	if err != nil {
		return nil, err
	}
	e := &environment{p, s.holder(p)}
	maps.DeleteFunc(s.envs.known, func(_ environmentKey, p weak.Pointer[environment]) bool { return p.Value() == nil })
	if s.envs.known == nil {
		s.envs.known = map[environmentKey]weak.Pointer[environment]{}
	}
	s.envs.known[key], s.envs.latest = weak.Make(e), e
	return e, nil
}
