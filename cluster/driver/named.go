package driver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// NamedSpec is what an actor is that the cluster keeps: others find it by its name. Its worker is its own, and a node makes it, again and on
// another node too, where it may be restarted: its code and what its constructor captures stay with the head.
type NamedSpec struct {
	ActorSpec          // Name is for people, Restarts are the cluster's
	Key         string // the name by which it is found
	Namespace   string // if empty, the job's
	Type        string // for lists
	Detached    bool   // it outlives the job
	GetIfExists bool   // the actor of that name, if there is one
}

// NewNamed has the cluster make an actor. Calls may follow at once.
func (d *Driver) NewNamed(s NamedSpec) *Actor {
	a := d.namedActor(id.New[id.Actor](), s.Key)
	a.spec.Closure, a.spec.Inputs, a.spec.Keep = s.Closure, s.Inputs, s.Keep // for its later lives
	t := &task{d: d, actor: a, attempt: 1, spec: Spec{
		Form: s.Form, Name: s.Name, Closure: s.Closure, Class: s.Class, Values: s.Values, Parts: s.Parts, Depth: s.Depth, Cell: s.Cell, Inputs: s.Inputs, Keep: s.Keep,
	}}
	t.ID, t.task = id.New[id.Object](), t
	a.made = t
	t.Then(func() { a.wasMade(t) })
	d.whenReady(t, func() {
		d.apart(func() {
			if err := d.register(a, t, &s); err != nil {
				t.resolve(wire.Payload{}, err)
			}
		})
	})
	return a
}

// FindNamed returns the live actor of that name. Without a namespace it is looked for in the job's.
func (d *Driver) FindNamed(ctx context.Context, name, namespace string) (*Actor, error) {
	info, err := askHead(ctx, d, headwire.FindActor, headwire.ActorName{Name: name, Namespace: namespace, Job: d.conf.Job})
	if err != nil {
		return nil, err
	}
	return d.followed(info.ID, name, info.Epoch), nil
}

// Follow returns an actor that the cluster keeps, by its id.
func (d *Driver) Follow(actor id.Actor, name string) *Actor { return d.followed(actor, name, 0) }

// followed reaches the actor's life of an epoch, or a later one.
func (d *Driver) followed(actor id.Actor, name string, epoch uint64) *Actor {
	a := d.namedActor(actor, name)
	a.made = &task{d: d, actor: a, attempt: 1}
	a.made.ID, a.made.task = id.New[id.Object](), a.made
	made := a.made
	made.Then(func() { a.wasMade(made) })
	d.apart(func() { d.follow(a, epoch) })
	return a
}

// KillNamed ends an actor for good.
func (d *Driver) KillNamed(ctx context.Context, a *Actor) error {
	if _, err := askHead(ctx, d, headwire.KillActor, headwire.ActorKill{ID: a.ID()}); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end(a.diedOf("it was killed"))
	return nil
}

// namedActor is an actor whose lives the cluster begins. It says whether another one follows; calls that may be tried again wait for that.
func (d *Driver) namedActor(actor id.Actor, name string) *Actor {
	a := d.actor(actor, ActorSpec{Name: name, Restarts: -1})
	a.attached = true
	a.again = func(life uint64) { d.wg.Go(func() { d.follow(a, life+1) }) }
	return a
}

// register makes an actor known to the head, which seeks a node for it.
func (d *Driver) register(a *Actor, t *task, s *NamedSpec) error {
	needs, err := headwire.ParseClass(s.Class)
	if err != nil {
		return err
	}
	maker, err := d.maker(t, s)
	if err != nil {
		return err
	}
	r, err := askHead(d.ctx, d, headwire.RegisterActor, headwire.ActorSpec{
		ID: a.ID(), Name: s.Key, Namespace: s.Namespace, Job: d.conf.Job, Detached: s.Detached, GetIfExists: s.GetIfExists, Class: s.Type, Maker: maker,
		Resources: needs.Resources, Selector: needs.Selector, Strategy: needs.Strategy, MaxRestarts: max(-1, s.Restarts),
	})
	if err != nil {
		return fmt.Errorf("actor %s: %w", s.Key, err)
	}
	a.identity.Store(&r.Actor.ID)
	d.follow(a, r.Actor.Epoch)
	return nil
}

