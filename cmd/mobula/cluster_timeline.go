package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// traceEvent is an event as Chrome's tracing and Perfetto read it.
type traceEvent struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"`
	Start int64          `json:"ts"`            // microseconds
	Took  int64          `json:"dur,omitempty"` // microseconds
	PID   int            `json:"pid"`           // of a node: its number here
	TID   int            `json:"tid"`           // of a lane of a worker: tasks in one lane do not overlap
	Args  map[string]any `json:"args,omitempty"`
}

// timelineCommand writes when which task ran where, as a Chrome trace.
func timelineCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("timeline", flag.ContinueOnError)
	c.register(f)
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) > 1 {
		return usageError{"timeline: give one file, or none for standard output"}
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	answers, err := fromNodes[[]node.EventInfo](ctx, client, headwire.Query{What: "events"})
	if err != nil {
		return err
	}
	nodes, err := namesOfNodes(ctx, client)
	if err != nil {
		return err
	}
	trace := timeline(answers, nodes)
	if len(words) == 0 {
		return json.NewEncoder(out).Encode(trace)
	}
	file, err := os.Create(words[0])
	if err != nil {
		return err
	}
	if err := json.NewEncoder(file).Encode(trace); err != nil {
		_ = file.Close() // the other error is told
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Wrote %s: open it at ui.perfetto.dev or in chrome://tracing.\n", words[0])
	return err
}

// span is one attempt of a task.
type span struct {
	task       id.Task
	name       string
	job        id.Job
	worker     id.Worker
	attempt    uint64
	begin, end int64 // nanoseconds since 1970
	state      wire.TaskState
}

// timeline makes a trace of the events that all nodes know of.
func timeline(answers []nodeAnswer[[]node.EventInfo], nodes nodeNames) []traceEvent {
	var events []node.EventInfo
	names := map[id.Task]string{} // not each event has one
	for _, a := range answers {
		for _, e := range a.data {
			names[e.Task] = cmp.Or(names[e.Task], e.Name)
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(x, y node.EventInfo) int { return cmp.Compare(x.Nanos, y.Nanos) })
	trace := []traceEvent{}
	places := map[string]*tracedNode{}
	for _, s := range spansOf(events) {
		at := nodes.of(s.worker)
		n := places[at]
		if n == nil {
			n = &tracedNode{pid: len(places) + 1, lanes: map[id.Worker][]lane{}}
			places[at] = n
			trace = append(trace, traceEvent{Name: "process_name", Phase: "M", PID: n.pid, Args: map[string]any{"name": "node " + at}})
		}
		tid, fresh := n.take(&s)
		if fresh {
			trace = append(trace, traceEvent{Name: "thread_name", Phase: "M", PID: n.pid, TID: tid, Args: map[string]any{"name": "worker " + s.worker.Short()}})
		}
		trace = append(trace, traceEvent{
			Name: cmp.Or(s.name, names[s.task], "task"), Phase: "X", Start: s.begin / 1000, Took: max(1, (s.end-s.begin)/1000), PID: n.pid, TID: tid,
			Args: map[string]any{"task": s.task.String(), "job": s.job.Short(), "attempt": s.attempt, "state": s.state.String()},
		})
	}
	return trace
}

// tracedNode is a node in a trace.
type tracedNode struct {
	pid   int
	last  int // of the lanes' numbers
	lanes map[id.Worker][]lane
}

// lane is a row of tasks that do not overlap.
type lane struct {
	tid  int
	free int64 // nanoseconds since 1970
}

// take puts a task into the first lane of its worker that is free, or into a fresh one.
func (n *tracedNode) take(s *span) (tid int, fresh bool) {
	lanes := n.lanes[s.worker]
	i := slices.IndexFunc(lanes, func(l lane) bool { return l.free <= s.begin })
	if i < 0 {
		n.last++
		i, fresh = len(lanes), true
		lanes = append(lanes, lane{tid: n.last})
	}
	lanes[i].free = s.end
	n.lanes[s.worker] = lanes
	return lanes[i].tid, fresh
}

// spansOf pairs the begins and ends of attempts. One that has not ended goes up to the last event.
func spansOf(events []node.EventInfo) (spans []span) {
	type key struct {
		task    id.Task
		attempt uint64
	}
	open := map[key]*span{}
	var all []*span
	last := int64(0)
	for _, e := range events {
		last = max(last, e.Nanos)
		k := key{e.Task, e.Attempt}
		s := open[k]
		if s == nil {
			s = &span{task: e.Task, job: e.Job, attempt: e.Attempt, name: e.Name}
			open[k] = s
			all = append(all, s)
		}
		if !e.Worker.IsZero() {
			s.worker = e.Worker
		}
		switch e.State {
		case wire.TaskRunning:
			s.begin = e.Nanos
			s.state = max(s.state, e.State)
		case wire.TaskFinished, wire.TaskFailed, wire.TaskCanceled, wire.TaskRetried:
			s.end, s.state = e.Nanos, e.State
		}
	}
	for _, s := range all {
		if s.begin == 0 {
			continue // it never ran here
		}
		if s.end == 0 {
			s.end = last
		}
		spans = append(spans, *s)
	}
	slices.SortStableFunc(spans, func(x, y span) int { return cmp.Compare(x.begin, y.begin) })
	return spans
}
