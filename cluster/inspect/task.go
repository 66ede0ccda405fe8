package inspect

import (
	"cmp"
	"context"
	"slices"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/internal/id"
)

// Task is a task, with what is known of its last attempt.
type Task struct {
	Node string `json:"node,omitempty"` // where it runs, or ran
	node.TaskInfo
}

// Identity is the task's id.
func (t Task) Identity() string { return t.Task.String() }

// LogMarker is what those lines of its worker's log hold that the task has printed.
func (t Task) LogMarker() string { return " " + t.Task.Short() + "] " }

// Tasks lists the tasks of which nodes know, in the order in which they began.
func Tasks(ctx context.Context, c headwire.Caller) (List[Task], error) {
	told, err := fromNodes[[]node.TaskInfo](ctx, c, "tasks")
	if err != nil {
		return List[Task]{}, err
	}
	return List[Task]{tasksOf(told.list, namesOf(told.nodes)), told.missing}, nil
}

// tasksOf joins what the nodes know of each task: drivers and workers may tell different ones.
func tasksOf(told []answer[[]node.TaskInfo], names nodeNames) []Task {
	all := map[id.Task]*Task{}
	for _, a := range told {
		for _, t := range a.data {
			if have := all[t.Task]; have != nil {
				have.merge(t)
				continue
			}
			all[t.Task] = &Task{TaskInfo: t}
		}
	}
	rows := []Task{}
	for _, t := range all {
		t.Node = names.of(t.Worker)
		rows = append(rows, *t)
	}
	slices.SortFunc(rows, func(x, y Task) int { return cmp.Or(x.Begin.Compare(y.Begin), x.Task.Compare(y.Task.ID)) })
	return rows
}

// merge adds what another node knows: the latest attempt counts, and of one attempt the latest event.
func (t *Task) merge(other node.TaskInfo) {
	if other.Attempt > t.Attempt || other.Attempt == t.Attempt && other.Last.After(t.Last) {
		t.TaskInfo, other = other, t.TaskInfo
	}
	t.Name = cmp.Or(t.Name, other.Name)
	if t.Worker.IsZero() {
		t.Worker = other.Worker
	}
	if other.Begin.Before(t.Begin) {
		t.Begin = other.Begin
	}
}
