package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

func TestTasksOfEvents(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	a, b, worker := id.Task{ID: ids.Next()}, id.Task{ID: ids.Next()}, id.Worker{ID: ids.Next()}
	var l eventLog
	l.add(wire.Events{List: []wire.TaskEvent{
		{Task: a, Name: "f", State: wire.TaskSubmitted, Nanos: 1, Attempt: 1},
		{Task: b, Name: "g", State: wire.TaskQueued, Nanos: 2, Attempt: 1},
		{Task: a, State: wire.TaskFailed, Nanos: 9, Attempt: 1},
		{Task: a, State: wire.TaskRunning, Nanos: 5, Attempt: 1, Worker: worker}, // from another process, and later
		{Task: b, State: wire.TaskRetried, Nanos: 6, Attempt: 1},
		{Task: b, State: wire.TaskRunning, Nanos: 8, Attempt: 2},
	}})
	got := l.tasks()
	if len(got) != 2 || got[0].State != wire.TaskFailed || got[0].Name != "f" || got[0].Worker != worker || got[0].Begin != time.Unix(0, 1) || got[0].Last != time.Unix(0, 9) {
		t.Errorf("%+v", got)
	}
	if got[1].State != wire.TaskRunning || got[1].Attempt != 2 || got[1].Run != time.Unix(0, 8) {
		t.Errorf("%+v", got[1])
	}
	if s := fmt.Sprint(l.summary()); s != "[{f failed 1} {g running 1}]" {
		t.Error(s)
	}
}

// TestTasksEndWithTheirDriver: what a driver that has gone has not told of its tasks is that they ended.
func TestTasksEndWithTheirDriver(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	job, other := id.Job{ID: ids.Next()}, id.Job{ID: ids.Next()}
	var l eventLog
	for i, state := range []wire.TaskState{wire.TaskQueued, wire.TaskRunning, wire.TaskFinished, wire.TaskFailed, wire.TaskRetried} {
		for _, j := range []id.Job{job, other} {
			l.add(wire.Events{Job: j, List: []wire.TaskEvent{{Task: id.Task{ID: ids.Next()}, Name: fmt.Sprint(i), State: state, Nanos: 1, Attempt: 1}}})
		}
	}
	l.endJob(job, time.Unix(0, 5))
	var got []wire.TaskState
	for _, x := range l.tasks() {
		if x.Job == job {
			got = append(got, x.State)
		}
	}
	if want := []wire.TaskState{wire.TaskCanceled, wire.TaskCanceled, wire.TaskFinished, wire.TaskFailed, wire.TaskCanceled}; !slices.Equal(got, want) {
		t.Errorf("the tasks of the driver are %v, not %v", got, want)
	}
	if open := l.tasks()[1].State; open != wire.TaskQueued {
		t.Errorf("a task of another driver is %v", open)
	}
}

func TestOldEventsAreForgotten(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	const more = 3*eventsPerPart + 7
	var l eventLog
	for i := range maxEvents + more {
		l.add(wire.Events{List: []wire.TaskEvent{{Task: id.Task{ID: ids.Next()}, Name: fmt.Sprint(i), State: wire.TaskRunning}}})
	}
	got := l.tasks()
	want := id.NewGenerator([8]byte{1})
	for range more {
		want.Next()
	}
	if len(got) != maxEvents || got[0].Task.ID != want.Next() || got[0].Name != fmt.Sprint(more) || got[maxEvents-1].Name != fmt.Sprint(maxEvents+more-1) {
		t.Errorf("%d tasks, first %v", len(got), got[0])
	}
	if n := len(l.names); n > maxEvents+2*eventsPerPart {
		t.Errorf("%d names are kept of %d events", n, maxEvents)
	}
}

