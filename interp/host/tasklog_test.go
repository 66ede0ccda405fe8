package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// shown runs f with a taskLogs, and returns what that shows.
func shown(t *testing.T, f func(l *taskLogs)) (lines []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := newTaskLogs(func(cell, stream int, text string) {
			lines = append(lines, fmt.Sprintf("%d %s %s", cell, streamNames[stream], strings.TrimSuffix(text, "\n")))
		})
		f(l)
		<-time.After(3 * repeatWindow) // of the bubble
		synctest.Wait()
	})
	return lines
}

func TestRepeatedLines(t *testing.T) {
	got := shown(t, func(l *taskLogs) {
		for i := range 10 {
			l.add(wire.Log{Task: id.New[id.Task](), Name: "scan", Cell: 3, Stream: "stdout", Text: fmt.Sprintf("start\npart %d\n", i/9)})
		}
		l.add(wire.Log{Task: id.New[id.Task](), Name: "other", Cell: 3, Stream: "stdout", Text: "start\n"})
		l.add(wire.Log{Task: id.New[id.Task](), Name: "scan", Cell: 4, Stream: "stderr", Text: "start"})
	})
	first := []string{"3 stdout (scan) start", "3 stdout (scan) part 0", "3 stdout (scan) part 1", "3 stdout (other) start", "4 stderr (scan) start"}
	if !slices.Equal(got[:len(first)], first) {
		t.Errorf("%q", got)
	}
	rest := got[len(first):]
	slices.Sort(rest)
	if want := []string{"3 stdout (scan) part 0  (repeated 8x)", "3 stdout (scan) start  (repeated 9x)"}; !slices.Equal(rest, want) {
		t.Errorf("%q", rest)
	}
}

func TestOneTaskRepeatsItself(t *testing.T) {
	task := id.New[id.Task]()
	got := shown(t, func(l *taskLogs) {
		for range 3 {
			l.add(wire.Log{Task: task, Name: "f", Cell: 1, Stream: "stdout", Text: "tick\n"})
		}
	})
	if len(got) != 3 {
		t.Errorf("%q", got)
	}
}

func TestFoldedLines(t *testing.T) {
	task := id.New[id.Task]()
	got := shown(t, func(l *taskLogs) {
		for i := range maxTaskLines + 500 {
			l.add(wire.Log{Task: task, Name: "f", Cell: 1, Stream: "stdout", Text: fmt.Sprintf("%d\n", i)})
		}
		l.add(wire.Log{Task: task, Name: "f", Cell: 2, Stream: "stdout", Text: "of another cell\n"})
	})
	if len(got) != maxTaskLines+2 || !strings.Contains(got[len(got)-1], "500 more lines") {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}
