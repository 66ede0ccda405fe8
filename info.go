package mobula

import (
	"context"

	"mobula/cluster/worker"
)

// TaskInfo tells a task about itself.
type TaskInfo struct {
	Task    TaskID
	Name    string
	Attempt int // 1 is the first
	Job     JobID
	Actor   ActorID // of a call or constructor
	Node    NodeID
	Worker  WorkerID
	GPUs    []string // the identities of the devices that it, or its actor, was given: see nvidia-smi -L
}

// Task returns what is known of the task that ctx was made for, or that the calling goroutine belongs to; false outside tasks.
func Task(ctx context.Context) (TaskInfo, bool) {
	t := worker.FromContext(ctx)
	if t == nil {
		t = worker.Current()
	}
	if t == nil {
		return TaskInfo{}, false
	}
	return TaskInfo{Task: t.Task, Name: t.Name, Attempt: int(t.Attempt), Job: t.Job, Actor: t.Actor, Node: t.Node, Worker: t.Worker, GPUs: t.Devices}, true
}

// taskContext is the context of the task that the calling goroutine belongs to, else one without end.
func taskContext() context.Context {
	if t := worker.Current(); t != nil {
		return t.Context()
	}
	return context.Background()
}
