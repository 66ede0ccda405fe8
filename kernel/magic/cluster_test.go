package magic

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"testing"

	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/interp"
	"mobula/objstore"
)

// clusterEngine is a fakeEngine whose cells can use a cluster.
type clusterEngine struct {
	*fakeEngine
	used bool
	at   string // the address that was given; "" for the notebook's own cluster
	fail error
}

func (e *clusterEngine) ConnectCluster(_ context.Context, cell int, address string) (interp.ClusterStatus, error) {
	e.note("connect %d %q", cell, address)
	e.used, e.at = e.fail == nil, address
	return clusterOfTest(), e.fail
}

func (e *clusterEngine) ClusterStatus(context.Context) (interp.ClusterStatus, bool, error) {
	return clusterOfTest(), e.used, e.fail
}

func (e *clusterEngine) StopCluster(context.Context) (address string, own bool, err error) {
	if !e.used {
		return "", false, e.fail
	}
	e.used = false
	return cmp.Or(e.at, "/run/own.sock"), e.at == "", e.fail
}

func clusterOfTest() interp.ClusterStatus {
	return interp.ClusterStatus{
		Address: "/run/<node>", Own: true, Node: "here", Nodes: 1, Total: sched.Resources{CPU: sched.Whole(4), GPU: sched.Whole(1), Memory: 8 << 30},
		Free: sched.Resources{CPU: -sched.Whole(1), GPU: sched.Whole(1), Memory: 6 << 30}, Workers: 2, Store: &objstore.Stats{Busy: 1 << 20, Capacity: 1 << 30},
		Tasks: []node.TaskCount{{Name: "a", State: wire.TaskFinished, Tasks: 2}, {Name: "b", State: wire.TaskFinished, Tasks: 3}, {Name: "b", State: wire.TaskRunning, Tasks: 1}},
	}
}

func TestCluster(t *testing.T) {
	b := newBench(t)
	e := &clusterEngine{fakeEngine: b.engine}
	b.Engine = e
	steps := []struct{ source, out, shown, fault string }{
		{"%cluster", "No cluster yet", "", ""},
		{"%cluster stop", "no cluster to stop", "", ""},
		{"%cluster connect", "", "CPUs     0 of 4 free", ""},
		{"%cluster", "", "tasks    1 running, 5 finished", ""},
		{"%cluster", "", "store    1 MiB of 1 GiB used", ""},
		{"%cluster connect /a/b.sock", "", "cluster of this notebook: 1 node (here)", ""},
		{"%cluster stop", "has left the cluster of the node at /a/b.sock, which goes on.\n", "", ""},
		{"%cluster connect", "", "CPUs", ""},
		{"%cluster stop", "The cluster of this notebook was stopped", "", ""},
		{"%cluster", "No cluster yet", "", ""},
		{"%cluster conect", "", "", `"conect" is not known: use %cluster, %cluster connect`},
		{"%cluster connect a b", "", "", "is not known"},
	}
	for _, s := range steps {
		b.out.Reset()
		b.shown.Reset()
		fault := ""
		if f := b.run(t.Context(), s.source); f != nil {
			fault = f.Error()
		}
		if (s.fault == "") != (fault == "") || !strings.Contains(fault, s.fault) || !strings.Contains(b.out.String(), s.out) || !strings.Contains(b.shown.String(), s.shown) {
			t.Errorf("%s: %q %q %q", s.source, b.out.String(), b.shown.String(), fault)
		}
	}
	if got := strings.Join(e.log, "; "); got != `connect 4 ""; connect 4 "/a/b.sock"; connect 4 ""` {
		t.Error(got)
	}
	e.fail = errors.New("no memory")
	if f := b.run(t.Context(), "%cluster connect"); f == nil || !strings.Contains(f.Value, "no memory") {
		t.Error(f)
	}
}

func TestClusterCardIsEscaped(t *testing.T) {
	st := clusterOfTest()
	if page := string(clusterCard(&st)["text/html"]); !strings.Contains(page, "&lt;node") && !strings.Contains(page, `\u0026lt;node`) {
		t.Error(page)
	}
}

func TestClusterOfSeveralNodes(t *testing.T) {
	st := clusterOfTest()
	st.Own, st.Nodes = false, 3
	if text := string(clusterCard(&st)["text/plain"]); !strings.Contains(text, "Mobula cluster: 3 nodes, reached through here") {
		t.Error(text)
	}
}

func TestClusterOfAnotherEngine(t *testing.T) {
	b := newBench(t)
	if f := b.run(t.Context(), "%cluster"); f == nil || !strings.Contains(f.Value, "cannot run tasks") {
		t.Error(f)
	}
}
