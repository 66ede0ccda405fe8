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
	"time"

	"mobula/cluster/inspect"
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
	spans, err := inspect.Timeline(ctx, client)
	if err != nil {
		return err
	}
	warnOfMissing(os.Stderr, spans.Missing)
	trace := chromeTrace(spans.Rows)
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

// chromeTrace makes a trace of the attempts of tasks.
func chromeTrace(spans []inspect.Span) []traceEvent {
	trace := []traceEvent{}
	places := map[string]*tracedNode{}
	for _, s := range spans {
		n := places[s.Node]
		if n == nil {
			n = &tracedNode{pid: len(places) + 1, lanes: map[id.Worker][]lane{}}
			places[s.Node] = n
			trace = append(trace, traceEvent{Name: "process_name", Phase: "M", PID: n.pid, Args: map[string]any{"name": "node " + s.Node}})
		}
		tid, fresh := n.take(&s)
		if fresh {
			trace = append(trace, traceEvent{Name: "thread_name", Phase: "M", PID: n.pid, TID: tid, Args: map[string]any{"name": "worker " + s.Worker.Short()}})
		}
		trace = append(trace, traceEvent{
			Name: cmp.Or(s.Name, "task"), Phase: "X", Start: s.Begin.UnixMicro(), Took: max(1, s.End.Sub(s.Begin).Microseconds()), PID: n.pid, TID: tid,
			Args: map[string]any{"task": s.Task.String(), "job": s.Job.Short(), "attempt": s.Attempt, "state": s.State.String()},
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
	free time.Time
}

// take puts a task into the first lane of its worker that is free, or into a fresh one.
func (n *tracedNode) take(s *inspect.Span) (tid int, fresh bool) {
	lanes := n.lanes[s.Worker]
	i := slices.IndexFunc(lanes, func(l lane) bool { return !l.free.After(s.Begin) })
	if i < 0 {
		n.last++
		i, fresh = len(lanes), true
		lanes = append(lanes, lane{tid: n.last})
	}
	lanes[i].free = s.End
	n.lanes[s.Worker] = lanes
	return lanes[i].tid, fresh
}
