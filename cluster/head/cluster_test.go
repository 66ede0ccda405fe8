package head

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

func cpus(n int) sched.Resources { return sched.Resources{CPU: sched.Whole(n)} }

func custom(name string) sched.Resources {
	return sched.Resources{Custom: map[string]sched.Amount{name: sched.One}}
}

func TestNodesComeAndGo(t *testing.T) {
	h := start(t, Config{})
	a, b := joinNode(t, "a", h.Dial, nil), joinNode(t, "b", h.Dial, nil)
	c := inside(t, h)
	nodes := ask(t, c, headwire.ListNodes, headwire.None{})
	if len(nodes) != 2 || nodes[0].Name != "a" || nodes[1].State != "alive" || nodes[1].Free.CPU != sched.Whole(4) {
		t.Errorf("%+v", nodes)
	}
	answers := ask(t, c, headwire.AskNodes, headwire.Query{What: "x"})
	if len(answers) != 2 || string(answers[1].Data) != `"here"` {
		t.Errorf("%+v", answers)
	}
	refusedAs(t, c, headwire.AskNodes, headwire.Query{What: "x", Node: id.New[id.Node]()}, headwire.NotFound)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job, Node: b.hello.ID})
	b.die()
	eventually.Holds(t, "b is suspect", func() bool { return nodeState(h, b.hello.ID) == "suspect" })
	eventually.Holds(t, "b is dead", func() bool { return nodeState(h, b.hello.ID) == "dead" })
	eventually.Holds(t, "the job of its driver has ended", func() bool { j, _ := h.View().Job(job); return j.State.Ended() })
	if nodeState(h, a.hello.ID) != "alive" {
		t.Error("a is not alive")
	}
	again := joinNode(t, "b", h.Dial, func(n *headwire.NodeHello) { n.ID = b.hello.ID })
	if read(again, func() uint64 { return again.welcome.Epoch }) <= b.welcome.Epoch {
		t.Error("a node that was dead has its old epoch")
	}
	ask(t, c, headwire.DrainNode, headwire.NodeRef{Node: b.hello.ID})
	eventually.Holds(t, "b drains", func() bool { return nodeState(h, b.hello.ID) == "draining" })
}

func TestDemandsAreAssigned(t *testing.T) {
	h := start(t, Config{})
	a := joinNode(t, "a", h.Dial, nil)
	b := joinNode(t, "b", h.Dial, func(n *headwire.NodeHello) { n.Total.Custom = map[string]sched.Amount{"license": sched.One} })
	demand := func(d headwire.Demand) {
		t.Helper()
		if err := a.client.Connected().Notify(headwire.DemandMethod, d); err != nil {
			t.Fatal(err)
		}
	}
	demand(headwire.Demand{Number: 1, Slots: 2, Resources: custom("license")})
	eventually.Holds(t, "one slot is assigned", func() bool { return read(a, func() bool { return len(a.assigned) == 1 }) })
	got := a.assigned[0]
	if got.Node != b.hello.ID || got.Address != "b:1" || got.Slots != 1 || got.Demand != 1 {
		t.Errorf("%+v", got)
	}
	waits := func(number uint64, text string, infeasible bool) {
		t.Helper()
		eventually.Holds(t, text, func() bool {
			return read(a, func() bool {
				return slices.ContainsFunc(a.verdicts, func(v headwire.Verdict) bool {
					return v.Demand == number && v.Infeasible == infeasible && strings.Contains(v.Reason, text)
				})
			})
		})
	}
	waits(1, "license", false)
	demand(headwire.Demand{Number: 2, Slots: 1, Resources: custom("licence")})
	waits(2, "no node has a resource licence", true)
	demand(headwire.Demand{Number: 1})
	demand(headwire.Demand{Number: 3, Slots: 3, Resources: cpus(1), Strategy: sched.Strategy{Kind: sched.Spread}})
	eventually.Holds(t, "both nodes get one", func() bool {
		return read(a, func() bool {
			nodes := map[id.Node]int{}
			for _, x := range a.assigned {
				if x.Demand == 3 {
					nodes[x.Node] += x.Slots
				}
			}
			return nodes[a.hello.ID] == 2 && nodes[b.hello.ID] == 1 // b has the license already
		})
	})
	demand(headwire.Demand{Number: 4, Slots: 1, Resources: cpus(1), Strategy: sched.OnNode(b.hello.ID, false)})
	eventually.Holds(t, "it goes to the node that it names", func() bool {
		return read(a, func() bool {
			return slices.ContainsFunc(a.assigned, func(x headwire.Assignment) bool { return x.Demand == 4 && x.Node == b.hello.ID })
		})
	})
}

