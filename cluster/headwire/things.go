package headwire

import (
	"mobula/cluster/sched"
	"mobula/internal/id"
)

// JobSpec registers a job.
type JobSpec struct {
	ID         id.Job  `json:"id"`
	Name       string  `json:"name,omitempty"`
	Namespace  string  `json:"namespace,omitempty"` // if empty, one of its own
	Node       id.Node `json:"node,omitzero"`
	PID        int     `json:"pid,omitzero"`
	Entrypoint string  `json:"entrypoint,omitempty"`
	Submission string  `json:"submission,omitempty"` // the submitted job that has started the driver
}

// JobEnd ends a job.
type JobEnd struct {
	ID      id.Job  `json:"id"`
	Node    id.Node `json:"node,omitzero"`  // of the driver: the end of any other one does not count
	State   string  `json:"state,omitzero"` // succeeded, failed or stopped, which is the default
	Message string  `json:"message,omitempty"`
}

// JobInfo is a job in lists.
type JobInfo struct {
	JobSpec
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
	Created int64  `json:"created"` // ms since 1970
	Ended   int64  `json:"ended,omitzero"`
}

// GroupSpec creates a placement group.
type GroupSpec struct {
	ID        id.PlacementGroup `json:"id"`
	Name      string            `json:"name,omitempty"`
	Namespace string            `json:"namespace,omitempty"` // if empty, the job's
	Job       id.Job            `json:"job"`
	Detached  bool              `json:"detached,omitzero"` // it outlives its job
	Strategy  string            `json:"strategy"`          // Pack, SpreadOut, PackStrictly or SpreadStrictly
	Bundles   []BundleInfo      `json:"bundles"`
}

// BundleInfo is a bundle of a group.
type BundleInfo struct {
	Resources sched.Resources `json:"resources"`
	Selector  sched.Selector  `json:"selector,omitempty"`
	Node      id.Node         `json:"node,omitzero"` // zero while it has none
}

