package session

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"mobula/cluster/driver"
	"mobula/cluster/wire"
	"mobula/internal/codec"
	"mobula/internal/id"
)

// Actor is a value that lives in a worker.
type Actor struct {
	*driver.Actor
	s    *Session
	name string
	err  error // it could not be submitted
	// named: the cluster keeps it, not this process.
	named bool

	mu           sync.Mutex // guards below
	environments []string   // digests of the variables' values in its process, as far as they were set from here
}

// ActorSpec is what an actor is.
type ActorSpec struct {
	Spec
	Concurrency int
	Restarts    int
}

// NewActor starts to make an actor. It ends when nothing refers to it any more, and its calls have ended.
func (s *Session) NewActor(spec ActorSpec, run Run) *Actor {
	d, err := s.prepare(&spec.Spec, run, InlineMax)
	if err != nil {
		return FailedActor(err)
	}
	actor := s.wrapActor(s.driver.NewActor(actorSpec(&d, &spec)), spec.Name, false)
	if d.Class.Environment != "" {
		actor.environments = []string{d.Class.Environment}
	}
	return actor
}

// actorSpec is what the driver is told of an actor, whose constructor is d.
func actorSpec(d *driver.Spec, spec *ActorSpec) driver.ActorSpec {
	return driver.ActorSpec{
		Form: d.Form, Name: d.Name, Closure: d.Closure, Class: d.Class, Values: d.Values, Parts: d.Parts, Depth: d.Depth, Cell: d.Cell, Inputs: d.Inputs, Keep: d.Keep,
		Concurrency: spec.Concurrency, Restarts: spec.Restarts,
	}
}

func (s *Session) wrapActor(a *driver.Actor, name string, named bool) *Actor {
	actor := &Actor{Actor: a, s: s, name: name, named: named}
	runtime.AddCleanup(actor, func(a *driver.Actor) { a.Release() }, a)
	return actor
}

// Call runs a closure on the actor, after the calls that were made before.
func (a *Actor) Call(spec Spec, run Run) *Object {
	if a.err != nil {
		return Failed(a.err)
	}
	d, err := a.s.prepare(&spec, run, InlineMax)
	if err == nil {
		err = a.suit(d.Class.Environment)
	}
	if err != nil {
		return Failed(err)
	}
	return a.s.wrap(a.Actor.Call(d))
}

// suit checks that the actor's process can give variables the values that a call reads.
func (a *Actor) suit(environment string) error {
	p, ok := a.s.conf.Program.(interface {
		Conflict(have []string, want string) error
	})
	if environment == "" || !ok {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.environments, environment) {
		return nil
	}
	if err := p.Conflict(a.environments, environment); err != nil {
		return fmt.Errorf("call actor %s: %w", a.name, err)
	}
	a.environments = append(a.environments, environment)
	return nil
}

// Wait waits until the constructor has run, and returns its failure.
func (a *Actor) Wait(ctx context.Context) error {
	made := a.Made()
	if !made.Ready() {
		defer Blocked()()
		var leave func()
		ctx, leave = Interruptible(ctx)
		defer leave()
	}
	if err := made.Wait(ctx); err != nil {
		return fmt.Errorf("wait for actor %s: %w", a.name, err)
	}
	_, err := made.Result()
	return err
}

// How an actor of another process is reached.
const (
	atItsPlace byte = iota
	byItsName       // the cluster keeps it: it may move
)

// encode writes which object the actor's constructor makes. The value of that tells who the actor is and where it lives.
func (a *Actor) encode(t *transit) []byte {
	made := a.Made()
	t.add(made)
	t.handles = append(t.handles, a)
	how := atItsPlace
	if a.named {
		how = byItsName
	}
	return slices.Concat([]byte{how}, made.ID.ID[:], []byte(a.name))
}

// actor returns an actor of another process that came with the value.
func (t *transit) actor(data []byte) (*Actor, error) {
	var made id.Object
	if len(data) < 1+len(made.ID) {
		return nil, fmt.Errorf("%w: an actor has %d bytes", codec.ErrDamaged, len(data))
	}
	how, name := data[0], string(data[1+copy(made.ID[:], data[1:]):])
	if a := t.actors[made]; a != nil {
		return a, nil
	}
	place, ok := t.values[made]
	if !ok {
		return nil, fmt.Errorf("%w: actor %s came without its place", codec.ErrDamaged, name)
	}
	at, err := wire.ParseActorPlace(place)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", codec.ErrDamaged, err)
	}
	named := how == byItsName
	var found *driver.Actor
	if named {
		found = t.s.driver.Follow(at.Actor, name)
	} else {
		found = t.s.driver.Attach(name, at, driver.Received(made, place))
	}
	a := t.s.wrapActor(found, name, named)
	if t.actors == nil {
		t.actors = map[id.Object]*Actor{}
	}
	t.actors[made] = a
	return a, nil
}

// Kill ends the actor at once: calls that run or wait fail. One that the cluster keeps is not made again.
func (a *Actor) Kill(ctx context.Context) error {
	if a.named {
		defer Blocked()()
		return a.s.driver.KillNamed(ctx, a.Actor)
	}
	a.Actor.Kill()
	return nil
}

// FailedActor returns an actor all of whose calls fail.
func FailedActor(err error) *Actor { return &Actor{Actor: driver.FailedActor("", err), err: err} }