func TestGroups(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	nodes := []*fakeNode{joinNode(t, "a", h.Dial, nil), joinNode(t, "b", h.Dial, nil)}
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	spec := func(strategy string, sizes ...int) headwire.GroupSpec {
		g := headwire.GroupSpec{ID: id.New[id.PlacementGroup](), Job: job, Strategy: strategy}
		for _, size := range sizes {
			g.Bundles = append(g.Bundles, headwire.BundleInfo{Resources: cpus(size)})
		}
		return g
	}
	for _, tt := range []struct {
		strategy string
		sizes    []int
		nodes    int
	}{{"Pack", []int{1, 1}, 1}, {"SpreadOut", []int{1, 1}, 2}, {"PackStrictly", []int{2, 2}, 1}, {"SpreadStrictly", []int{3, 3}, 2}} {
		g := ask(t, c, headwire.CreateGroup, spec(tt.strategy, tt.sizes...))
		g = ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID})
		on := map[id.Node]bool{}
		for _, b := range g.Bundles {
			on[b.Node] = true
		}
		if g.State != "created" || len(on) != tt.nodes || on[id.Node{}] {
			t.Errorf("%s: %+v", tt.strategy, g)
		}
		// A request in a bundle goes where the bundle is.
		n := nodes[0]
		demand := headwire.Demand{Number: 7, Slots: 1, Resources: cpus(1), Strategy: sched.InGroup(g.ID, 1, false)}
		if err := n.client.Connected().Notify(headwire.DemandMethod, demand); err != nil {
			t.Fatal(err)
		}
		eventually.Holds(t, "an assignment in the bundle", func() bool {
			return read(n, func() bool {
				return slices.ContainsFunc(n.assigned, func(x headwire.Assignment) bool {
					return x.Group == g.ID && x.Bundle == 1 && x.Node == g.Bundles[1].Node
				})
			})
		})
		ask(t, c, headwire.RemoveGroup, headwire.GroupRef{ID: g.ID})
		for _, n := range nodes {
			eventually.Holds(t, "the bundles are released", func() bool { return read(n, func() bool { return len(n.reserved) == 0 }) })
		}
	}
	g := ask(t, c, headwire.CreateGroup, spec("PackStrictly", 3, 3))
	eventually.Holds(t, "why it cannot be placed is told", func() bool {
		return strings.Contains(ask(t, c, headwire.GetGroup, headwire.GroupRef{ID: g.ID}).Reason, "PackStrictly needs one node")
	})
}

// TestGroupIsPlacedAsAWhole: where one node refuses its bundle, the other gives its own back.
func TestGroupIsPlacedAsAWhole(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	a, b := joinNode(t, "a", h.Dial, nil), joinNode(t, "b", h.Dial, nil)
	read(b, func() error { b.refuse = headwire.Errorf(headwire.Unavailable, "no room"); return nil })
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	g := ask(t, c, headwire.CreateGroup, headwire.GroupSpec{
		ID: id.New[id.PlacementGroup](), Job: job, Strategy: "SpreadStrictly", Bundles: []headwire.BundleInfo{{Resources: cpus(1)}, {Resources: cpus(1)}},
	})
	eventually.Holds(t, "a gives its bundle back", func() bool { return read(a, func() bool { return slices.Contains(a.released, g.ID) }) })
	read(b, func() error { b.refuse = nil; return nil })
	if g = ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID}); g.State != "created" {
		t.Errorf("%+v", g)
	}
	b.die()
	eventually.Holds(t, "the bundle of a dead node is lost", func() bool {
		return ask(t, c, headwire.GetGroup, headwire.GroupRef{ID: g.ID}).State == "pending"
	})
	d := joinNode(t, "d", h.Dial, nil)
	if g = ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID}); g.State != "created" || g.Bundles[1].Node != d.hello.ID && g.Bundles[0].Node != d.hello.ID {
		t.Errorf("%+v", g)
	}
}

// TestGroupWaitsForWhatItLivedOn: no other node can hold it, but one like it may come.
func TestGroupWaitsForWhatItLivedOn(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	licensed := func(n *headwire.NodeHello) { n.Total.Custom = map[string]sched.Amount{"license": sched.One} }
	a := joinNode(t, "a", h.Dial, licensed)
	joinNode(t, "b", h.Dial, nil)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	g := ask(t, c, headwire.CreateGroup, headwire.GroupSpec{
		ID: id.New[id.PlacementGroup](), Job: job, Strategy: "PackStrictly", Bundles: []headwire.BundleInfo{{Resources: custom("license")}},
	})
	ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID})
	a.die()
	eventually.Holds(t, "nothing can hold it", func() bool {
		g := ask(t, c, headwire.GetGroup, headwire.GroupRef{ID: g.ID})
		return g.State == "pending" && strings.Contains(g.Reason, "no node has a resource license")
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := headwire.Ask(ctx, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is given up: %v", err)
	}
	d := joinNode(t, "d", h.Dial, licensed)
	if g = ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID}); g.State != "created" || g.Bundles[0].Node != d.hello.ID {
		t.Errorf("%+v", g)
	}
}

