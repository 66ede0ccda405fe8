package inspect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/golden"
	"mobula/internal/id"
)

// at is the n-th second of the tests' time.
func at(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }

func named[K id.Kind](n byte) K {
	var i id.ID
	i[0], i[15] = 0xa0, n
	return K{ID: i}
}

// fake stands for a head: what it answers to each method, and, by the words of the question, what it passes on from nodes.
type fake map[string]any

func (f fake) Call(_ context.Context, method string, in, out any) error {
	if q, ok := in.(headwire.Query); ok {
		method = q.What
	}
	if err, ok := f[method].(error); ok {
		return err
	}
	data, err := json.Marshal(f[method])
	if err != nil {
		return err
	}
	return json.Unmarshal(data, out)
}

func says(t *testing.T, node byte, name string, data any) headwire.Answer {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return headwire.Answer{Node: named[id.Node](node), Name: name, Data: text}
}

func info(n byte, name, prefix string, state sched.NodeState) headwire.NodeInfo {
	return headwire.NodeInfo{State: state.String(), Joined: at(0).UnixMilli(), NodeHello: headwire.NodeHello{
		ID: named[id.Node](n), Name: name, Prefix: prefix, Total: sched.Resources{CPU: sched.Whole(4)},
	}}
}

// twoNodes is a cluster that has one of each thing.
func twoNodes(t *testing.T) fake {
	t.Helper()
	return fake{
		string(headwire.GetCluster): headwire.ClusterInfo{ID: "0123", Created: at(0).UnixMilli()},
		string(headwire.ListNodes):  []headwire.NodeInfo{info(1, "a", "a000000000000000", sched.Alive), info(2, "b", "b000000000000000", sched.Alive)},
		string(headwire.ListJobs): []headwire.JobInfo{{JobSpec: headwire.JobSpec{ID: named[id.Job](1), Name: "train"}, State: "running", Created: at(1).UnixMilli()},
			{JobSpec: headwire.JobSpec{ID: named[id.Job](2), Submission: "nightly"}, State: "stopped", Created: at(3).UnixMilli()}},
		string(headwire.ListSubmitted): []headwire.SubmittedJob{{
			ID: "nightly", Name: "n", State: "failed", Message: "exited with status 3\nlast line", Entrypoint: []string{"./train", "-v"}, Created: at(2).UnixMilli(), Ended: at(4).UnixMilli(),
			Attempts: []headwire.JobAttempt{{Number: 1, Node: named[id.Node](2), NodeName: "b", PID: 9, Drivers: []id.Job{named[id.Job](2)}, Placed: at(2).UnixMilli()}},
		}},
		string(headwire.ListGroups): []headwire.GroupInfo{{GroupSpec: headwire.GroupSpec{ID: named[id.PlacementGroup](1), Name: "g"}, State: "created"}},
		string(headwire.ListActors): []headwire.ActorInfo{{ID: named[id.Actor](1), Name: "hits", Class: "*main.Counter", State: "restarting", Node: named[id.Node](2), Cause: "it crashed"}},
		"actors": []headwire.Answer{says(t, 1, "a", []node.OwnedActorInfo{
			{Job: named[id.Job](1), OwnedActor: wire.OwnedActor{ID: named[id.Actor](2), Class: "*main.Queue", Alive: true, Worker: named[id.Worker](7), Created: at(2).UnixMilli()}},
			{Job: named[id.Job](1), OwnedActor: wire.OwnedActor{ID: named[id.Actor](3), Class: "*main.Queue"}},
		}), says(t, 2, "b", []node.OwnedActorInfo{})},
		"workers": []headwire.Answer{says(t, 1, "a", []node.WorkerInfo{{Worker: named[id.Worker](7), PID: 8, State: "ready", Leases: []id.Lease{}, Started: at(1)}}), says(t, 2, "b", nil)},
		"leases":  []headwire.Answer{says(t, 1, "a", nil), says(t, 2, "b", []node.LeaseInfo{{Lease: named[id.Lease](1), Slots: 2, Granted: true, Since: at(1)}})},
		"objects": []headwire.Answer{says(t, 1, "a", []node.ObjectInfo{{Object: "a0-1", Size: 5, State: "sealed"}}), says(t, 2, "b", nil)},
		"memory":  []headwire.Answer{says(t, 1, "a", node.MemoryInfo{Total: 8 << 30}), says(t, 2, "b", node.MemoryInfo{Total: 4 << 30})},
		"logs":    []headwire.Answer{says(t, 1, "a", nil), says(t, 2, "b", []node.LogInfo{{Worker: named[id.Worker](7), Size: 9, Ended: true}})},
		"tasks": []headwire.Answer{says(t, 1, "a", []node.TaskInfo{{Task: named[id.Task](1), Name: "score", State: wire.TaskQueued, Attempt: 1, Begin: at(0), Last: at(1)}}), says(t, 2, "b", []node.TaskInfo{
			{Task: named[id.Task](1), State: wire.TaskRunning, Attempt: 2, Worker: named[id.Worker](2), Begin: at(1), Run: at(3), Last: at(3)},
		})},
		"events": []headwire.Answer{says(t, 1, "a", []node.EventInfo{event(1, wire.TaskRunning, 1, 1, "score"), event(1, wire.TaskFinished, 3, 1, "")}), says(t, 2, "b", nil)},
	}
}

