package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/internal/bytesize"
)

// logsCommand lists logs, or shows that of a worker or a task.
func logsCommand(ctx context.Context, args []string, out io.Writer) error {
	var c clusterFlags
	f := flag.NewFlagSet("logs", flag.ContinueOnError)
	c.register(f)
	tail := f.Int("tail", 1000, "")
	follow := f.Bool("follow", false, "")
	words, err := parseMixed(f, args)
	if err != nil {
		return err
	}
	if len(words) != 0 && (len(words) != 2 || words[0] != "worker" && words[0] != "task") {
		return usageError{"logs: give nothing for a list, or  worker ID  or  task ID"}
	}
	client, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	logs, err := logKind.list(ctx, client, time.Now())
	if err == nil {
		warnOfMissing(os.Stderr, logs.missing)
	}
	if err != nil || len(words) == 0 {
		if err == nil {
			err = logs.write(out, c.format, 0)
		}
		return err
	}
	marker := ""
	if words[0] == "task" {
		tasks, err := kinds["tasks"].list(ctx, client, time.Now())
		if err == nil {
			err = tasks.pick("mobula list tasks --limit 0", words[1])
		}
		if err != nil {
			return err
		}
		task := tasks.rows[0].thing.(inspect.Task)
		if task.Worker.IsZero() {
			return fmt.Errorf("task %s has not run yet", task.Task.Short())
		}
		marker = task.LogMarker()
		words[1] = task.Worker.String()
	}
	if err := logs.pick("mobula logs", words[1]); err != nil {
		return err
	}
	l := logs.rows[0].thing.(inspect.Log)
	lines := &lastLines{marker: marker, keep: *tail}
	if err := showLog(ctx, client, l, lines, *follow, out); err != nil {
		return err
	}
	if lines.found == 0 && marker != "" {
		fmt.Fprintf(out, "No line says that it is of this task; all that its worker wrote shows  mobula logs worker %s\n", l.Worker.Short())
	}
	return nil
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
