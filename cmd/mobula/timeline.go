package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

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

// timelineCommand is  mobula timeline FILE.
func timelineCommand() *cobra.Command {
	var c clusterFlags
	cmd := &cobra.Command{
		Use:   "timeline [FILE]",
		Short: "write when which task ran where, as a Chrome trace",
		Long: `Write when which task ran where, as a trace that ui.perfetto.dev and chrome://tracing open. A node is
a process there; a worker has as many lanes as it ran tasks at a time. Without FILE the trace goes to
standard output.`,
		Example: `  mobula timeline trace.json
  mobula timeline --address 10.0.0.1:10001 --token user-token trace.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return misuse("give one file, or none for standard output")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.writeTimeline(cmd, args) },
	}
	c.registerAddress(cmd)
	return cmd
}

func (c *clusterFlags) writeTimeline(cmd *cobra.Command, args []string) error {
	client, err := c.connect(cmd.Context())
	if err != nil {
		return err
	}
	defer client.Close()
	spans, err := inspect.Timeline(cmd.Context(), client)
	if err != nil {
		return err
	}
	warnOfMissing(cmd.ErrOrStderr(), spans.Missing)
	trace, out := chromeTrace(spans.Rows), cmd.OutOrStdout()
	if len(args) == 0 {
		return json.NewEncoder(out).Encode(trace)
	}
	file, err := os.Create(args[0])
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
	_, err = fmt.Fprintf(out, "Wrote %s: open it at ui.perfetto.dev or in chrome://tracing.\n", args[0])
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