func event(task byte, state wire.TaskState, second int, worker byte, name string) node.EventInfo {
	e := node.EventInfo{TaskEvent: wire.TaskEvent{Task: named[id.Task](task), Name: name, State: state, Nanos: at(second).UnixNano(), Attempt: 1}}
	if worker != 0 {
		e.Worker = named[id.Worker](worker)
	}
	return e
}

// lists are all of them, without their types.
var lists = map[string]func(ctx context.Context, c headwire.Caller) (any, []NodeError, error){
	"nodes": untyped(Nodes), "jobs": untyped(Jobs), "submitted": untyped(SubmittedJobs), "groups": untyped(Groups), "actors": untyped(Actors), "workers": untyped(Workers), "leases": untyped(Leases),
	"objects": untyped(Objects), "memory": untyped(Memory), "logs": untyped(Logs), "tasks": untyped(Tasks), "timeline": untyped(Timeline),
}

func untyped[Row any](list func(context.Context, headwire.Caller) (List[Row], error)) func(context.Context, headwire.Caller) (any, []NodeError, error) {
	return func(ctx context.Context, c headwire.Caller) (any, []NodeError, error) {
		l, err := list(ctx, c)
		return l, l.Missing, err
	}
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// TestRows: the JSON of all rows, which others read.
func TestRows(t *testing.T) {
	defer func(zone *time.Location) { time.Local = zone }(time.Local)
	time.Local = time.UTC
	all := map[string]any{}
	for name, list := range lists {
		rows, missing, err := list(t.Context(), twoNodes(t))
		if err != nil || len(missing) > 0 {
			t.Errorf("%s: %v, %v", name, missing, err)
		}
		all[name] = rows
	}
	status, err := GetStatus(t.Context(), twoNodes(t))
	if err != nil {
		t.Fatal(err)
	}
	all["status"] = status
	golden.Compare(t, "testdata/rows.json", indented(t, all))
}

// TestMissing: the rows of those that answer, and who does not.
func TestMissing(t *testing.T) {
	f := twoNodes(t)
	f[string(headwire.ListNodes)] = []headwire.NodeInfo{
		info(1, "a", "a000000000000000", sched.Alive), info(2, "b", "", sched.Alive), info(3, "c", "", sched.Alive), info(4, "d", "", sched.Suspect), info(5, "e", "", sched.Dead),
	}
	worker := []node.WorkerInfo{{Worker: named[id.Worker](7)}}
	hangs := headwire.Answer{Node: named[id.Node](2), Name: "b", Error: "it hangs"}
	f["workers"] = []headwire.Answer{says(t, 1, "a", worker), hangs, says(t, 3, "c", "of a later release")}
	got, err := Workers(t.Context(), f)
	if err != nil || len(got.Rows) != 1 || got.Rows[0].Node != "a" {
		t.Errorf("%+v, %v", got, err)
	}
	var text []string
	for _, m := range got.Missing {
		text = append(text, m.Error())
	}
	want := "node b: it hangs\nnode c: it answers what this mobula cannot read: use the same release everywhere\nnode d: it is not connected to the head"
	if strings.Join(text, "\n") != want {
		t.Errorf("%q", text)
	}
	f["workers"] = []headwire.Answer{hangs}
	if e, ok := errors.AsType[NodeError](func() error { _, err := Workers(t.Context(), f); return err }()); !ok || e.Name != "b" {
		t.Errorf("where nobody answers: %v", e)
	}
	f["workers"] = nil
	if got, err := Workers(t.Context(), f); err != nil || got.Rows == nil || len(got.Missing) != 4 {
		t.Errorf("where nobody is connected: %+v, %v", got, err)
	}
}

// silent is a head that is away.
type silent struct{}

func (silent) Call(ctx context.Context, _ string, _, _ any) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestHeadIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, list := range lists {
			begin := time.Now()
			if _, _, err := list(t.Context(), silent{}); err == nil || !strings.Contains(err.Error(), "see whether it runs") || time.Since(begin) > headTime {
				t.Errorf("%s: after %v: %v", name, time.Since(begin), err)
			}
		}
		if _, err := GetStatus(t.Context(), silent{}); err == nil {
			t.Error("a status")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Nodes(ctx, silent{}); err == nil || strings.Contains(err.Error(), "see whether it runs") {
			t.Errorf("where the caller gives up: %v", err)
		}
	})
}