// TestVerdictsAreForgotten: about what was removed before it was placed.
func TestVerdictsAreForgotten(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	joinNode(t, "a", h.Dial, nil)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	var groups []id.PlacementGroup
	for range 2 {
		g := headwire.GroupSpec{ID: id.New[id.PlacementGroup](), Job: job, Strategy: "Pack", Bundles: []headwire.BundleInfo{{Resources: custom("x")}}}
		ask(t, c, headwire.CreateGroup, g)
		refusedAs(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID}, headwire.Infeasible)
		groups = append(groups, g.ID)
	}
	ask(t, c, headwire.RemoveGroup, headwire.GroupRef{ID: groups[0]})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgetVerdicts()
	_, removed := h.verdicts[groups[0].ID]
	if _, waits := h.verdicts[groups[1].ID]; removed || !waits {
		t.Errorf("there are verdicts %v", h.verdicts)
	}
}

// TestStoppedNodeComesBack: one that is silent, though its connection is there, is dead, and learns that when it goes on.
func TestStoppedNodeComesBack(t *testing.T) {
	h := start(t, Config{})
	a := joinNode(t, "a", h.Dial, nil)
	epoch := read(a, func() uint64 { return a.welcome.Epoch })
	a.silence()
	eventually.Holds(t, "it says hello in another life", func() bool { return read(a, func() bool { return a.welcome.Epoch > epoch }) })
}

func TestActors(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	a := joinNode(t, "a", h.Dial, nil)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job, Namespace: "team"})
	spec := headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: "hits", Detached: true, MaxRestarts: 1, Resources: cpus(1), Maker: []byte("maker")}
	if r := ask(t, c, headwire.RegisterActor, spec); r.Existed || r.Actor.Epoch != 1 {
		t.Errorf("%+v", r)
	}
	got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID})
	if got.State != "alive" || got.Node != a.hello.ID {
		t.Errorf("%+v", got)
	}
	if run := read(a, func() headwire.ActorRun { return a.runs[0] }); string(run.Maker) != "maker" || run.Name != "hits" || run.Resources.CPU != sched.One {
		t.Errorf("%+v", run)
	}
	other := spec
	other.ID = id.New[id.Actor]()
	refusedAs(t, c, headwire.RegisterActor, other, headwire.Exists)
	other.GetIfExists = true
	if r := ask(t, c, headwire.RegisterActor, other); !r.Existed || r.Actor.ID != spec.ID {
		t.Errorf("%+v", r)
	}
	b := joinNode(t, "b", h.Dial, nil)
	a.die()
	got = ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID, Epoch: 2})
	if got.State != "alive" || got.Node != b.hello.ID || got.Restarts != 1 || !strings.Contains(got.Cause, "died") {
		t.Errorf("%+v", got)
	}
	life := headwire.ActorLife{ID: spec.ID, Epoch: 2}
	ask(t, b.client, headwire.ActorEnded, headwire.ActorEnd{ActorLife: headwire.ActorLife{ID: spec.ID, Epoch: 1}, Kind: headwire.EndWorker}) // of an earlier life
	if got := ask(t, c, headwire.FindActor, headwire.ActorName{Name: "hits", Namespace: "team"}); got.State != "alive" {
		t.Errorf("%+v", got)
	}
	if got := ask(t, c, headwire.KillActor, headwire.ActorKill{ID: spec.ID}); got.State != "dead" || got.Cause != "it was killed" {
		t.Errorf("%+v", got)
	}
	eventually.Holds(t, "the node is told", func() bool { return read(b, func() bool { return slices.Contains(b.stopped, life) }) })
	refusedAs(t, c, headwire.FindActor, headwire.ActorName{Name: "hits", Namespace: "team"}, headwire.NotFound)
	spec.ID = id.New[id.Actor]()
	ask(t, c, headwire.RegisterActor, spec)
	ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID})
	ask(t, b.client, headwire.ActorEnded, headwire.ActorEnd{ActorLife: headwire.ActorLife{ID: spec.ID, Epoch: 1}, Kind: headwire.EndWorker, Message: "exit status 1"})
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID, Epoch: 2}); got.Restarts != 1 || got.Cause != "exit status 1" {
		t.Errorf("%+v", got)
	}
	ask(t, b.client, headwire.ActorEnded, headwire.ActorEnd{ActorLife: headwire.ActorLife{ID: spec.ID, Epoch: 2}, Kind: headwire.EndWorker, Message: "exit status 2"})
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID, Epoch: 3}); got.State != "dead" || got.Cause != "exit status 2" {
		t.Errorf("%+v", got)
	}
}

