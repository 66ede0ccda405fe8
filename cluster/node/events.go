package node

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// maxEvents bounds the task events that a node keeps.
const maxEvents = 100_000

// eventLog keeps the last events of tasks.
type eventLog struct {
	mu   sync.Mutex // guards below
	ring []taskEvent
	next int // where the next one goes once the ring is full
}

type taskEvent struct {
	wire.TaskEvent
	job id.Job
}

// add keeps events, in place of the oldest.
func (l *eventLog) add(m wire.Events) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range m.List {
		kept := taskEvent{e, m.Job}
		if len(l.ring) < maxEvents {
			l.ring = append(l.ring, kept)
			continue
		}
		l.ring[l.next] = kept
		l.next = (l.next + 1) % maxEvents
	}
}

// TaskInfo is a task in the answer to the query "tasks".
type TaskInfo struct {
	Task    id.Task        `json:"task"`
	Job     id.Job         `json:"job,omitzero"`
	Name    string         `json:"name"`
	State   wire.TaskState `json:"state"`
	Attempt uint64         `json:"attempt"`
	Worker  id.Worker      `json:"worker,omitzero"`
	Begin   time.Time      `json:"begin,omitzero"` // first event that is known
	Run     time.Time      `json:"run,omitzero"`   // when the last attempt began to run
	Last    time.Time      `json:"last"`
}

// tasks lists what is known of tasks, in the order of their first events.
func (l *eventLog) tasks() []TaskInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := map[id.Task]int{}
	all := []TaskInfo{}
	for i := range l.ring {
		e := &l.ring[(l.next+i)%len(l.ring)]
		at, ok := place[e.Task]
		if !ok {
			at = len(all)
			place[e.Task] = at
			all = append(all, TaskInfo{Task: e.Task, Job: e.job, Begin: time.Unix(0, e.Nanos)})
		}
		all[at].update(e)
	}
	return all
}

func (t *TaskInfo) update(e *taskEvent) {
	when := time.Unix(0, e.Nanos)
	if e.Name != "" {
		t.Name = e.Name
	}
	if !e.Worker.IsZero() {
		t.Worker = e.Worker
	}
	t.Begin = earliest(t.Begin, when)
	// Events of one task may come from two processes, in any order.
	if e.Attempt < t.Attempt || e.Attempt == t.Attempt && when.Before(t.Last) {
		return
	}
	t.State, t.Attempt, t.Last = e.State, e.Attempt, when
	if e.State == wire.TaskRunning {
		t.Run = when
	}
}

func earliest(x, y time.Time) time.Time {
	if y.Before(x) {
		return y
	}
	return x
}

// TaskCount is a line in the answer to the query "task-summary".
type TaskCount struct {
	Name  string         `json:"name"`
	State wire.TaskState `json:"state"`
	Tasks int            `json:"tasks"`
}

// summary counts tasks by name and state.
func (l *eventLog) summary() []TaskCount {
	type kind struct {
		name  string
		state wire.TaskState
	}
	counts := map[kind]int{}
	for _, t := range l.tasks() {
		counts[kind{t.Name, t.State}]++
	}
	all := []TaskCount{}
	for k, n := range counts {
		all = append(all, TaskCount{k.name, k.state, n})
	}
	slices.SortFunc(all, func(x, y TaskCount) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.State, y.State))
	})
	return all
}