// GroupRef names a group, by id or by name.
type GroupRef struct {
	ID        id.PlacementGroup `json:"id,omitzero"`
	Name      string            `json:"name,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Job       id.Job            `json:"job,omitzero"` // whose namespace it is, if none is given
}

// GroupInfo is a placement group.
type GroupInfo struct {
	GroupSpec
	State   string `json:"state"` // pending, created or removed
	Reason  string `json:"reason,omitempty"`
	Created int64  `json:"created"` // ms since 1970
}

// ActorSpec registers an actor that is named, detached or restartable.
type ActorSpec struct {
	ID          id.Actor         `json:"id"`
	Name        string           `json:"name,omitempty"`
	Namespace   string           `json:"namespace,omitempty"` // if empty, the job's
	Job         id.Job           `json:"job"`
	Detached    bool             `json:"detached,omitzero"`
	GetIfExists bool             `json:"get_if_exists,omitzero"`
	Class       string           `json:"class,omitempty"` // its type, for people
	Maker       []byte           `json:"maker,omitempty"` // JSON of a Maker; opaque to the head
	Resources   sched.Resources  `json:"resources"`
	Selector    sched.Selector   `json:"selector,omitempty"`
	Fallbacks   []sched.Selector `json:"fallbacks,omitempty"`
	Strategy    sched.Strategy   `json:"strategy,omitzero"`
	MaxRestarts int              `json:"max_restarts,omitzero"` // -1 for no bound
}

// Registration is the answer to an ActorSpec.
type Registration struct {
	Actor   ActorInfo `json:"actor"`
	Existed bool      `json:"existed,omitzero"`
}

// ActorInfo is an actor.
type ActorInfo struct {
	ID          id.Actor  `json:"id"`
	Name        string    `json:"name,omitempty"`
	Namespace   string    `json:"namespace,omitempty"`
	Job         id.Job    `json:"job"`
	Detached    bool      `json:"detached,omitzero"`
	Class       string    `json:"class,omitempty"`
	State       string    `json:"state"` // pending, alive, restarting or dead
	Epoch       uint64    `json:"epoch"`
	Restarts    int       `json:"restarts"`
	MaxRestarts int       `json:"max_restarts"`
	Node        id.Node   `json:"node,omitzero"`
	Worker      id.Worker `json:"worker,omitzero"`
	Lease       id.Lease  `json:"lease,omitzero"`
	Cause       string    `json:"cause,omitempty"` // why its last life ended, or why it waits
	Created     int64     `json:"created"`         // ms since 1970
}

// ActorName finds an actor by its name.
type ActorName struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
	Job       id.Job `json:"job,omitzero"` // whose namespace it is, if none is given
}

// ActorWait waits until an actor is alive, in an epoch from Epoch on, or dead.
type ActorWait struct {
	ID    id.Actor `json:"id"`
	Epoch uint64   `json:"epoch,omitzero"`
}

// ActorKill ends an actor.
type ActorKill struct {
	ID      id.Actor `json:"id"`
	Restart bool     `json:"restart,omitzero"` // only its present life
	Message string   `json:"message,omitempty"`
}

// ActorRun has a node begin a life of an actor.
type ActorRun struct {
	ActorLife
	Assignment uint64            `json:"assignment"` // the node's status tells when it shows
	Name       string            `json:"name,omitempty"`
	Namespace  string            `json:"namespace,omitempty"`
	Job        id.Job            `json:"job"`
	Maker      []byte            `json:"maker,omitempty"`
	Resources  sched.Resources   `json:"resources"`
	Group      id.PlacementGroup `json:"group,omitzero"`
	Bundle     int               `json:"bundle,omitzero"`
}

// Place is where an actor lives.
type Place struct {
	Worker  id.Worker `json:"worker"`
	Lease   id.Lease  `json:"lease"`
	Address string    `json:"address"` // of the worker's socket on its node
	PID     int       `json:"pid,omitzero"`
}

// ActorEnd tells that a life has ended by itself.
type ActorEnd struct {
	ActorLife
	Kind    string `json:"kind"` // EndWorker or EndFinished
	Message string `json:"message,omitempty"`
}

// The kinds of ends of an actor's life.
const (
	EndWorker   = "worker"
	EndFinished = "finished"
)

// Attached is where calls of an actor can be sent from this machine.
type Attached struct {
	Actor   ActorInfo `json:"actor"`
	Address string    `json:"address,omitempty"` // of a unix socket; empty where the actor is dead
}

// WorkerRef names a worker.
type WorkerRef struct {
	Node   id.Node   `json:"node"`
	Worker id.Worker `json:"worker"`
}

// ObjectRef names an object in a node's store.
type ObjectRef struct {
	Node   id.Node   `json:"node,omitzero"`
	Object id.Object `json:"object"`
	// Taken says that the caller has its own reference now: the node, which took one when it fetched the object, need not hold it any more.
	Taken bool `json:"taken,omitzero"`
}

// WorkerAddress is where, on this machine, a worker is reached.
type WorkerAddress struct {
	Address string `json:"address"`
}

// KeyPut writes a key.
type KeyPut struct {
	Namespace string  `json:"namespace,omitempty"`
	Key       string  `json:"key"`
	Value     []byte  `json:"value"`
	If        *uint64 `json:"if,omitempty"` // only if it has this version; 0: none. Repeated after a lost answer it fails, though it was done
}

// KeyVersion is the version of a key.
type KeyVersion struct {
	Version uint64 `json:"version"`
}

// KeyRef names a key.
type KeyRef struct {
	Namespace string `json:"namespace,omitempty"`
	Key       string `json:"key"`
}

// KeyValue is an entry of the key-value store.
type KeyValue struct {
	Key     string `json:"key"`
	Value   []byte `json:"value,omitempty"`
	Version uint64 `json:"version"`
}

// WatchSpec says what events are wanted.
type WatchSpec struct {
	Number uint64 `json:"number"` // of the watch; it comes back in its events
}

// Event is something that has changed.
type Event struct {
	Watch      uint64            `json:"watch"`
	Kind       string            `json:"kind"` // node, job, group, actor, submission; lost: events were dropped, look at everything again
	Node       id.Node           `json:"node,omitzero"`
	Job        id.Job            `json:"job,omitzero"`
	Group      id.PlacementGroup `json:"group,omitzero"`
	Actor      id.Actor          `json:"actor,omitzero"`
	Submission string            `json:"submission,omitempty"`
	Epoch      uint64            `json:"epoch,omitzero"`
	State      string            `json:"state,omitempty"`
	Reason     string            `json:"reason,omitempty"`
}

// EventLost is the kind of an event that stands for dropped ones.
const EventLost = "lost"
