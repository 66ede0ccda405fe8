package mobula

import (
	"errors"

	"mobula/internal/fault"
	"mobula/internal/id"
	"mobula/objstore"
)

var errNilFunc = errors.New("the function is nil")

type (
	// TaskID is the identity of a task.
	TaskID = id.Task
	// ActorID is the identity of an actor.
	ActorID = id.Actor
	// ObjectID is the identity of an object.
	ObjectID = id.Object
	// NodeID is the identity of a node.
	NodeID = id.Node
	// WorkerID is the identity of a worker process.
	WorkerID = id.Worker
	// JobID is the identity of a job.
	JobID = id.Job
	// PlacementGroupID is the identity of a placement group.
	PlacementGroupID = id.PlacementGroup
)

// The errors by which refs and actors fail; use errors.AsType.
type (
	// TaskError is the failure of a task's own code; errors.Is and errors.As see the error that it returned.
	TaskError = fault.TaskError
	// CanceledError is the failure of a task that was canceled.
	CanceledError = fault.CanceledError
	// InputError is the failure of a task one of whose inputs has failed.
	InputError = fault.InputError
	// FreedError is the failure of an object that was freed.
	FreedError = fault.FreedError
	// WorkerDiedError is the failure of a task whose process ended each time that it was tried.
	WorkerDiedError = fault.WorkerDiedError
	// WorkerStartError is the failure of a task for which no worker could be started.
	WorkerStartError = fault.WorkerStartError
	// ActorDiedError is the failure of a call whose actor is gone.
	ActorDiedError = fault.ActorDiedError
	// InfeasibleError is the failure of a task that asks for what no node can give.
	InfeasibleError = fault.InfeasibleError
	// DisconnectedError is the failure of all when the cluster has gone.
	DisconnectedError = fault.DisconnectedError
	// StoreFullError tells that the object store has no memory left, and who holds it.
	StoreFullError = objstore.FullError
	// OutOfDiskError tells that the object store has no memory left, and no disk to move objects to.
	OutOfDiskError = objstore.OutOfDiskError
	// ObjectLostError tells that the bytes of an object are gone.
	ObjectLostError = objstore.LostError
)
