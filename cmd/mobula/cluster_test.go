package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
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

func TestWrongToken(t *testing.T) {
	alone(t)
	join := headwire.NewToken(headwire.JoinToken, [32]byte{}).Text()
	if err := run(t.Context(), []string{"status", "--address", "h:1", "--token", join}, io.Discard); err == nil || !strings.Contains(err.Error(), "wants the user token") {
		t.Errorf("with the token of nodes: %v", err)
	}
	t.Setenv(envAddress, "h:1")
	t.Setenv(envToken, join)
	if err := run(t.Context(), []string{"status"}, io.Discard); err == nil || !strings.Contains(err.Error(), "wants the user token") {
		t.Errorf("from the environment: %v", err)
	}
	var out strings.Builder
	if err := run(t.Context(), []string{"status", "--help"}, &out); err != nil || strings.Contains(out.String(), join) {
		t.Errorf("help shows a secret of the environment: %s, %v", out.String(), err)
	}
	if err := run(t.Context(), []string{"status", "--address="}, io.Discard); err == nil || !strings.Contains(err.Error(), "no cluster runs on this machine") {
		t.Errorf("without the environment: %v", err)
	}
}

func TestStopOfNothing(t *testing.T) {
	alone(t)
	var out strings.Builder
	if err := run(t.Context(), []string{"stop"}, &out); err != nil || out.String() != "No node runs that  mobula start  has started.\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// alone has the test see no cluster.
func alone(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv(envAddress, "")
	t.Setenv(envToken, "")
}

func TestNodeOfFlags(t *testing.T) {
	o := &startOptions{}
	cmd := &cobra.Command{}
	o.registerCluster(cmd)
	o.registerNode(cmd)
	const line = "--head --num-cpus 2.5 --num-gpus 2 --memory 4GiB --object-store 100MB --job-quota 20MB --resources license=1,disk=0.5 --labels zone=eu,tier=a --node-name n"
	if err := cmd.ParseFlags(strings.Fields(line)); err != nil || o.check() != nil {
		t.Fatal(err, o.check())
	}
	if got := strings.Join(given(cmd.Flags(), "head"), " "); got != "--job-quota=20MB --labels=zone=eu,tier=a --memory=4GiB --node-name=n --num-cpus=2.5 --num-gpus=2 --object-store=100MB --resources=license=1,disk=0.5" {
		t.Error(got)
	}
	c, err := o.nodeConfig()
	if err != nil {
		t.Fatal(err)
	}
	if err := o.addDevices(t.Context(), &c); err != nil || len(c.Devices) != 2 {
		t.Errorf("%+v, %v", c.Devices, err)
	}
	want := sched.Resources{CPU: sched.One * 5 / 2, GPU: 2 * sched.One, Memory: 4 << 30, Custom: map[string]sched.Amount{"license": sched.One, "disk": sched.One / 2}}
	if !c.Resources.Equal(want) || c.Store.Capacity != 100e6 || c.Store.DefaultQuota != 20e6 || c.Labels["tier"] != "a" || c.Name != "n" {
		t.Errorf("%+v", c)
	}
	for given, want := range map[string]string{"h": "h:10001", "h:5": "h:5", "mobula://h:5": "h:5", "::1": "[::1]:10001", "[::1]:7": "[::1]:7"} {
		if got := withPort(given); got != want {
			t.Errorf("%s: %s", given, got)
		}
	}
	if got := reachable("10.1.2.3"); got != "10.1.2.3" {
		t.Error(got)
	}
}

// nodesHead stands for a head that knows nodes.
type nodesHead []headwire.NodeInfo

func (h nodesHead) Call(_ context.Context, _ string, _, out any) error {
	*out.(*[]headwire.NodeInfo) = h
	return nil
}

func TestTables(t *testing.T) {
	var text bytes.Buffer
	show := func(name string, write func() error) {
		t.Helper()
		text.WriteString("# " + name + "\n")
		if err := write(); err != nil {
			t.Error(err)
		}
		text.WriteString("\n")
	}
	list := &table{columns: []string{"TASK", "NAME", "STATE", "NODE"}}
	for _, x := range []inspect.Task{
		{Node: "b", TaskInfo: node.TaskInfo{Task: named[id.Task](1), Name: "score", State: wire.TaskRunning, Attempt: 2, Worker: named[id.Worker](2), Begin: at(0), Run: at(3), Last: at(3)}},
		{Node: "b", TaskInfo: node.TaskInfo{
			Task: named[id.Task](2), Name: "fit\nmodel\x1b[31m", State: wire.TaskFinished, Attempt: 1, Worker: named[id.Worker](1), Begin: at(1), Run: at(2), Last: at(4),
		}},
		{TaskInfo: node.TaskInfo{Task: named[id.Task](3), Name: "score", State: wire.TaskQueued, Attempt: 1, Begin: at(5), Last: at(5)}},
	} {
		list.add(x, short(x.Task), x.Name, x.State.String(), x.Node)
	}
	show("tasks of two nodes", func() error { return list.write(&text, "table", 0) })
	show("no more than two", func() error { return list.write(&text, "table", 2) })
	show("counted", func() error { return list.summarize([]string{"NAME", "STATE"}).write(&text, "table", 0) })
	show("for programs", func() error { return list.write(&text, "json", 0) })
	one := &table{columns: list.columns, rows: append([]row(nil), list.rows...)}
	if err := one.pick("", named[id.Task](1).String()[:32]); err != nil {
		t.Error(err)
	}
	show("one of them", func() error { return one.writeOne(&text, "table") })
	if err := (&table{columns: list.columns, rows: append([]row(nil), list.rows...)}).pick("", "a0"); err == nil || !strings.Contains(err.Error(), "3 of them") {
		t.Error(err)
	}
	for filter, rows := range map[string]int{"": 3, "node=b,state=Running": 1, "node=c": 0} {
		wanted, err := parseFilter(filter, list.columns)
		some := &table{columns: list.columns, rows: append([]row(nil), list.rows...)}
		if some.filter(wanted); err != nil || len(some.rows) != rows {
			t.Errorf("%s: %d rows, %v", filter, len(some.rows), err)
		}
	}
	list.rows = nil
	show("nothing", func() error { return list.write(&text, "table", 0) })
	status := clusterStatus{Status: inspect.Status{
		Cluster: headwire.ClusterInfo{ID: "0123456789", Created: at(0).UnixMilli(), Version: "1.0", Address: "10.0.0.1:10001", PID: 7, Dir: "state", Demand: []headwire.WaitingDemand{
			{Node: "a", Job: named[id.Job](1), Resources: sched.Resources{GPU: sched.One}, Slots: 2, Reason: "waits for 1 GPU: 1 of 1 are in use by 1 task"},
		}},
		Nodes: []inspect.Node{
			{NodeInfo: headwire.NodeInfo{State: "alive", Free: sched.Resources{CPU: sched.Whole(1), Memory: 1 << 30}, NodeHello: headwire.NodeHello{
				Total: sched.Resources{CPU: sched.Whole(4), GPU: sched.One, Memory: 4 << 30},
			}}},
			{NodeInfo: headwire.NodeInfo{State: "dead", NodeHello: headwire.NodeHello{Total: sched.Resources{CPU: sched.Whole(64)}}}},
		},
	}}
	show("nodes", func() error {
		nodes, err := kinds["nodes"].list(t.Context(), nodesHead{
			{State: "alive", Joined: at(0).UnixMilli(), NodeHello: headwire.NodeHello{ID: named[id.Node](1), Name: "a", Address: "10.0.0.1:5", Total: sched.Resources{CPU: sched.Whole(4)}}},
			{State: "dead", Reason: "it left", Joined: at(0).UnixMilli(), Workers: 3, NodeHello: headwire.NodeHello{
				ID: named[id.Node](2), Name: "b", Address: "10.0.0.2:5", Total: sched.Resources{CPU: sched.Whole(64)},
			}},
		}, at(125))
		if err != nil {
			return err
		}
		return nodes.write(&text, "table", 0)
	})
	show("status", func() error { return status.write(&text, at(125)) })
	status.Cluster.Demand, status.Cluster.Dir, status.Cluster.Name, status.Socket = nil, "", "mine", "/run/node.sock"
	show("status of a notebook's own", func() error { return status.write(&text, at(125)) })
	show("memory", func() error {
		return writeMemory(&text, []inspect.NodeMemory{
			{Node: "b", MemoryInfo: node.MemoryInfo{Total: 8 << 30, Available: 2 << 30}},
			{Node: "a", MemoryInfo: node.MemoryInfo{Total: 8 << 30, Available: 1 << 30, Workers: []node.WorkerInfo{
				{Worker: named[id.Worker](1), PID: 5, Resident: 1 << 20}, {Worker: named[id.Worker](2), PID: 6, Resident: 1 << 30, Leases: []id.Lease{named[id.Lease](1)}},
			}}},
		})
	})
	show("nodes that do not answer", func() error {
		warnOfMissing(&text, []inspect.NodeError{{Name: "b", Reason: "it is not connected\x1b to the head"}})
		return nil
	})
	show("a head's first words", func() error {
		writeHeadNotice(&text, headNotice{"10.0.0.1:10001", "state/head-token", "state/join-token", "state/user-token", "run/node.sock", "Dashboard         http://127.0.0.1:8265/ ; a link that opens it:  mobula dashboard\n"})
		return nil
	})
	for _, c := range []struct{ name, link, head, ssh string }{
		{"the dashboard of a head here", "http://127.0.0.1:8265/", loopback, ""},
		{"the same for who has come by ssh", "http://127.0.0.1:8265/", loopback, "10.0.0.9 50000 10.0.0.1 2222"},
		{"that of a head elsewhere", "http://127.0.0.1:8265/", "203.0.113.7", ""},
		{"one that others reach", "https://head.example:8265/", "203.0.113.7", ""},
	} {
		show(c.name, func() error {
			way, err := wayTo(headwire.DashboardLink{Address: c.link, Code: "ONCE", Seconds: 300}, c.head, "desk", func(name string) string {
				return map[string]string{"SSH_CONNECTION": c.ssh, "USER": "alice"}[name]
			})
			return errors.Join(err, way.write(&text))
		})
	}
	golden.Compare(t, "testdata/cluster-tables.txt", text.String())
}

func TestPick(t *testing.T) {
	list := func() *table {
		t := &table{columns: []string{"NODE", "NAME"}}
		for i, name := range []string{"a0", "b", "b", "-"} {
			n := inspect.Node{NodeInfo: headwire.NodeInfo{NodeHello: headwire.NodeHello{ID: named[id.Node](byte(i))}}}
			t.add(n, short(n.ID), name)
		}
		return t
	}
	for name, want := range map[string]string{
		"a0": "a0", "a0000001": "b", named[id.Node](2).String(): "b", "a": "4 of them", "b": "2 of them", "c": "nothing has", "": "nothing has", "-": "nothing has",
	} {
		l := list()
		if err := l.pick("mobula list nodes", name); err != nil && !strings.Contains(err.Error(), want) || err == nil && (len(l.rows) != 1 || l.rows[0].cells[1] != want) {
			t.Errorf("%q: %v, %+v", name, err, l.rows)
		}
	}
}

func TestTimeline(t *testing.T) {
	span := func(task byte, name string, begin, end int, state wire.TaskState) inspect.Span {
		return inspect.Span{Task: named[id.Task](task), Name: name, Worker: named[id.Worker](1), Node: "a", Attempt: 1, Begin: at(begin), End: at(end), State: state}
	}
	trace := chromeTrace([]inspect.Span{span(1, "score", 1, 3, wire.TaskFinished), span(2, "fit", 2, 5, wire.TaskFailed), span(3, "late", 3, 5, wire.TaskRunning)})
	var text bytes.Buffer
	if err := writeJSON(&text, trace); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/cluster-timeline.json", text.String())
}

func TestLastLines(t *testing.T) {
	var out strings.Builder
	l := &lastLines{marker: "] ", keep: 2}
	l.add([]byte("[a] 1\nother\n[a] 2\n[a"))
	l.add([]byte("] 3\n[a] 4"))
	if err := l.flush(&out, false); err != nil || out.String() != "[a] 2\n[a] 3\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	out.Reset()
	l.add([]byte("\n[a] 5\n[a] 6\n[a] 7"))
	if err := l.flush(&out, true); err != nil || out.String() != "[a] 4\n[a] 5\n[a] 6\n[a] 7\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestAges(t *testing.T) {
	for d, want := range map[time.Duration]string{5 * time.Millisecond: "5ms", 90 * time.Second: "1m30s", 3 * time.Hour: "3h00m", 72 * time.Hour: "3d", -1: "0ms"} {
		if got := age(d); got != want {
			t.Errorf("%d: %s", d, got)
		}
	}
}
