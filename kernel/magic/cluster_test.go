package magic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobula/cluster/doctor"
	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/display"
	"mobula/interp"
	"mobula/interp/clusterproc"
	"mobula/objstore"
)

// clusterEngine is a fakeEngine whose cells can use a cluster.
type clusterEngine struct {
	*fakeEngine
	used bool
	at   string // the address that was given; "" for the notebook's own cluster
	fail error
}

func (e *clusterEngine) ConnectCluster(_ context.Context, cell int, to interp.ClusterTarget) (interp.ClusterStatus, error) {
	options := ""
	if to.Options != nil {
		options = fmt.Sprintf(" %+v", *to.Options)
	}
	e.note("connect %d %q%s force=%v keep=%v", cell, to.Address, options, to.Force, to.Keep)
	e.used, e.at = e.fail == nil, to.Address
	return clusterOfTest(), e.fail
}

func (e *clusterEngine) ScaleCluster(_ context.Context, nodes int, progress func(string)) (interp.ClusterStatus, error) {
	progress(fmt.Sprintf("a node has joined: %d", nodes))
	return clusterOfTest(), e.fail
}

func (e *clusterEngine) KnownClusters(context.Context) []interp.KnownCluster {
	return []interp.KnownCluster{{Name: "own"}, {Name: "lab", Address: "/run/lab.sock", Nodes: 3, InUse: true}, {Name: "big", Address: "mobula://big:1"}}
}

func (e *clusterEngine) CancelTasks(cell int) error { e.note("cancel %d", cell); return e.fail }

func (e *clusterEngine) ClusterLog() (string, bool) { return "one\ntwo\nthree\n", e.used && e.at == "" }

func (e *clusterEngine) ClusterStatus(context.Context) (interp.ClusterStatus, bool, error) {
	return clusterOfTest(), e.used, e.fail
}

func (e *clusterEngine) ExamineCluster(_ context.Context, at interp.ClusterTarget) ([]doctor.Finding, error) {
	return []doctor.Finding{{Check: "memory", Grade: doctor.Problem, Found: "of " + at.Address + " there is none", Mend: "buy some"}}, e.fail
}

func (e *clusterEngine) AskCluster(context.Context, func(context.Context, headwire.Caller) error) error {
	return cmp.Or(e.fail, errors.New("there is no cluster yet"))
}

func (e *clusterEngine) OpenDashboard(context.Context) (interp.DashboardLink, error) {
	return interp.DashboardLink{}, e.fail
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
		Address: "/run/<node>", Own: true, Dashboard: "http://127.0.0.1:4000/", Node: "here", Nodes: 1, List: []headwire.NodeInfo{{State: "alive"}}, Total: sched.Resources{CPU: sched.Whole(4), GPU: sched.Whole(1), Memory: 8 << 30},
		Free: sched.Resources{CPU: -sched.Whole(1), GPU: sched.Whole(1), Memory: 6 << 30}, Workers: 2, Store: &objstore.Stats{Busy: 1 << 20, Capacity: 1 << 30},
		Tasks: []node.TaskCount{{Name: "a", State: wire.TaskFinished, Tasks: 2}, {Name: "b", State: wire.TaskFinished, Tasks: 3}, {Name: "b", State: wire.TaskRunning, Tasks: 1}},
	}
}

