package state

import (
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// ActorState is where an actor is in its life.
type ActorState int

// The states of actors.
const (
	ActorPending ActorState = iota // it has not run yet
	ActorAlive
	ActorRestarting
	ActorDead
)

var actorStates = [...]string{"pending", "alive", "restarting", "dead"}

// String returns the state's name.
func (s ActorState) String() string {
	if s < 0 || int(s) >= len(actorStates) {
		return "unknown"
	}
	return actorStates[s]
}

// CauseKind is why a life of an actor ended.
type CauseKind int

// The causes. After the first three the actor restarts if it may.
const (
	WorkerDied CauseKind = iota + 1
	NodeDied
	Killed            // by a user, who did not forbid a restart
	KilledForGood     // by a user
	Finished          // it ended itself, or nobody refers to it any more
	ConstructorFailed // it would fail again
	JobEnded
	Infeasible // no node can ever hold it
)

var causes = [...]string{"", "worker died", "node died", "killed", "killed for good", "finished", "constructor failed", "job ended", "infeasible"}

// String returns the cause's name.
func (k CauseKind) String() string {
	if k < 0 || int(k) >= len(causes) {
		return "unknown"
	}
	return causes[k]
}

// Cause says why a life of an actor ended.
type Cause struct {
	Kind    CauseKind `json:"kind,omitzero"`
	Message string    `json:"message,omitzero"`
}

// Needs are what the scheduler must know of an actor.
type Needs struct {
	Resources sched.Resources  `json:"resources,omitzero"`
	Selector  sched.Selector   `json:"selector,omitempty"`
	Fallbacks []sched.Selector `json:"fallbacks,omitempty"`
	Strategy  sched.Strategy   `json:"strategy,omitzero"`
}

// Place is where an actor lives.
type Place struct {
	Node    id.Node   `json:"node,omitzero"`
	Worker  id.Worker `json:"worker,omitzero"`
	Lease   id.Lease  `json:"lease,omitzero"` // the resources that it holds on the node
	Address string    `json:"address,omitzero"`
}

// Actor is an actor that is named, detached or restartable. Others belong to their driver and node, and are not here.
type Actor struct {
	ID          id.Actor   `json:"id"`
	Name        string     `json:"name,omitzero"`
	Namespace   string     `json:"namespace,omitzero"`
	Job         id.Job     `json:"job"` // its owner
	Detached    bool       `json:"detached,omitzero"`
	Class       string     `json:"class,omitzero"` // for people
	Spec        []byte     `json:"spec,omitempty"` // what a worker needs to make it; opaque here
	Needs       *Needs     `json:"needs,omitempty"`
	MaxRestarts int        `json:"max_restarts,omitzero"` // -1 for no bound
	Restarts    int        `json:"restarts,omitzero"`
	State       ActorState `json:"state"`
	Epoch       uint64     `json:"epoch"` // of its present life, or the one to come
	Place
	Stopping  bool  `json:"stopping,omitzero"`   // its user wants its life to end, and another to follow
	NotBefore int64 `json:"not_before,omitzero"` // until then its former node may still run it
	Cause     Cause `json:"cause,omitzero"`      // why its last life ended
	Created   int64 `json:"created"`
	Started   int64 `json:"started,omitzero"`
	Ended     int64 `json:"ended,omitzero"`
}

func (a *Actor) title() string {
	if a.Name != "" {
		return "actor " + a.Name
	}
	return "actor " + a.ID.Short()
}

// mayRestart reports whether a life that ends for this cause is followed by another.
func (a *Actor) mayRestart(kind CauseKind) bool {
	return kind <= Killed && (a.MaxRestarts < 0 || a.Restarts < a.MaxRestarts)
}

// wanted is the work that a pending or restarting actor makes.
func (a *Actor) wanted() Event {
	return Event{Kind: StartActor, Actor: a.ID, Job: a.Job, Epoch: a.Epoch, NotBefore: a.NotBefore}
}

func (t *tx) setActor(a *Actor) {
	t.actors = t.actors.set(a.ID.ID, a)
	reason := a.Cause.Message
	if a.State == ActorAlive {
		reason = ""
	}
	t.event(Event{Kind: ActorChanged, Actor: a.ID, Job: a.Job, Node: a.Node, Epoch: a.Epoch, State: a.State.String(), Reason: reason})
}

// stop asks for the end of the actor's present life, if it lives anywhere.
func (t *tx) stop(a *Actor) {
	if a.State == ActorAlive {
		t.event(a.unwanted())
	}
}

// unwanted is the work that the end of a life makes.
func (a *Actor) unwanted() Event {
	return Event{Kind: StopActor, Actor: a.ID, Job: a.Job, Node: a.Node, Epoch: a.Epoch}
}

// endLife ends the present life: another follows with a new epoch, or the actor is dead and its name free.
func (t *tx) endLife(was *Actor, cause Cause, restart bool, notBefore, time int64) {
	a := *was
	a.Cause, a.Place, a.Stopping = cause, Place{}, false
	a.NotBefore = max(a.NotBefore, notBefore)
	if restart && a.mayRestart(cause.Kind) {
		a.State = ActorRestarting
		a.Restarts++
		a.Epoch++
		t.setActor(&a)
		t.event(a.wanted())
		return
	}
	a.State, a.Ended = ActorDead, time
	if a.Name != "" {
		t.actorNames = t.actorNames.remove(name{a.Namespace, a.Name})
	}
	t.setActor(&a)
}