// maker writes down how a node makes the actor, and puts its code where nodes find it.
func (d *Driver) maker(t *task, s *NamedSpec) ([]byte, error) {
	sum, err := d.services.sum(d.conf.Values[wire.ValuePath])
	if err != nil {
		return nil, fmt.Errorf("read the program of actor %s: %w", s.Key, err)
	}
	p := t.push()
	for _, r := range p.Closure.Refs {
		if s.Detached && r.Value.Stored() {
			return nil, fmt.Errorf("its constructor captures object %s, which ends with this process: read large data in the constructor", r.Object.Short())
		}
	}
	m := headwire.Maker{
		Sum:   sum,
		Class: wire.Class{Program: s.Class.Program, Environment: s.Class.Environment, Isolated: true}, Path: d.conf.Values[wire.ValuePath], Build: d.conf.Build,
		Form: s.Form, Name: s.Name, Closure: p.Closure, Concurrency: s.Concurrency,
	}
	if s.Values != nil {
		m.Values = *s.Values
	}
	for key, to := range map[string]*[]string{wire.ValueArgs: &m.Args, wire.ValueEnv: &m.Env} {
		if text := d.conf.Values[key]; text != "" {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return nil, fmt.Errorf("the driver's %s: %w", key, err)
			}
		}
	}
	for n := range s.Parts {
		part, err := d.conf.Part(n)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(part)
		m.Code = append(m.Code, hex.EncodeToString(sum[:]))
		fresh := uint64(0)
		_, err = askHead(d.ctx, d, headwire.PutKey, headwire.KeyPut{Namespace: headwire.CodeNamespace, Key: m.Code[n], Value: part, If: &fresh})
		if err != nil && !headwire.HasCode(err, headwire.Stale) { // it is there
			return nil, fmt.Errorf("keep the code of actor %s: %w", s.Key, err)
		}
	}
	return json.Marshal(m)
}

// Waits between two tries to reach an actor whose end the head has not heard of.
const (
	firstFollow = 10 * time.Millisecond
	lastFollow  = time.Second
)

// follow waits for a life of the actor, from an epoch on, and serves the connection to it.
func (d *Driver) follow(a *Actor, epoch uint64) {
	for wait := firstFollow; ; wait = min(2*wait, lastFollow) {
		at, err := askHead(d.ctx, d, headwire.AttachActor, headwire.ActorWait{ID: a.ID(), Epoch: epoch})
		switch {
		case d.ctx.Err() != nil || a.ended():
			return // disconnect has failed all calls that are under way; those that wait follow
		case err == nil && at.Address == "":
			a.mu.Lock()
			defer a.mu.Unlock()
			a.end(a.diedOf(at.Actor.Cause))
			return
		case err == nil:
			grant := wire.LeaseGrant{Address: at.Address, Worker: at.Actor.Worker, Slots: 1}
			if conn, parts, err := d.dial(grant, 0); err == nil {
				a.lived(at.Actor.Epoch)
				a.made.resolve(wire.ActorPlace{Actor: at.Actor.ID, Node: at.Actor.Node, Worker: at.Actor.Worker, Address: at.Address}.Payload(), nil)
				d.serveAttached(a, grant, conn, parts)
				return
			}
		case headwire.HasCode(err, headwire.NotFound):
			a.mu.Lock()
			defer a.mu.Unlock()
			a.end(a.diedOf(err.Error()))
			return
		}
		select {
		case <-d.ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// ended reports whether nobody wants the actor any more, or it cannot be had.
func (a *Actor) ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone != nil
}

// lived notes which life of the actor is reached.
func (a *Actor) lived(epoch uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.life = epoch
}
