package node

import (
	"fmt"
	"slices"
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