func TestCluster(t *testing.T) {
	t.Setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/alice/")
	b := newBench(t)
	e := &clusterEngine{fakeEngine: b.engine}
	b.Engine = e
	steps := []struct{ source, out, shown, fault string }{
		{"%cluster", "No cluster yet", "", ""},
		{"%cluster stop", "no cluster to stop", "", ""},
		{"%cluster connect", "", "0 of 4 free", ""},
		{"%cluster", "", "5 finished, 1 running", ""},
		{"%cluster", "", "1 MiB of 1 GiB used", ""},
		{"%cluster", "", "Dashboard: /user/alice/proxy/4000/", ""},
		{"%cluster connect /a/b.sock", "", "cluster of this notebook, 1 node", ""},
		{"%cluster stop --yes", "has left the cluster of the node at /a/b.sock, which goes on.\n", "", ""},
		{"%cluster connect", "", "CPUs", ""},
		{"%cluster stop --yes", "The cluster of this notebook was stopped", "", ""},
		{"%cluster", "No cluster yet", "", ""},
		{"%cluster timeline", "", "", "there is no cluster yet"},
		{"%cluster actors all", "", "", `"all" is one word too many; use  %cluster actors`},
		{"%cluster conect", "", "", `"conect" is not known: did you mean connect?`},
		{"%cluster dance", "", "", "there are actors, connect, doctor, logs, objects, scale, start, status, stop, timeline, use"},
		{"%cluster connect a b", "", "", `"b" is one word too many; use  %cluster connect [NAME`},
		{"%cluster connect --forc", "", "", "not defined: -forc"},
		{"%cluster start --cpus 2 --gpus 1 --memory 4GiB --store 100MB --nodes 3 --force", "", "CPUs", ""},
		{"%cluster start --memory much", "", "", "start: --memory"},
		{"%cluster start --nodes 0", "", "", "--nodes at least 1"},
		{"%cluster scale 3", "a node has joined: 3\n", "CPUs", ""},
		{"%cluster scale many", "", "", "say how many nodes"},
		{"%cluster status", "", "5 finished, 1 running", ""},
		{"%cluster status now", "", "", `"now"`},
		{"%cluster use", "* lab          3 nodes, at /run/lab.sock\n", "", ""},
		{"%cluster use", "  own          does not run\n", "", ""},
		{"%cluster use", "  big          at mobula://big:1\n", "", ""},
		{"%cluster logs --tail 2", "two\nthree\n", "", ""},
		{"%cluster use lab", "", "CPUs", ""},
		{"%cluster logs", "", "", "runs no cluster of its own"},
		{"%cluster help", "%cluster scale N\n", "", ""},
		{"%cluster doctor mobula://a:1 --token f", "of mobula://a:1 there is none\n                        -> buy some", "", ""},
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
	if got := strings.Join(e.log, "; "); got != `connect 4 "" force=false keep=false; connect 4 "/a/b.sock" force=false keep=false; connect 4 "" force=false keep=false; `+
		`connect 4 "" {CPUs:2 GPUs:1 Memory:4294967296 Store:100000000 Nodes:3} force=true keep=false; connect 4 "lab" force=false keep=true` {
		t.Error(got)
	}
	b.shown.Reset()
	e.fail = fmt.Errorf("reach it: %w", &clusterproc.EndedError{Why: "no head answers", Said: "trying <a>\nmobula: no head answers\n"})
	if f := b.run(t.Context(), "%cluster connect"); f == nil || !strings.HasSuffix(f.Value, "no head answers") || !strings.Contains(b.shown.String(), "trying <a>\nmobula:") {
		t.Error(f, b.shown.String())
	}
	if page := said("<a>\nb").Display()[display.MIMEHTML]; page != "<details><summary>All that its process has said</summary><pre>&lt;a&gt;\nb</pre></details>" {
		t.Error(page)
	}
	e.fail = errors.New("no memory")
	if f := b.run(t.Context(), "%cluster connect"); f == nil || !strings.Contains(f.Value, "no memory") {
		t.Error(f)
	}
}

// TestClusterOfAJob: a notebook that starts a cluster at the desk uses the one that runs it when it is a job.
func TestClusterOfAJob(t *testing.T) {
	t.Setenv(wire.EnvJob, "flights")
	b := newBench(t)
	e := &clusterEngine{fakeEngine: b.engine}
	b.Engine = e
	for _, line := range []string{"%cluster start --nodes 3", "%cluster scale 4"} {
		b.out.Reset()
		if f := b.run(t.Context(), line); f != nil || !strings.Contains(b.out.String(), "runs as flights") {
			t.Errorf("%s: %v, %q", line, f, &b.out)
		}
	}
	if got := strings.Join(e.log, "; "); got != `connect 4 "" force=false keep=false` {
		t.Error(got)
	}
}

func TestClusterCardIsEscaped(t *testing.T) {
	st := clusterOfTest()
	if page := string(display.Of(ClusterWidget(&st))["text/html"]); !strings.Contains(page, "&lt;node") && !strings.Contains(page, `\u0026lt;node`) {
		t.Error(page)
	}
}

func TestClusterOfSeveralNodes(t *testing.T) {
	st := clusterOfTest()
	st.Own, st.Nodes, st.List = false, 3, []headwire.NodeInfo{{State: "alive"}, {State: "alive"}, {State: "suspect"}}
	if text := string(display.Of(ClusterWidget(&st))["text/plain"]); !strings.Contains(text, "Mobula cluster, 3 nodes, reached through here") {
		t.Error(text)
	}
}

func TestClusterOfAnotherEngine(t *testing.T) {
	b := newBench(t)
	if f := b.run(t.Context(), "%cluster"); f == nil || !strings.Contains(f.Value, "cannot run tasks") {
		t.Error(f)
	}
}

// TestStopAsks: where tasks would be lost the user is asked, if there is one.
func TestStopAsks(t *testing.T) {
	for answer, stopped := range map[string]bool{"y": true, " YES ": true, "": false, "no": false} {
		b := newBench(t)
		e := &clusterEngine{fakeEngine: b.engine, used: true}
		b.Engine = e
		asked := ""
		b.Input = func(_ context.Context, prompt string) (string, error) { asked = prompt; return answer, nil }
		if f := b.run(t.Context(), "%cluster stop"); f != nil || e.used == stopped || asked != "1 tasks have not ended. Stop the cluster with them? [y/N] " {
			t.Errorf("%q: %v, %q, in use %v", answer, f, asked, e.used)
		}
		e.used, asked = true, ""
		if f := b.run(t.Context(), "%cluster stop --yes"); f != nil || e.used || asked != "" {
			t.Errorf("%q: %v, %q, in use %v", answer, f, asked, e.used)
		}
	}
}
