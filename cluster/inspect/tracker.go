package inspect

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// Attempt is one attempt of a task. Times that are not known are zero.
type Attempt struct {
	Attempt uint64         `json:"attempt"`
	Worker  id.Worker      `json:"worker,omitzero"`
	Node    string         `json:"node,omitempty"`
	State   wire.TaskState `json:"state"`
	Queued  time.Time      `json:"queued,omitzero"`
	Begin   time.Time      `json:"begin,omitzero"`
	End     time.Time      `json:"end,omitzero"`
	Error   string         `json:"error,omitempty"`
	last    time.Time
}

// Tracked is a task with all its attempts that are known.
type Tracked struct {
	Task
	Attempts []Attempt `json:"attempts"`
}

// TaskTracker follows the tasks of a cluster. Refresh asks the nodes only for what has happened since the last time, so that it can be called often.
type TaskTracker struct {
	refreshing sync.Mutex // one at a time; it is taken before mu

	mu      sync.Mutex // guards below
	next    map[id.Node]uint64
	tasks   map[id.Task]*Tracked
	order   []*Tracked // as they were first heard of
	names   nodeNames
	missing []NodeError
	version uint64 // of the tasks
}

// Limits of a tracker.
const (
	maxTracked = 100_000 // tasks; the oldest go
	maxRounds  = 50      // of questions for one refresh: the rest comes with the next
)

// NewTaskTracker returns one that knows nothing yet.
func NewTaskTracker() *TaskTracker {
	return &TaskTracker{next: map[id.Node]uint64{}, tasks: map[id.Task]*Tracked{}}
}

// Refresh asks what is new.
func (t *TaskTracker) Refresh(ctx context.Context, c headwire.Caller) error {
	t.refreshing.Lock()
	defer t.refreshing.Unlock()
	for range maxRounds {
		more, err := t.round(ctx, c)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (t *TaskTracker) round(ctx context.Context, c headwire.Caller) (more bool, err error) {
	t.mu.Lock()
	question := node.FeedQuestion(t.next)
	t.mu.Unlock()
	told, err := fromNodes[node.EventFeed](ctx, c, question)
	if err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.missing = told.missing
	t.know(told.nodes)
	for _, a := range told.list {
		t.next[a.id] = a.data.Next
		more = more || a.data.More
		for i := range a.data.Events {
			t.apply(&a.data.Events[i])
		}
	}
	t.shrink()
	return more, nil
}

// know takes the names of nodes, and forgets how far those were read that are gone.
func (t *TaskTracker) know(nodes []headwire.NodeInfo) {
	t.names = namesOf(nodes)
	for n := range t.next {
		if !slices.ContainsFunc(nodes, func(i headwire.NodeInfo) bool { return i.ID == n }) {
			delete(t.next, n)
		}
	}
}

// apply takes an event; t.mu is held. Those of one task may come from two processes, in any order.
func (t *TaskTracker) apply(e *node.EventInfo) {
	x := t.tasks[e.Task]
	when := time.Unix(0, e.Nanos)
	if x == nil {
		x = &Tracked{Task: Task{TaskInfo: node.TaskInfo{Task: e.Task, Job: e.Job, Begin: when}}}
		t.tasks[e.Task] = x
		t.order = append(t.order, x)
	}
	t.version++
	x.Name = cmp.Or(e.Name, x.Name)
	if when.Before(x.Begin) {
		x.Begin = when
	}
	x.attempt(e.Attempt).apply(e, when, t.names)
	last := &x.Attempts[len(x.Attempts)-1]
	x.State, x.Attempt, x.Last, x.Run = last.State, last.Attempt, last.last, last.Begin
	if !last.Worker.IsZero() {
		x.Worker, x.Node = last.Worker, last.Node
	}
	if last.Error != "" || last.State == wire.TaskFinished {
		x.Error = last.Error
	} else if e.Error != "" {
		x.Error = e.Error
	}
}

// attempt finds an attempt, or adds it. They are in their order.
func (x *Tracked) attempt(number uint64) *Attempt {
	i, found := slices.BinarySearchFunc(x.Attempts, number, func(a Attempt, n uint64) int { return cmp.Compare(a.Attempt, n) })
	if !found {
		x.Attempts = slices.Insert(x.Attempts, i, Attempt{Attempt: number})
	}
	return &x.Attempts[i]
}

func (a *Attempt) apply(e *node.EventInfo, when time.Time, names nodeNames) {
	if !e.Worker.IsZero() {
		a.Worker, a.Node = e.Worker, names.of(e.Worker)
	}
	a.Error = cmp.Or(e.Error, a.Error)
	switch e.State {
	case wire.TaskSubmitted, wire.TaskQueued:
		if a.Queued.IsZero() || when.Before(a.Queued) {
			a.Queued = when
		}
	case wire.TaskRunning:
		a.Begin = when
	default:
		if a.End.IsZero() || when.Before(a.End) {
			a.End = when
		}
	}
	if !when.Before(a.last) {
		a.last, a.State = when, e.State
	}
}

// shrink lets the oldest tasks go, those that have ended first; t.mu is held.
func (t *TaskTracker) shrink() {
	over := len(t.order) - maxTracked
	if over <= 0 {
		return
	}
	over += maxTracked / 10 // not with each event
	drop := func(which func(*Tracked) bool) {
		t.order = slices.DeleteFunc(t.order, func(x *Tracked) bool {
			if over <= 0 || !which(x) {
				return false
			}
			over--
			delete(t.tasks, x.Task.Task)
			return true
		})
	}
	drop(func(x *Tracked) bool { return x.State.Ended() })
	drop(func(*Tracked) bool { return true })
	t.version++
}

// Version changes whenever a task does.
func (t *TaskTracker) Version() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.version
}

// Missing are the nodes that the last refresh is without.
func (t *TaskTracker) Missing() []NodeError {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.missing)
}

// Get finds a task.
func (t *TaskTracker) Get(task id.Task) (Tracked, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.tasks[task]
	if x == nil {
		return Tracked{}, false
	}
	found := *x
	found.Attempts = slices.Clone(x.Attempts)
	return found, true
}

// Each calls f with each task, the newest first, until it returns false. f does not keep or change the task, and calls no method of t.
func (t *TaskTracker) Each(f func(x *Tracked) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, x := range slices.Backward(t.order) {
		if !f(x) {
			return
		}
	}
}
