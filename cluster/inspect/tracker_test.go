package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// feeding stands for a head with two nodes, whose events are fed at most so many at a time.
type feeding struct {
	events [2][]node.EventInfo
	most   int
	asked  int
	gone   error // of the second node
}

func (f *feeding) Call(_ context.Context, method string, in, out any) error {
	if method == string(headwire.ListNodes) {
		*out.(*[]headwire.NodeInfo) = []headwire.NodeInfo{info(1, "a", "a000000000000000", sched.Alive), info(2, "b", "b000000000000000", sched.Alive)}
		return nil
	}
	question := in.(headwire.Query).What
	f.asked++
	answers := []headwire.Answer{}
	for i, all := range f.events {
		n := named[id.Node](byte(i + 1))
		from := 0
		for _, part := range strings.Fields(question)[1:] {
			if rest, ok := strings.CutPrefix(part, n.String()+":"); ok {
				if _, err := fmt.Sscan(rest, &from); err != nil {
					return err
				}
			}
		}
		end := min(len(all), from+f.most)
		data, err := json.Marshal(node.EventFeed{Events: all[from:end], Next: uint64(end), More: end < len(all)})
		if err != nil {
			return err
		}
		a := headwire.Answer{Node: n, Name: string(rune('a' + i)), Data: data}
		if i == 1 && f.gone != nil {
			a.Data, a.Error = nil, f.gone.Error()
		}
		answers = append(answers, a)
	}
	*out.(*[]headwire.Answer) = answers
	return nil
}

func attempt(task byte, attempt uint64, state wire.TaskState, second int, worker byte, why string) node.EventInfo {
	e := event(task, state, second, worker, "")
	e.Attempt, e.Error = attempt, why
	return e
}

func TestTracker(t *testing.T) {
	f := &feeding{most: 2}
	first := event(1, wire.TaskQueued, 0, 0, "score")
	first.Job = named[id.Job](3)
	f.events[0] = []node.EventInfo{first, attempt(1, 1, wire.TaskRunning, 2, 1, ""), attempt(1, 1, wire.TaskFailed, 3, 1, "boom"), attempt(1, 1, wire.TaskRetried, 3, 0, "")}
	f.events[1] = []node.EventInfo{attempt(2, 1, wire.TaskFinished, 9, 2, ""), attempt(2, 1, wire.TaskRunning, 8, 2, "")} // the wrong way round
	tracker := NewTaskTracker()
	if err := tracker.Refresh(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	x, ok := tracker.Get(named[id.Task](1))
	if !ok || x.Name != "score" || x.Job != named[id.Job](3) || x.State != wire.TaskRetried || x.Error != "boom" || x.Node != "a" || x.Worker != named[id.Worker](1) ||
		len(x.Attempts) != 1 || !x.Attempts[0].Queued.Equal(at(0)) || !x.Attempts[0].Begin.Equal(at(2)) || !x.Attempts[0].End.Equal(at(3)) {
		t.Errorf("%+v", x)
	}
	if x, _ = tracker.Get(named[id.Task](2)); x.State != wire.TaskFinished || !x.Begin.Equal(at(8)) || !x.Run.Equal(at(8)) || !x.Last.Equal(at(9)) {
		t.Errorf("%+v", x)
	}
	version, asked := tracker.Version(), f.asked
	if err := tracker.Refresh(t.Context(), f); err != nil || tracker.Version() != version || f.asked != asked+1 {
		t.Errorf("nothing is new: %v, version %d after %d, %d questions", err, tracker.Version(), version, f.asked-asked)
	}
	f.events[0] = append(f.events[0], attempt(1, 2, wire.TaskRunning, 5, 1, ""), attempt(1, 2, wire.TaskFinished, 6, 1, ""))
	f.gone = errors.New("it hangs")
	if err := tracker.Refresh(t.Context(), f); err != nil || len(tracker.Missing()) != 1 || tracker.Missing()[0].Name != "b" {
		t.Error(err, tracker.Missing())
	}
	x, _ = tracker.Get(named[id.Task](1))
	if x.State != wire.TaskFinished || x.Attempt != 2 || x.Error != "" || len(x.Attempts) != 2 || x.Attempts[0].Error != "boom" || x.Attempts[0].State != wire.TaskRetried {
		t.Errorf("%+v", x)
	}
	var order []byte
	tracker.Each(func(x *Tracked) bool {
		order = append(order, x.Task.Task.ID[15])
		return true
	})
	if len(order) != 2 {
		t.Errorf("%v", order)
	}
	if _, ok := tracker.Get(named[id.Task](9)); ok {
		t.Error("a task that nobody has told of")
	}
}

// TestTrackerIsTheList: what is followed is what a list shows.
func TestTrackerIsTheList(t *testing.T) {
	f := twoNodes(t)
	f["feed"] = []headwire.Answer{says(t, 1, "a", node.EventFeed{Events: []node.EventInfo{event(1, wire.TaskQueued, 0, 0, "score")}, Next: 1}), says(t, 2, "b", node.EventFeed{
		Events: []node.EventInfo{attempt(1, 2, wire.TaskRunning, 3, 2, "")}, Next: 1,
	})}
	tracker := NewTaskTracker()
	if err := tracker.Refresh(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	list, err := Tasks(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := tracker.Get(named[id.Task](1))
	want := list.Rows[0]
	if got.Name != want.Name || got.State != want.State || got.Attempt != want.Attempt || got.Worker != want.Worker || got.Node != want.Node || !got.Begin.Equal(want.Begin) || !got.Run.Equal(want.Run) {
		t.Errorf("%+v, want %+v", got.Task, want)
	}
}

func TestTrackerLetsTheOldestGo(t *testing.T) {
	tracker := NewTaskTracker()
	number := func(n int) id.Task { return id.Task{ID: id.ID{13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)}} }
	for i := range maxTracked + 1 {
		state := wire.TaskFinished
		if i == 0 {
			state = wire.TaskRunning
		}
		tracker.apply(&node.EventInfo{TaskEvent: wire.TaskEvent{Task: number(i), State: state, Nanos: int64(i), Attempt: 1}})
	}
	tracker.shrink()
	if n := len(tracker.tasks); n != maxTracked-maxTracked/10 || n != len(tracker.order) {
		t.Errorf("%d tasks, %d in order", n, len(tracker.order))
	}
	for i, kept := range map[int]bool{0: true, 1: false, maxTracked: true} {
		if _, ok := tracker.Get(number(i)); ok != kept {
			t.Errorf("task %d is kept: %v", i, ok)
		}
	}
	if !slices.IsSortedFunc(tracker.order, func(a, b *Tracked) int { return a.Task.Task.Compare(b.Task.Task.ID) }) {
		t.Error("the order is another one")
	}
}