func TestStatus(t *testing.T) {
	s := Status{Nodes: []Node{{info(1, "a", "", sched.Alive)}, {info(2, "b", "", sched.Suspect)}, {info(3, "c", "", sched.Dead)}}}
	s.Nodes[0].Free.CPU = sched.One
	total, free := s.Resources()
	if total.CPU != sched.Whole(8) || free.CPU != sched.One || s.States()["suspect"] != 1 || s.States()["dead"] != 1 {
		t.Errorf("%v, %v, %v", total, free, s.States())
	}
}

// TestLatestAttempt: the latest attempt counts, whichever node tells of it first.
func TestLatestAttempt(t *testing.T) {
	first := node.TaskInfo{Task: named[id.Task](1), State: wire.TaskRunning, Attempt: 1, Worker: named[id.Worker](1), Begin: at(0), Last: at(1)}
	second := node.TaskInfo{Task: named[id.Task](1), Name: "score", State: wire.TaskFinished, Attempt: 2, Worker: named[id.Worker](2), Begin: at(2), Last: at(3)}
	for _, order := range [][]node.TaskInfo{{first, second}, {second, first}} {
		got := tasksOf([]answer[[]node.TaskInfo]{{data: order[:1]}, {data: order[1:]}}, nil)
		want := second
		want.Begin = first.Begin
		if len(got) != 1 || got[0].TaskInfo != want || got[0].Node != "?" {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// TestTimeline: begins and ends that different nodes tell, a task that waits, and one that runs on.
func TestTimeline(t *testing.T) {
	spans := timeline([]answer[[]node.EventInfo]{
		{data: []node.EventInfo{
			event(1, wire.TaskSubmitted, 0, 0, "score"), event(1, wire.TaskRunning, 1, 1, ""), event(2, wire.TaskRunning, 2, 1, "fit"),
			event(1, wire.TaskFinished, 3, 1, ""), event(3, wire.TaskRunning, 3, 9, ""), event(2, wire.TaskFailed, 5, 1, ""),
		}},
		{data: []node.EventInfo{event(3, wire.TaskSubmitted, 2, 0, "late"), event(4, wire.TaskQueued, 4, 0, "waits")}},
	}, nodeNames{"a000000000000000": "a"})
	want := []Span{
		{Name: "score", Begin: at(1), End: at(3), State: wire.TaskFinished, Worker: named[id.Worker](1)},
		{Name: "fit", Begin: at(2), End: at(5), State: wire.TaskFailed, Worker: named[id.Worker](1)},
		{Name: "late", Begin: at(3), End: at(5), State: wire.TaskRunning, Worker: named[id.Worker](9)},
	}
	if len(spans) != len(want) {
		t.Fatalf("%+v", spans)
	}
	for i, s := range spans {
		w := want[i]
		if s.Name != w.Name || !s.Begin.Equal(w.Begin) || !s.End.Equal(w.End) || s.State != w.State || s.Worker != w.Worker || s.Node != "a" || s.Attempt != 1 || s.Task != named[id.Task](byte(i+1)) {
			t.Errorf("%+v, want %+v", s, w)
		}
	}
}

func TestReadLog(t *testing.T) {
	l := Log{Node: "b", NodeID: named[id.Node](2), LogInfo: node.LogInfo{Worker: named[id.Worker](7)}}
	question := "log " + l.Worker.String() + " 5"
	f := fake{question: []headwire.Answer{says(t, 2, "b", node.LogPart{Text: []byte("on"), Next: 7, Ended: true})}}
	if part, err := ReadLog(t.Context(), f, l, 5); err != nil || string(part.Text) != "on" || part.Next != 7 || !part.Ended {
		t.Errorf("%+v, %v", part, err)
	}
	f[question] = []headwire.Answer{{Node: l.NodeID, Name: "b", Error: "no log is that old"}}
	if _, err := ReadLog(t.Context(), f, l, 5); err == nil || err.Error() != "node b: no log is that old" {
		t.Error(err)
	}
	f[question] = nil
	if _, err := ReadLog(t.Context(), f, l, 5); err == nil || !strings.Contains(err.Error(), "node b") {
		t.Error(err)
	}
}
