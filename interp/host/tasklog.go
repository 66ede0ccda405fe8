package host

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// taskLogs shows what tasks write under the cells that have submitted them: each line with the task's name. A line that other tasks of that
// name repeat within a moment is shown once, with their number; beyond a bound lines are counted only.
type taskLogs struct {
	show func(cell, stream int, text string)

	mu    sync.Mutex // guards below
	cells map[int]*cellLog
	armed bool
}

// cellLog is the output of one cell's tasks.
type cellLog struct {
	lines  int // that were shown
	folded int // that were not, since the last report
	recent map[logLine]*repeated
}

type logLine struct {
	stream     int
	name, text string
}

// repeated is a line that was shown, and what repeats it.
type repeated struct {
	task  id.Task
	since time.Time
	count int
}

const (
	repeatWindow = 500 * time.Millisecond
	maxTaskLines = 1000 // of the tasks of one cell
	maxRecent    = 4096 // lines that are compared
)

func newTaskLogs(show func(cell, stream int, text string)) *taskLogs {
	return &taskLogs{show: show, cells: map[int]*cellLog{}}
}

// add shows text that a task has written.
func (l *taskLogs) add(m wire.Log) {
	stream := 0
	if m.Stream == streamNames[1] {
		stream = 1
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.cells[m.Cell]
	if c == nil {
		c = &cellLog{recent: map[logLine]*repeated{}}
		l.cells[m.Cell] = c
	}
	for text := range strings.Lines(m.Text) {
		l.line(c, &m, logLine{stream, m.Name, strings.TrimSuffix(text, "\n")})
	}
	if !l.armed && (len(c.recent) > 0 || c.folded > 0) {
		l.armed = true
		time.AfterFunc(repeatWindow, l.tick)
	}
}

func (l *taskLogs) line(c *cellLog, m *wire.Log, line logLine) {
	if r := c.recent[line]; r != nil && r.task != m.Task {
		r.count++
		return
	}
	if c.lines >= maxTaskLines {
		c.folded++
		return
	}
	c.lines++
	l.show(m.Cell, line.stream, prefixed(line.name, line.text, ""))
	if len(c.recent) < maxRecent && c.recent[line] == nil {
		c.recent[line] = &repeated{task: m.Task, since: time.Now()}
	}
}

func prefixed(name, text, note string) string {
	if name == "" {
		name = "worker"
	}
	return fmt.Sprintf("(%s) %s%s\n", name, text, note)
}

// tick reports what was repeated, and what was folded.
func (l *taskLogs) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := false
	for cell, c := range l.cells {
		for line, r := range c.recent {
			if time.Since(r.since) < repeatWindow {
				left = true
				continue
			}
			delete(c.recent, line)
			if r.count > 0 {
				l.show(cell, line.stream, prefixed(line.name, line.text, fmt.Sprintf("  (repeated %dx)", r.count)))
			}
		}
		if c.folded > 0 {
			l.show(cell, 1, fmt.Sprintf("(tasks) %d more lines: %d of this cell's tasks are shown, the logs of the node have all\n", c.folded, maxTaskLines))
			c.folded = 0
		}
	}
	if l.armed = left; left {
		time.AfterFunc(repeatWindow, l.tick)
	}
}
