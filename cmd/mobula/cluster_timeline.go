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
	trace := timeline(answers)
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

// timeline makes a trace of the events of all nodes.
func timeline(answers []nodeAnswer[[]node.EventInfo]) []traceEvent {
	trace := []traceEvent{}
	names := namesOf(answers)
	for i, a := range answers {
		pid := i + 1
		trace = append(trace, traceEvent{Name: "process_name", Phase: "M", PID: pid, Args: map[string]any{"name": "node " + a.node}})
		spans := spansOf(a.data)
		lanes := map[id.Worker][]int64{} // when each lane of a worker is free
		numbers := map[id.Worker]map[int]int{}
		next := 0
		for _, s := range spans {
			lane := slices.IndexFunc(lanes[s.worker], func(free int64) bool { return free <= s.begin })
			if lane < 0 {
				lane = len(lanes[s.worker])
				lanes[s.worker] = append(lanes[s.worker], 0)
				if numbers[s.worker] == nil {
					numbers[s.worker] = map[int]int{}
				}
				next++
				numbers[s.worker][lane] = next
				trace = append(trace, traceEvent{Name: "thread_name", Phase: "M", PID: pid, TID: next, Args: map[string]any{"name": "worker " + s.worker.Short()}})
			}
			lanes[s.worker][lane] = s.end
			trace = append(trace, traceEvent{
				Name: cmp.Or(s.name, names[s.task], "task"), Phase: "X", Start: s.begin / 1000, Took: max(1, (s.end-s.begin)/1000), PID: pid, TID: numbers[s.worker][lane],
				Args: map[string]any{"task": s.task.String(), "job": s.job.Short(), "attempt": s.attempt, "state": s.state.String()},
			})
		}
	}
	return trace
}

// namesOf are the names of tasks: not each event has one.
func namesOf(answers []nodeAnswer[[]node.EventInfo]) map[id.Task]string {
	names := map[id.Task]string{}
	for _, a := range answers {
		for _, e := range a.data {
			names[e.Task] = cmp.Or(names[e.Task], e.Name)
		}
	}
	return names
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
