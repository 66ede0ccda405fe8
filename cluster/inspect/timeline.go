package inspect

import (
	"cmp"
	"context"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// Span is one attempt of a task, from when it began to run.
type Span struct {
	Task    id.Task        `json:"task"`
	Name    string         `json:"name,omitempty"`
	Job     id.Job         `json:"job,omitzero"`
	Worker  id.Worker      `json:"worker,omitzero"`
	Node    string         `json:"node,omitempty"` // its name
	Attempt uint64         `json:"attempt"`
	Begin   time.Time      `json:"begin"`
	End     time.Time      `json:"end"` // of one that runs (State is running): the last moment of which anything is known
	State   wire.TaskState `json:"state"`
}

// Timeline lists the attempts of tasks of which nodes know, in the order in which they began to run.
func Timeline(ctx context.Context, c headwire.Caller) (List[Span], error) {
	told, err := fromNodes[[]node.EventInfo](ctx, c, "events")
	if err != nil {
		return List[Span]{}, err
	}
	return List[Span]{timeline(told.list, namesOf(told.nodes)), told.missing}, nil
}

func timeline(told []answer[[]node.EventInfo], nodes nodeNames) []Span {
	var events []node.EventInfo
	names := map[id.Task]string{} // not each event has one
	for _, a := range told {
		for _, e := range a.data {
			names[e.Task] = cmp.Or(names[e.Task], e.Name)
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(x, y node.EventInfo) int { return cmp.Compare(x.Nanos, y.Nanos) })
	spans := spansOf(events)
	for i := range spans {
		s := &spans[i]
		s.Name, s.Node = cmp.Or(s.Name, names[s.Task]), nodes.of(s.Worker)
	}
	return spans
}

// spansOf pairs the begins and ends of attempts. One that has not ended goes up to the last event.
func spansOf(events []node.EventInfo) []Span {
	type attempt struct {
		task   id.Task
		number uint64
	}
	known := map[attempt]*Span{}
	var all []*Span
	var last time.Time
	for _, e := range events {
		last = time.Unix(0, e.Nanos) // they are sorted
		k := attempt{e.Task, e.Attempt}
		s := known[k]
		if s == nil {
			s = &Span{Task: e.Task, Job: e.Job, Attempt: e.Attempt, Name: e.Name}
			known[k] = s
			all = append(all, s)
		}
		s.add(&e, last)
	}
	spans := []Span{}
	for _, s := range all {
		if s.Begin.IsZero() {
			continue // it never ran here
		}
		if s.End.IsZero() {
			s.End = last
		}
		spans = append(spans, *s)
	}
	slices.SortStableFunc(spans, func(x, y Span) int { return x.Begin.Compare(y.Begin) })
	return spans
}

func (s *Span) add(e *node.EventInfo, when time.Time) {
	if !e.Worker.IsZero() {
		s.Worker = e.Worker
	}
	switch e.State {
	case wire.TaskRunning:
		s.Begin, s.State = when, max(s.State, e.State)
	case wire.TaskFinished, wire.TaskFailed, wire.TaskCanceled, wire.TaskRetried:
		s.End, s.State = when, e.State
	}
}
