package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/internal/bytesize"
)

// logOptions are the flags of  mobula logs.
type logOptions struct {
	clusterFlags
	tail   int
	follow bool
}

// logsCommand is  mobula logs.
func logsCommand() *cobra.Command {
	o := &logOptions{}
	cmd := &cobra.Command{
		Use:   "logs [worker ID | task ID]",
		Short: "list the logs of workers, or show that of a worker or a task",
		Long: `List the logs of workers, also of those that have ended, or show what a worker, or one task, has
printed. Of a long log the first lines are gone.`,
		Example: `  mobula logs
  mobula logs worker 1a2b3c4d --follow
  mobula logs task score --tail 20`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && (len(args) != 2 || args[0] != "worker" && args[0] != "task") {
				return misuse("give nothing for a list, or  worker ID  or  task ID")
			}
			return nil
		},
		ValidArgsFunction: o.complete,
		RunE:              o.run,
	}
	o.register(cmd)
	countFlag(cmd, &o.tail, "tail", 1000, "last lines to show; 0: all that there are")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what is printed, until the worker ends")
	noCompletion(cmd, "tail")
	return cmd
}

func (o *logOptions) complete(cmd *cobra.Command, args []string, begin string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return cobra.FixedCompletions([]cobra.Completion{"worker", "task"}, cobra.ShellCompDirectiveNoFileComp)(cmd, args, begin)
	case len(args) == 1 && args[0] == "worker":
		return o.completeThings(cmd.Context(), logKind, begin)
	case len(args) == 1 && args[0] == "task":
		return o.completeThings(cmd.Context(), kinds["tasks"], begin)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

func (o *logOptions) run(cmd *cobra.Command, args []string) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	client, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	logs, err := logKind.list(ctx, client, time.Now())
	if err != nil {
		return err
	}
	warnOfMissing(cmd.ErrOrStderr(), logs.missing)
	if len(args) == 0 {
		return logs.write(out, o.output, 0)
	}
	worker, lines := args[1], &lastLines{keep: o.tail}
	if args[0] == "task" {
		task, err := taskNamed(ctx, client, args[1])
		if err != nil {
			return err
		}
		worker, lines.marker = task.Worker.String(), task.LogMarker()
	}
	if err := logs.pick("mobula logs", worker); err != nil {
		return err
	}
	l := logs.rows[0].thing.(inspect.Log)
	if err := showLog(ctx, client, l, lines, o.follow, out); err != nil {
		return err
	}
	if lines.found == 0 && lines.marker != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "No line says that it is of this task; all that its worker wrote shows  mobula logs worker %s\n", l.Worker.Short())
	}
	return nil
}

// taskNamed finds a task that has run.
func taskNamed(ctx context.Context, c headwire.Caller, name string) (inspect.Task, error) {
	tasks, err := kinds["tasks"].list(ctx, c, time.Now())
	if err == nil {
		err = tasks.pick("mobula list tasks --limit 0", name)
	}
	if err != nil {
		return inspect.Task{}, err
	}
	task := tasks.rows[0].thing.(inspect.Task)
	if task.Worker.IsZero() {
		return task, fmt.Errorf("task %s has not run yet", task.Task.Short())
	}
	return task, nil
}

// logKind is no kind that is listed by its name: mobula logs does.
var logKind = kindOf(inspect.Logs, logCells, "STATE", "WORKER NODE SIZE STATE")

func logCells(l inspect.Log, _ time.Time) []string {
	state := "runs"
	if l.Ended {
		state = "ended"
	}
	return []string{short(l.Worker), l.Node, bytesize.Format(l.Size), state}
}

// followEvery is how often a log is asked for more.
const followEvery = 300 * time.Millisecond

// showLog writes a log, from its last lines on.
func showLog(ctx context.Context, c headwire.Caller, l inspect.Log, lines *lastLines, follow bool, out io.Writer) error {
	for offset := int64(0); ; {
		part, err := inspect.ReadLog(ctx, c, l, offset)
		if err != nil {
			return err
		}
		lines.add(part.Text)
		if len(part.Text) > 0 && part.Next > offset {
			offset = part.Next
			continue
		}
		if err := lines.flush(out, part.Ended || !follow); err != nil {
			return err
		}
		if part.Ended || !follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(followEvery):
		}
	}
}

// lastLines keeps the last lines of what is added until they are flushed for the first time, and all after that.
type lastLines struct {
	marker string // that lines must hold
	keep   int    // 0: all
	whole  []string
	rest   []byte // a line that has not ended
	shown  bool
	found  int
}

func (l *lastLines) add(text []byte) {
	l.rest = append(l.rest, text...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			return
		}
		l.take(string(line))
		l.rest = rest
	}
}

func (l *lastLines) take(line string) {
	if !strings.Contains(line, l.marker) {
		return
	}
	l.found++
	l.whole = append(l.whole, line)
	if over := len(l.whole) - l.keep; l.keep > 0 && !l.shown && over > 0 {
		l.whole = l.whole[over:]
	}
}

func (l *lastLines) flush(out io.Writer, last bool) error {
	if last && len(l.rest) > 0 {
		l.take(string(l.rest))
		l.rest = nil
	}
	for _, line := range l.whole {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	l.whole, l.shown = nil, true
	return nil
}
