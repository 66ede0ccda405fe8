package session

import (
	"context"
	"fmt"

	"mobula/cluster/driver"
	"mobula/cluster/headwire"
	"mobula/internal/bytesize"
)

// NamedSpec is what an actor is that the cluster keeps.
type NamedSpec struct {
	ActorSpec
	Key         string // the name by which it is found; "": by none
	Namespace   string // "": the session's
	Type        string
	Detached    bool
	GetIfExists bool
}

// NewNamed starts to make an actor that the cluster keeps, or takes the one of its name.
func (s *Session) NewNamed(spec NamedSpec, run Run) *Actor {
	d, err := s.prepare(&spec.Spec, run, inlineInSpec)
	if err == nil && spec.Detached && (d.Closure.Stored() || len(d.Closure.Shared) > 0 || d.Values != nil && d.Values.Stored()) {
		err = fmt.Errorf("make actor %s, which outlives this process: what its constructor captures is more than the %s that the head keeps: read large data in the constructor",
			spec.Name, bytesize.Format(inlineInSpec))
	}
	if err != nil {
		return FailedActor(err)
	}
	a := s.driver.NewNamed(driver.NamedSpec{
		ActorSpec: actorSpec(&d, &spec.ActorSpec), Key: spec.Key, Namespace: s.namespace(spec.Namespace), Type: spec.Type, Detached: spec.Detached,
		GetIfExists: spec.GetIfExists,
	})
	return s.wrapActor(a, spec.Name, true)
}

// FindNamed returns the live actor of a name.
func (s *Session) FindNamed(ctx context.Context, name, namespace string) (*Actor, error) {
	a, err := s.driver.FindNamed(ctx, name, s.namespace(namespace))
	if err != nil {
		return nil, err
	}
	return s.wrapActor(a, name, true), nil
}

func (s *Session) namespace(given string) string {
	if given == "" {
		return s.conf.Namespace
	}
	return given
}

// Ask asks the head, or the node.
func Ask[In, Out any](ctx context.Context, s *Session, m headwire.Method[In, Out], in In) (out Out, err error) {
	c, err := s.driver.Cluster(ctx)
	if err != nil {
		return out, err
	}
	defer Blocked()()
	return headwire.Ask(ctx, c, m, in)
}
