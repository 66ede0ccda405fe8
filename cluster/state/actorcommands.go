package state

import (
	"fmt"

	"mobula/internal/bytesize"
	"mobula/internal/id"
)

// maxSpec is how many bytes an actor's spec may have: code and arguments go through the object store.
const maxSpec = 64 << 10

// ActorRegister adds an actor, for which a node is then sought. Sent again for the same actor, it changes nothing.
// Its value is a *Registered.
type ActorRegister struct {
	ID          id.Actor `json:"id"`
	Name        string   `json:"name,omitzero"`
	Namespace   string   `json:"namespace,omitzero"` // if empty, the job's
	Job         id.Job   `json:"job"`
	Detached    bool     `json:"detached,omitzero"`
	GetIfExists bool     `json:"get_if_exists,omitzero"` // a live actor of that name is returned
	Class       string   `json:"class,omitzero"`
	Spec        []byte   `json:"spec,omitempty"`
	Needs       *Needs   `json:"needs,omitempty"`
	MaxRestarts int      `json:"max_restarts,omitzero"`
	Time        int64    `json:"time"`
}

// Registered is the value of ActorRegister.
type Registered struct {
	Actor   *Actor
	Existed bool
}

func (*ActorRegister) kind() Kind { return kindActorRegister }

func (c *ActorRegister) apply(t *tx) (any, error) {
	if was, ok := t.actors.get(c.ID.ID); ok {
		return &Registered{was, false}, nil
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	j, err := t.liveJob(c.Job, "start an actor")
	if err != nil {
		return nil, err
	}
	a := &Actor{
		ID: c.ID, Name: c.Name, Job: c.Job, Detached: c.Detached, Class: c.Class, Spec: c.Spec, Needs: c.Needs,
		MaxRestarts: c.MaxRestarts, Epoch: 1, Created: c.Time,
	}
	if c.Name != "" {
		a.Namespace = c.Namespace
		if a.Namespace == "" {
			a.Namespace = j.Namespace
		}
		key := name{a.Namespace, a.Name}
		if other, taken := t.actorNames.get(key); taken {
			if existing, ok := t.actors.get(other.ID); ok && c.GetIfExists {
				return &Registered{existing, true}, nil
			}
			return nil, &ActorAlreadyExists{a.Namespace, a.Name, other}
		}
		t.actorNames = t.actorNames.set(key, a.ID)
	}
	t.setActor(a)
	t.event(a.wanted())
	return &Registered{a, false}, nil
}

func (c *ActorRegister) validate() error {
	switch {
	case c.ID.IsZero():
		return &Invalid{"id", "the actor's id"}
	case c.Detached && c.Name == "":
		return &Invalid{"name", "given for a detached actor, so that it can be found again"}
	case c.MaxRestarts < -1:
		return &Invalid{"max restarts", "0 or more, or -1 for no bound"}
	case c.Name == "" && c.MaxRestarts == 0:
		return &Invalid{"actor", "named, detached or restartable: its driver looks after any other"}
	case len(c.Spec) > maxSpec:
		return &Invalid{"spec", fmt.Sprintf("at most %s: larger things go through the object store", bytesize.Format(maxSpec))}
	case c.Needs == nil:
		return nil
	}
	if err := c.Needs.Resources.Validate(); err != nil {
		return &Invalid{"needs", "valid: " + err.Error()}
	}
	return nil
}

// ActorStarted says that an actor lives on a node.
type ActorStarted struct {
	ID        id.Actor `json:"id"`
	Epoch     uint64   `json:"epoch"`
	NodeEpoch uint64   `json:"node_epoch"`
	Place
	Time int64 `json:"time"`
}

func (*ActorStarted) kind() Kind { return kindActorStarted }

func (c *ActorStarted) apply(t *tx) (any, error) {
	was, err := t.liveActor(c.ID, "start")
	if err != nil {
		return nil, err
	}
	switch {
	case was.Epoch != c.Epoch:
		return nil, &Stale{was.title(), c.Epoch, was.Epoch}
	case was.State == ActorAlive && was.Place == c.Place:
		return nil, nil
	case was.State == ActorAlive:
		return nil, &WrongState{was.title(), "alive elsewhere", "start"}
	case c.Time < was.NotBefore:
		return nil, &TooEarly{was.ID, was.NotBefore}
	}
	if _, err := t.liveNode(c.Node, c.NodeEpoch, "start an actor"); err != nil {
		return nil, err
	}
	a := *was
	a.State, a.Place, a.Started, a.NotBefore = ActorAlive, c.Place, c.Time, 0
	t.setActor(&a)
	return nil, nil
}

// ActorFailed says that a life of an actor ended by itself, or could not begin. Its value is the *Actor afterwards.
type ActorFailed struct {
	ID    id.Actor `json:"id"`
	Epoch uint64   `json:"epoch"`
	Cause Cause    `json:"cause"`
	Time  int64    `json:"time"`
}

func (*ActorFailed) kind() Kind { return kindActorFailed }

func (c *ActorFailed) apply(t *tx) (any, error) {
	a, err := t.liveActor(c.ID, "fail")
	switch {
	case err != nil:
		return nil, err
	case a.Epoch != c.Epoch:
		return nil, &Stale{a.title(), c.Epoch, a.Epoch}
	case c.Cause.Kind < WorkerDied || c.Cause.Kind > Infeasible:
		return nil, &Invalid{"cause", "one of those that are known"}
	case c.Cause.Kind == NodeDied:
		return nil, &Invalid{"cause", "another one: nodes die by the command for nodes"}
	}
	t.endLife(a, c.Cause, true, 0, c.Time)
	after, _ := t.actors.get(c.ID.ID)
	return after, nil
}

// ActorKill ends an actor because its user wants that. With Restart only its present life ends: once the node
// says so (ActorFailed), another follows if it may. For a dead actor it does nothing. Its value is the *Actor afterwards.
type ActorKill struct {
	ID      id.Actor `json:"id"`
	Restart bool     `json:"restart,omitzero"`
	Message string   `json:"message,omitzero"`
	Time    int64    `json:"time"`
}

func (*ActorKill) kind() Kind { return kindActorKill }

func (c *ActorKill) apply(t *tx) (any, error) {
	was, ok := t.actors.get(c.ID.ID)
	switch {
	case !ok:
		return nil, &NotFound{"actor", c.ID.String()}
	case was.State == ActorDead, c.Restart && was.State != ActorAlive:
		return was, nil
	}
	t.stop(was)
	if !c.Restart {
		t.endLife(was, Cause{KilledForGood, c.Message}, false, 0, c.Time)
		after, _ := t.actors.get(c.ID.ID)
		return after, nil
	}
	a := *was
	a.Stopping = true
	t.actors = t.actors.set(a.ID.ID, &a)
	return &a, nil
}

// liveActor returns an actor that is not dead.
func (t *tx) liveActor(i id.Actor, op string) (*Actor, error) {
	a, ok := t.actors.get(i.ID)
	switch {
	case !ok:
		return nil, &NotFound{"actor", i.String()}
	case a.State == ActorDead:
		return nil, &WrongState{a.title(), "dead (" + a.Cause.Message + ")", op}
	}
	return a, nil
}
