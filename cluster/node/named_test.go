//go:build unix

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/driver"
	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	work "mobula/cluster/worker"
	"mobula/internal/eventually"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// counter is the state of the tests' actors.
type counter struct{ n int }

func init() {
	moreWords["make"] = func(*work.Task, []string) work.Outcome { return work.Outcome{Actor: &counter{}} }
	moreWords["broken"] = func(*work.Task, []string) work.Outcome {
		return work.Outcome{Failure: &wire.Failure{Message: "no such table"}}
	}
	// count: the number of calls so far, the process, and the node.
	moreWords["count"] = func(t *work.Task, _ []string) work.Outcome {
		c := t.State.(*counter)
		c.n++
		return said(fmt.Sprintf("%d %d %s", c.n, os.Getpid(), t.Node))
	}
}

// driverIn connects package driver for a job in a namespace.
func driverIn(t *testing.T, n *Node, namespace string) *driver.Driver {
	t.Helper()
	job := id.New[id.Job]()
	values := driverHello(job, "NODE_TEST_START=real").Values
	values[wire.ValueNamespace] = namespace
	d, err := driver.Connect(t.Context(), driver.Config{Node: n.Address(), Job: job, Values: values, DecodeError: decode})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func counterSpec(key string) driver.NamedSpec {
	return driver.NamedSpec{Key: key, Type: "Counter", ActorSpec: driver.ActorSpec{
		Form: wire.FormActor, Name: key, Closure: wire.Payload{Head: []byte("make")}, Class: wire.Class{Program: "test", Resources: map[string]float64{"cpu": 0.1}},
	}}
}

// counted is what a call of an actor returns.
type counted struct {
	n, pid int
	node   string
}

func count(t *testing.T, a *driver.Actor, retries int) counted {
	t.Helper()
	text, err := result(t, a.Call(driver.Spec{Form: wire.FormCall, Name: "count", Closure: wire.Payload{Head: []byte("count")}, Retries: retries}))
	if err != nil {
		t.Fatal(err)
	}
	var c counted
	if _, err := fmt.Sscan(text, &c.n, &c.pid, &c.node); err != nil {
		t.Fatal(text, err)
	}
	return c
}

func TestNamedActor(t *testing.T) {
	h := startHead(t, head.Config{})
	a, b := joined(t, h, "a", nil), joined(t, h, "b", license)
	first := driverIn(t, a, "team")
	spec := counterSpec("hits")
	spec.Class.Resources = map[string]float64{"license": 1}
	spec.Detached = true
	made := first.NewNamed(spec)
	if got := count(t, made, 0); got.n != 1 || got.node != b.ID().String() {
		t.Errorf("%+v", got)
	}
	second := driverIn(t, b, "team")
	found, err := second.FindNamed(t.Context(), "hits", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := count(t, found, 0); got.n != 2 {
		t.Errorf("another driver has another actor: %+v", got)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the job of the driver that made it has ended", func() bool {
		ended := 0
		for j := range h.View().Jobs() {
			if j.State.Ended() {
				ended++
			}
		}
		return ended == 1
	})
	if got := count(t, found, 0); got.n != 3 {
		t.Errorf("a detached actor has ended with its job: %+v", got)
	}
	again := counterSpec("hits")
	_, err = result(t, second.NewNamed(again).Made())
	if !headwire.HasCode(err, headwire.Exists) {
		t.Error(err)
	}
	again.GetIfExists = true
	if got := count(t, second.NewNamed(again), 0); got.n != 4 {
		t.Errorf("%+v", got)
	}
	if _, err := second.FindNamed(t.Context(), "hots", ""); !headwire.HasCode(err, headwire.NotFound) {
		t.Error(err)
	}
	if _, err := driverIn(t, a, "other").FindNamed(t.Context(), "hits", ""); !headwire.HasCode(err, headwire.NotFound) {
		t.Error(err)
	}
	c, err := second.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := headwire.Ask(t.Context(), c, headwire.ListActors, headwire.None{})
	if err != nil || len(list) != 1 || list[0].Class != "Counter" || list[0].State != "alive" || list[0].Node != b.ID() {
		t.Errorf("%+v, %v", list, err)
	}
	if err := second.KillNamed(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	_, err = result(t, found.Call(driver.Spec{Form: wire.FormCall, Closure: wire.Payload{Head: []byte("count")}}))
	if _, ok := errors.AsType[*fault.ActorDiedError](err); !ok {
		t.Error(err)
	}
	eventually.Holds(t, "its resources come back", func() bool { i := b.info(); return i.Free.Equal(i.Total) })
}

func TestNamedActorEndsWithItsJob(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	d := driverIn(t, a, "team")
	got := count(t, d.NewNamed(counterSpec("hits")), 0)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "its process ends", func() bool { return !running(got.pid) })
	if _, err := driverIn(t, a, "team").FindNamed(t.Context(), "hits", ""); !headwire.HasCode(err, headwire.NotFound) {
		t.Error(err)
	}
}

// TestRelaysEnd: a driver that has called many actors of other nodes does not keep a socket for each.
func TestRelaysEnd(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	joined(t, h, "b", license)
	d := driverIn(t, a, "team")
	spec := counterSpec("hits")
	spec.Class.Resources = map[string]float64{"license": 1}
	actor := d.NewNamed(spec)
	count(t, actor, 0)
	later := func() (left int) { // lets the time of idle relays pass
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, c := range a.clients {
			for _, r := range c.relays {
				r.used = r.used.Add(-relayIdle)
				r.idle.Reset(0)
			}
			left += len(c.relays)
		}
		return left
	}
	if later() != 1 {
		t.Error("it is not called by a relay")
	}
	if got := count(t, actor, 0); got.n != 2 {
		t.Errorf("a relay in use has ended: %+v", got)
	}
	if err := d.KillNamed(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the relay ends", func() bool { return later() == 0 })
}

func TestNamedActorThatCannotBeMade(t *testing.T) {
	h := startHead(t, head.Config{})
	d := driverIn(t, joined(t, h, "a", nil), "team")
	broken := counterSpec("broken")
	broken.Closure.Head = []byte("broken")
	if _, err := result(t, d.NewNamed(broken).Made()); !strings.Contains(fmt.Sprint(err), "no such table") {
		t.Error(err)
	}
	large := counterSpec("large")
	large.Class.Resources = map[string]float64{"cpu": 7}
	if _, err := result(t, d.NewNamed(large).Made()); !strings.Contains(fmt.Sprint(err), "needs 7 CPU") {
		t.Error(err)
	}
	huge := counterSpec("huge")
	huge.Closure.Head = append(huge.Closure.Head, make([]byte, 100<<10)...)
	if _, err := result(t, d.NewNamed(huge).Made()); !strings.Contains(fmt.Sprint(err), "object store") {
		t.Error(err)
	}
}

// TestNamedActorRestarts: its worker is killed, then its node.
func TestNamedActorRestarts(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	apart(t, h, "first")
	d := driverIn(t, a, "team")
	spec := counterSpec("hits")
	spec.Class.Resources = map[string]float64{"license": 1}
	spec.Restarts = 2
	actor := d.NewNamed(spec)
	one := count(t, actor, 0)
	if err := syscall.Kill(one.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	two := count(t, actor, 3)
	if two.n != 1 || two.pid == one.pid || two.node != one.node {
		t.Errorf("%+v after %+v", two, one)
	}
	for _, n := range h.View().Nodes() {
		if n.Name == "first" {
			killNode(t, h, n.ID)
		}
	}
	apart(t, h, "second")
	begin := time.Now()
	three := count(t, actor, 3)
	t.Logf("it lives on another node after %v", time.Since(begin))
	if three.n != 1 || three.node != nodeNamed(t, h, "second").String() {
		t.Errorf("%+v after %+v", three, two)
	}
	if err := syscall.Kill(three.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := result(t, actor.Call(driver.Spec{Form: wire.FormCall, Closure: wire.Payload{Head: []byte("count")}, Retries: 3}))
	if died, ok := errors.AsType[*fault.ActorDiedError](err); !ok || !strings.Contains(died.Error(), "signal") {
		t.Error(err)
	}
}

// killNode kills the process of a node.
func killNode(t *testing.T, h *head.Head, node id.Node) {
	t.Helper()
	c := inHead(t, h)
	for _, n := range asked(t, c, headwire.ListNodes, headwire.None{}) {
		if n.ID == node {
			if err := syscall.Kill(n.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestActorsPauseWithoutAHead: a node that has not heard from the head for too long does not run its actors, and goes on with them.
func TestActorsPauseWithoutAHead(t *testing.T) {
	dir := t.TempDir()
	h := startHead(t, head.Config{Dir: dir, Log: onDisk(dir)})
	address := h.Address()
	a := joined(t, h, "a", nil)
	d := driverIn(t, a, "team")
	actor := d.NewNamed(counterSpec("hits"))
	before := count(t, actor, 0)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "its process is stopped", func() bool { return stateOf(before.pid) == "T" })
	waits := actor.Call(driver.Spec{Form: wire.FormCall, Closure: wire.Payload{Head: []byte("count")}})
	startHead(t, head.Config{Dir: dir, Log: onDisk(dir), Listen: address})
	text, err := result(t, waits)
	if err != nil || !strings.HasPrefix(text, fmt.Sprintf("2 %d ", before.pid)) {
		t.Error(text, err)
	}
}

// stateOf is the letter of a process's state.
func stateOf(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func TestPlacementGroups(t *testing.T) {
	h := startHead(t, head.Config{})
	nodes := []*Node{joined(t, h, "a", func(c *Config) { c.Resources = cpus(2) }), joined(t, h, "b", func(c *Config) { c.Resources = cpus(2) })}
	d := driverIn(t, nodes[0], "team")
	c := inHead(t, h)
	one := headwire.BundleInfo{Resources: sched.Resources{CPU: sched.One}}
	for _, tt := range []struct {
		strategy sched.GroupStrategy
		nodes    int
	}{{sched.PackStrictly, 1}, {sched.SpreadStrictly, 2}, {sched.Pack, 1}, {sched.SpreadOut, 2}} {
		g, err := d.CreateGroup(t.Context(), driver.GroupSpec{Name: "g", Strategy: tt.strategy, Bundles: []headwire.BundleInfo{one, one}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		g, err = d.WaitGroup(ctx, g.ID)
		cancel()
		if err != nil || g.State != "created" {
			t.Fatalf("%v: %+v, %v", tt.strategy, g, err)
		}
		on := map[string]bool{}
		for i, b := range g.Bundles {
			s := words("node")
			s.Class.Strategy = headwire.StrategyText(sched.InGroup(g.ID, i, false))
			got, err := result(t, d.Submit(s))
			if got != b.Node.String() || err != nil {
				t.Errorf("%v: bundle %d is on %s, its task ran on %s, %v", tt.strategy, i, b.Node, got, err)
			}
			on[got] = true
		}
		if len(on) != tt.nodes {
			t.Errorf("%v: on %d nodes", tt.strategy, len(on))
		}
		for range 4 {
			s := words("node")
			s.Class.Strategy = headwire.StrategyText(sched.InGroup(g.ID, sched.AnyBundle, false))
			if got, err := result(t, d.Submit(s)); !on[got] || err != nil {
				t.Error(got, err)
			}
		}
		if found, err := d.FindGroup(t.Context(), "g", "team"); err != nil || found.ID != g.ID {
			t.Errorf("%+v, %v", found, err)
		}
		if err := d.RemoveGroup(t.Context(), g.ID); err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			eventually.Holds(t, "what was reserved comes back", func() bool { i := n.info(); return i.Free.Equal(i.Total) && i.Leases == 0 })
		}
		eventually.Holds(t, "the head knows that", func() bool {
			for _, n := range asked(t, c, headwire.ListNodes, headwire.None{}) {
				if !n.Free.Equal(n.Total) {
					return false
				}
			}
			return true
		})
	}
}

// TestRemovedGroupEndsItsTasks: what runs in a group that is removed ends, and says why.
func TestRemovedGroupEndsItsTasks(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	joined(t, h, "b", license)
	d := driverIn(t, a, "team")
	g, err := d.CreateGroup(t.Context(), driver.GroupSpec{Strategy: sched.Pack, Bundles: []headwire.BundleInfo{{Resources: sched.Resources{Custom: map[string]sched.Amount{"license": sched.One}}}}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := licensed("await %s/go %s/mark", dir, dir)
	s.Class.Strategy, s.Retries = headwire.StrategyText(sched.InGroup(g.ID, 0, false)), 0
	o := d.Submit(s)
	eventually.Holds(t, "it runs", func() bool { b, err := os.ReadFile(dir + "/mark"); return err == nil && len(b) > 0 })
	actor := counterSpec("in")
	actor.Class.Resources, actor.Class.Strategy = nil, headwire.StrategyText(sched.InGroup(g.ID, 0, false))
	if got := count(t, d.NewNamed(actor), 0); got.n != 1 {
		t.Errorf("%+v", got)
	}
	if err := d.RemoveGroup(t.Context(), g.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := result(t, o); !strings.Contains(fmt.Sprint(err), "its placement group was removed") {
		t.Error(err)
	}
	if _, err := result(t, d.Submit(s)); !strings.Contains(fmt.Sprint(err), "removed, or never created") {
		t.Error(err)
	}
}

func TestLeasesEndWithTheRequestingNode(t *testing.T) {
	h := startHead(t, head.Config{})
	a, b := joined(t, h, "a", nil), joined(t, h, "b", license)
	job := id.New[id.Job]()
	f := connect(t, a.Address(), driverHello(job))
	f.request(wire.LeaseRequest{Request: 1, Job: job, Slots: 1, Class: wire.Class{Program: "test", Resources: map[string]float64{"license": 1}}})
	expect[wire.LeaseGrant](f)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the lease ends", func() bool { i := b.info(); return i.Leases == 0 && i.Free.Equal(i.Total) })
}
