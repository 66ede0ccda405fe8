package session

import (
	"context"
	"fmt"
	"reflect"
	"sync"

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
	OnItem   func(*Object) // gets the items of a stream, in order; it must not block
}

// Submit starts a task.
func (s *Session) Submit(spec Spec, run Run) *Object {
	d, err := s.prepare(&spec, run)
	if err != nil {
		return Failed(err)
	}
	return s.wrap(s.driver.Submit(d))
}

// prepare encodes what is shipped.
func (s *Session) prepare(spec *Spec, run Run) (driver.Spec, error) {
	cell := cellHere()
	e, t, err := s.encode(reflect.ValueOf(&run).Elem(), spec.Name)
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: %w", spec.Name, s.explain(reflect.ValueOf(&run).Elem(), spec.Name, err))
	}
	needs, err := s.conf.Program.Needs(t)
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: %w", spec.Name, err)
	}
	closure, err := s.stow(s.driver.Context(), e, objstore.Owner{Cell: cell, Type: "closure of " + spec.Name})
	if err != nil {
		return driver.Spec{}, fmt.Errorf("submit %s: store what its closure captures: %w", spec.Name, err)
	}
	d := driver.Spec{
		Form: spec.Form, Name: spec.Name, Closure: closure, Class: spec.Class, ClassKey: spec.ClassKey, Parts: needs.Parts, Depth: depth(), Cell: cell,
		Inputs: t.objects, Retries: spec.Retries, RetryOn: spec.RetryOn, Gate: spec.Gate,
	}
	if spec.OnItem != nil {
		d.OnItem = func(o *driver.Object) { spec.OnItem(s.wrap(o)) }
	}
	if !closure.Place.IsZero() {
		k := &driver.Object{}
		k.Own(s.releaser(closure.Place))
		d.Keep = k
	}
	d.Class.Program, d.Class.Environment = s.conf.ProgramID, needs.Environment
	if d.ClassKey != "" {
		d.ClassKey += needs.Environment
	}
	if needs.Environment != "" {
		if d.Values, err = s.environment(needs.Environment, needs.Values); err != nil {
			return driver.Spec{}, fmt.Errorf("submit %s: store the variables that it reads: %w", spec.Name, err)
		}
	}
	return d, nil
}

// environments are the payloads of values of variables, by digest: many tasks need the same.
type environments struct {
	mu       sync.Mutex
	payloads map[string]wire.Payload
}

// environment returns the payload of an environment; large ones are put once.
func (s *Session) environment(digest string, values codec.Encoded) (wire.Payload, error) {
	s.envs.mu.Lock()
	defer s.envs.mu.Unlock()
	if p, ok := s.envs.payloads[digest]; ok {
		return p, nil
	}
	p, err := s.stow(context.Background(), values, objstore.Owner{Type: "session variables"})
	if err == nil {
		if s.envs.payloads == nil {
			s.envs.payloads = map[string]wire.Payload{}
		}
		s.envs.payloads[digest] = p
	}
	return p, err
}