func TestActorsThatCannotBe(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	a := joinNode(t, "a", h.Dial, nil)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job, Namespace: "team"})
	spec := headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: "large", Resources: cpus(5)}
	ask(t, c, headwire.RegisterActor, spec)
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID}); got.State != "dead" || !strings.Contains(got.Cause, "needs 5 CPU") {
		t.Errorf("%+v", got)
	}
	read(a, func() error { a.refuse = headwire.Errorf(headwire.Unavailable, "no room just now"); return nil })
	spec.ID, spec.Resources = id.New[id.Actor](), cpus(1)
	ask(t, c, headwire.RegisterActor, spec)
	eventually.Holds(t, "why it waits is told", func() bool {
		return ask(t, c, headwire.FindActor, headwire.ActorName{Name: "large", Namespace: "team"}).Cause == "no room just now"
	})
	read(a, func() error { a.refuse = headwire.Errorf(headwire.Invalid, "the constructor panicked"); return nil })
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID}); got.State != "dead" || got.Cause != "the constructor panicked" {
		t.Errorf("%+v", got)
	}
}

// TestKilledBeforeItLives: a node does not go on with a constructor that never ends.
func TestKilledBeforeItLives(t *testing.T) {
	h := start(t, Config{})
	c := inside(t, h)
	a := joinNode(t, "a", h.Dial, nil)
	read(a, func() error { a.endless = true; return nil })
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job})
	spec := headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: "endless"}
	ask(t, c, headwire.RegisterActor, spec)
	eventually.Holds(t, "it begins", func() bool { return read(a, func() bool { return len(a.runs) == 1 }) })
	if got := ask(t, c, headwire.KillActor, headwire.ActorKill{ID: spec.ID}); got.State != "dead" {
		t.Errorf("%+v", got)
	}
	eventually.Holds(t, "the node gives up on it", func() bool { return read(a, func() bool { return a.gaveUp == 1 }) })
}

// TestHeadIsAway: nodes and what they run go on, and are known again. What ended meanwhile is noticed.
func TestHeadIsAway(t *testing.T) {
	dir := t.TempDir()
	h, err := Start(t.Context(), Config{Dir: dir, Log: onDisk(dir), Timing: quick})
	if err != nil {
		t.Fatal(err)
	}
	n := joinNode(t, "a", unixDial(dir), nil)
	c := inside(t, h)
	job := id.New[id.Job]()
	ask(t, c, headwire.StartJob, headwire.JobSpec{ID: job, Namespace: "team"})
	var actors []id.Actor
	for _, name := range []string{"stays", "ends"} {
		spec := headwire.ActorSpec{ID: id.New[id.Actor](), Job: job, Name: name}
		ask(t, c, headwire.RegisterActor, spec)
		ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: spec.ID})
		actors = append(actors, spec.ID)
	}
	g := ask(t, c, headwire.CreateGroup, headwire.GroupSpec{ID: id.New[id.PlacementGroup](), Job: job, Strategy: "Pack", Bundles: []headwire.BundleInfo{{Resources: cpus(1)}}})
	ask(t, c, headwire.WaitGroup, headwire.GroupRef{ID: g.ID})
	epoch := read(n, func() uint64 { return n.welcome.Epoch })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	read(n, func() error {
		n.actors = slices.DeleteFunc(n.actors, func(l headwire.ActorLife) bool { return l.ID == actors[1] })
		n.welcome = headwire.NodeWelcome{}
		return nil
	})
	h = start(t, Config{Dir: dir, Log: onDisk(dir)})
	eventually.Holds(t, "the node is back", func() bool { return read(n, func() bool { return n.welcome.Epoch != 0 }) })
	w := read(n, func() headwire.NodeWelcome { return n.welcome })
	if w.Epoch != epoch || len(w.Actors) != 1 || w.Actors[0].ID != actors[0] || len(w.Bundles) != 1 || w.Bundles[0].Group != g.ID {
		t.Errorf("%+v", w)
	}
	c = inside(t, h)
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: actors[1]}); got.State != "dead" {
		t.Errorf("%+v", got)
	}
	if got := ask(t, c, headwire.WaitActor, headwire.ActorWait{ID: actors[0]}); got.State != "alive" || got.Epoch != 1 {
		t.Errorf("%+v", got)
	}
}

func TestNodeOverTLS(t *testing.T) {
	h := start(t, Config{Listen: "127.0.0.1:0"})
	join := h.JoinToken()
	joining, err := connectWith(t, h.Address(), &join)
	if err != nil {
		t.Fatal(err)
	}
	node := id.New[id.Node]()
	identity, err := headclient.Certify(t.Context(), joining, node)
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context) (net.Conn, error) { return identity.Dial(ctx, h.Address(), headwire.HeadName) }
	joinNode(t, "a", dial, func(n *headwire.NodeHello) { n.ID = node })
	eventually.Holds(t, "it is alive", func() bool { return nodeState(h, node) == "alive" })
}
