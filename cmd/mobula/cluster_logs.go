package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/internal/bytesize"
	"mobula/internal/id"
)

type logRow struct {
	Node string `json:"node"`
	node.LogInfo
	at id.Node
}

func (r logRow) identity() string { return r.Worker.String() }

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
	logs, err := listLogs(ctx, client)
	if err != nil || len(words) == 0 {
		if err == nil {
			err = logs.write(out, c.format, 0)
		}
		return err
	}
	marker := ""
	if words[0] == "task" {
		tasks, err := listTasks(ctx, client, time.Now())
		if err == nil {
			err = tasks.pick("mobula list tasks --limit 0", words[1])
		}
		if err != nil {
			return err
		}
		task := tasks.rows[0].thing.(taskRow)
		if task.Worker.IsZero() {
			return fmt.Errorf("task %s has not run yet", task.Task.Short())
		}
		marker = " " + task.Task.Short() + "] "
		words[1] = task.Worker.String()
	}
	if err := logs.pick("mobula logs", words[1]); err != nil {
		return err
	}
	l := logs.rows[0].thing.(logRow)
	lines := &lastLines{marker: marker, keep: *tail}
	if err := showLog(ctx, client, l, lines, *follow, out); err != nil {
		return err
	}
	if lines.found == 0 && marker != "" {
		fmt.Fprintf(out, "No line says that it is of this task; all that its worker wrote shows  mobula logs worker %s\n", l.Worker.Short())
	}
	return nil
}

func listLogs(ctx context.Context, c headwire.Caller) (*table, error) {
	answers, err := fromNodes[[]node.LogInfo](ctx, c, headwire.Query{What: "logs"})
	if err != nil {
		return nil, err
	}
	t := &table{columns: []string{"WORKER", "NODE", "SIZE", "STATE"}}
	for _, a := range answers {
		for _, l := range a.data {
			state := "runs"
			if l.Ended {
				state = "ended"
			}
			t.add(logRow{a.node, l, a.id}, short(l.Worker), a.node, bytesize.Format(l.Size), state)
		}
	}
	return t, nil
}

// followEvery is how often a log is asked for more.
const followEvery = 300 * time.Millisecond

// showLog writes a log, from its last lines on.
func showLog(ctx context.Context, c headwire.Caller, l logRow, lines *lastLines, follow bool, out io.Writer) error {
	for offset := int64(0); ; {
		answers, err := fromNodes[node.LogPart](ctx, c, headwire.Query{What: fmt.Sprintf("log %s %d", l.Worker, offset), Node: l.at})
		if err != nil {
			return err
		}
		if len(answers) == 0 {
			return fmt.Errorf("node %s does not answer", l.Node)
		}
		part := answers[0].data
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