// TestFeed: whoever asks for what is new gets each event once, in order, and hears of those that it came too late for.
func TestFeed(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	var l eventLog
	add := func(n int) {
		for range n {
			l.add(wire.Events{List: []wire.TaskEvent{{Task: id.Task{ID: ids.Next()}, State: wire.TaskRunning, Attempt: 1}}})
		}
	}
	read := func(from uint64) (got []EventInfo, next, missed uint64) {
		for next = from; ; {
			f := l.feed(next)
			got, next, missed = append(got, f.Events...), f.Next, missed+f.Missed
			if !f.More {
				return got, next, missed
			}
		}
	}
	if got, next, _ := read(0); len(got) != 0 || next != 0 {
		t.Errorf("%d events of none, next %d", len(got), next)
	}
	add(3)
	got, next, _ := read(0)
	if len(got) != 3 || next != 3 {
		t.Errorf("%d events, next %d", len(got), next)
	}
	add(maxFeed + 2*eventsPerPart)
	if got, next, _ = read(next); len(got) != maxFeed+2*eventsPerPart || got[0].Task.ID[15] != 4 || next != uint64(3+len(got)) {
		t.Errorf("%d events from %v, next %d", len(got), got[0].Task, next)
	}
	add(maxEvents + 5)
	got, last, missed := read(next)
	if len(got) != maxEvents || missed != 5 || last != next+5+maxEvents {
		t.Errorf("%d events, %d missed, next %d after %d", len(got), missed, last, next)
	}
	if got, _, missed = read(last + 1); len(got) != maxEvents || missed != 0 {
		t.Errorf("a number of another life: %d events, %d missed", len(got), missed)
	}
}

// TestErrorsOfEvents: of many failures the last ones are told in full, and all are counted.
func TestErrorsOfEvents(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	var l eventLog
	const more = 5
	for i := range keptErrors + more {
		l.add(wire.Events{
			List:    []wire.TaskEvent{{Task: id.Task{ID: ids.Next()}, State: wire.TaskFailed, Attempt: 1, Error: fmt.Sprint("no ", i)}},
			Dropped: [wire.TaskStates]uint64{wire.TaskFinished: 2},
		})
	}
	all := l.tasks()
	if all[more-1].Error != "" || all[more].Error != fmt.Sprint("no ", more) || all[len(all)-1].Error != fmt.Sprint("no ", keptErrors+more-1) {
		t.Errorf("%q, %q and last %q", all[more-1].Error, all[more].Error, all[len(all)-1].Error)
	}
	entered, tasks := l.figures()
	if entered["failed"] != keptErrors+more || entered["finished"] != 2*(keptErrors+more) || tasks["failed"] != keptErrors+more || entered["queued"] != 0 {
		t.Errorf("%v, %v", entered, tasks)
	}
	l.add(wire.Events{List: []wire.TaskEvent{{Task: all[0].Task, State: wire.TaskRunning, Attempt: 2}}})
	if _, tasks = l.figures(); tasks["running"] != 1 || tasks["failed"] != keptErrors+more-1 {
		t.Errorf("after one more: %v", tasks)
	}
}

func BenchmarkFigures(b *testing.B) {
	ids := id.NewGenerator([8]byte{1})
	var l eventLog
	for range maxEvents / 3 {
		x := id.Task{ID: ids.Next()}
		l.add(wire.Events{List: []wire.TaskEvent{{Task: x, Name: "f", State: wire.TaskQueued}, {Task: x, Name: "f", State: wire.TaskRunning}, {Task: x, Name: "f", State: wire.TaskFinished}}})
	}
	for b.Loop() {
		l.counts = nil
		l.figures()
	}
}

func TestFeedQuestion(t *testing.T) {
	one, other := id.New[id.Node](), id.New[id.Node]()
	question := FeedQuestion(map[id.Node]uint64{one: 7, other: 9})
	for _, c := range []struct {
		node id.Node
		text string
		want uint64
		ok   bool
	}{
		{one, question, 7, true}, {other, question, 9, true}, {id.New[id.Node](), question, 0, true}, {one, FeedQuestion(nil), 0, true},
		{one, "feed 12", 0, false}, {one, "feed " + one.String() + ":-1", 0, false},
	} {
		rest, _ := strings.CutPrefix(c.text, "feed")
		got, err := (&Node{conf: Config{ID: c.node}}).feedFrom(rest)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%q: %d, %v", c.text, got, err)
		}
	}
}
