package sched

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"testing"

	"mobula/internal/id"
)

func (s *sim) sortedLeases() iter.Seq[id.Lease] {
	return slices.Values(slices.SortedFunc(maps.Keys(s.leases), func(a, b id.Lease) int { return a.Compare(b.ID) }))
}

// TestProperties runs seeded random clusters through several passes and checks what must always hold.
func TestProperties(t *testing.T) {
	cases := uint64(2000)
	if testing.Short() {
		cases = 200
	}
	for seed := range cases {
		s := newSim(t)
		c := newChance(s, seed)
		for pass := range 4 {
			snap, queue := s.snapshot(), slices.Clone(s.queue)
			d := Decide(snap, queue)
			checkAnswers(t, snap, queue, d)
			checkPure(t, s, snap, queue, d)
			checkMoreNodes(t, c, snap, queue, d)
			s.decide()
			checkGroups(t, s)
			checkLedgers(t, s)
			checkIdle(t, s, snap, d)
			if t.Failed() {
				t.Fatalf("seed %d, pass %d:\n%s", seed, pass, s.print(d))
			}
			c.step()
		}
	}
}

// checkAnswers: each request has one answer, and each placement is where the request allows it.
func checkAnswers(t *testing.T, snap *Snapshot, queue []Request, d Decisions) {
	answers := map[id.ID]int{}
	for _, p := range d.Placed {
		answers[p.Request.ID]++
		q := queue[slices.IndexFunc(queue, func(q Request) bool { return q.ID == p.Request })]
		n := snap.Nodes[slices.IndexFunc(snap.Nodes, func(n Node) bool { return n.ID == p.Node })]
		if n.State != Alive || !q.selects(n.Labels) {
			t.Errorf("%v is on %s, which is %v with labels %v", q, n.Name, n.State, n.Labels)
		}
		if q.Strategy.Kind == NodeAffinity && !q.Strategy.Soft && q.Strategy.Node != p.Node || q.Strategy.Group != p.Group {
			t.Errorf("%v is on %s", q.Strategy, n.Name)
		}
	}
	for _, w := range d.Waiting {
		answers[w.Request.ID]++
		if len(w.Reason) < 10 {
			t.Errorf("no reason: %q", w.Reason)
		}
	}
	for _, e := range d.Infeasible {
		answers[e.Request.ID]++
		if e.Lacks == "" || e.What == "" || e.Next == "" {
			t.Errorf("says nothing: %+v", e)
		}
	}
	for _, q := range queue {
		if answers[q.ID.ID] != 1 {
			t.Errorf("%d answers to %v", answers[q.ID.ID], q)
		}
	}
}

// checkPure: the same input gives the same output and is not changed.
func checkPure(t *testing.T, s *sim, snap *Snapshot, queue []Request, d Decisions) {
	if again := Decide(snap, queue); !reflect.DeepEqual(d, again) {
		t.Error("decided otherwise from the same snapshot")
	}
	if fresh := s.snapshot(); !reflect.DeepEqual(fresh, snap) || len(queue) > 0 && !reflect.DeepEqual(queue, s.queue) {
		t.Error("the snapshot or the queue was changed")
	}
}

// checkMoreNodes: another node makes nothing infeasible that was not.
func checkMoreNodes(t *testing.T, c *chance, snap *Snapshot, queue []Request, d Decisions) {
	more := *snap
	extra := Node{ID: id.Node{ID: c.id("extra")}, Name: "extra", Labels: c.labels(), Pool: NewPool(c.resources(), nil)}
	more.Nodes = append(slices.Clone(snap.Nodes), extra)
	for _, e := range Decide(&more, queue).Infeasible {
		if !slices.ContainsFunc(d.Infeasible, func(was *Infeasible) bool { return was.Request == e.Request && was.Group == e.Group }) {
			t.Errorf("with one more node: %v", e)
		}
	}
}

// checkGroups: all bundles or none are placed, in the group's way.
func checkGroups(t *testing.T, s *sim) {
	for _, g := range s.groups {
		nodes := map[id.Node]int{}
		placed := 0
		for _, b := range g.Bundles {
			if !b.Node.IsZero() {
				nodes[b.Node]++
				placed++
			}
		}
		if g.Passes == 1 && placed > 0 && placed < len(g.Bundles) {
			t.Errorf("%s has %d of %d bundles", g.Name, placed, len(g.Bundles))
		}
		if g.Strategy == PackStrictly && len(nodes) > 1 || g.Strategy == SpreadStrictly && len(nodes) < placed {
			t.Errorf("%s is %v on %d nodes", g.Name, g.Strategy, len(nodes))
		}
	}
}

// checkLedgers: what is free and what is held is what there is, and no device is given out twice.
func checkLedgers(t *testing.T, s *sim) {
	for _, n := range s.nodes {
		if problem := n.ledger.problem(n.unblocked); problem != "" {
			t.Errorf("%s: %s", n.Name, problem)
		}
	}
}

// checkIdle: nothing waits that has room on a node, unless that node is kept for another.
func checkIdle(t *testing.T, s *sim, snap *Snapshot, d Decisions) {
	if snap.Patience != (Patience{}) {
		return
	}
	for _, w := range d.Waiting {
		at := slices.IndexFunc(s.queue, func(q Request) bool { return q.ID == w.Request })
		if at < 0 || s.queue[at].Strategy.Kind == GroupBundle || s.queue[at].Strategy.Kind == NodeAffinity {
			continue
		}
		for _, n := range s.nodes {
			pool := n.ledger.Pool()
			if q := s.queue[at]; n.State == Alive && q.selects(n.Labels) && pool.Fits(q.Resources) {
				t.Errorf("%s has room for %v, which %s", n.Name, q.Resources, w.Reason)
			}
		}
	}
}

// problem adds up a ledger anew and says what is wrong with it. CPUs may be given out twice once something was unblocked.
func (l *Ledger) problem(unblocked bool) string {
	held := map[*Pool]*Pool{}
	fresh := func(p *Pool) *Pool {
		if held[p] == nil {
			pool := p.emptied()
			held[p] = &pool
		}
		return held[p]
	}
	for _, g := range l.grants {
		fresh(g.pool).take(g.holds(), g.shares, Holders{Tasks: 1})
	}
	for _, b := range l.bundles {
		fresh(&l.node).take(b.takes, b.shares, Holders{Groups: 1})
		fresh(&b.pool)
	}
	for p, want := range held {
		switch {
		case !p.Free.Equal(want.Free) || !slices.Equal(p.Devices, want.Devices):
			return "the sum is wrong: " + p.Free.String() + " is free and not " + want.Free.String()
		case !maps.Equal(p.Users, want.Users):
			return "the users are not counted right"
		case p.Free.CPU < 0 && !unblocked:
			return "CPU given out twice"
		case p.Free.Memory < 0 || p.Free.Custom["fpga"] < 0:
			return "below zero: " + p.Free.String()
		}
		for _, d := range p.Devices {
			if d.Free < 0 || d.Free > d.Capacity {
				return "a device was given out twice"
			}
		}
	}
	return ""
}

// TestNoStarvation: a big request gets its turn in a stream of small ones that never ends, and so does a group.
func TestNoStarvation(t *testing.T) {
	for seed := range uint64(50) {
		s := newSim(t)
		c := newChance(s, seed)
		s.nodes, s.groups, s.queue, s.snap.NodeTypes = nil, nil, nil, nil
		s.snap.Patience = Patience{Passes: 5}
		for range 3 {
			s.command("node n" + string(rune('0'+len(s.nodes))) + " cpu=4 gpu=1")
		}
		small := func() {
			c.made++
			q := Request{ID: id.Lease{ID: c.name("small")}, Job: id.Job{ID: s.id("job")}, Resources: Resources{CPU: One}}
			s.queue = append(s.queue, q)
		}
		for range 20 {
			small()
		}
		s.decide()
		big := Request{ID: id.Lease{ID: s.id("big")}, Job: id.Job{ID: s.id("job")}, Resources: Resources{CPU: Whole(4), GPU: One}}
		s.queue = append(s.queue, big)
		s.groups = append(s.groups, &simGroup{Group: Group{ID: id.PlacementGroup{ID: s.id("group")}, Strategy: SpreadStrictly,
			Bundles: []Bundle{{Resources: Resources{CPU: Whole(3)}}, {Resources: Resources{CPU: Whole(3)}}}}})
		done := func() bool { return !s.groups[0].Bundles[0].Node.IsZero() && s.leases[big.ID] != nil }
		for pass := 0; !done(); pass++ {
			if pass > 60 {
				t.Fatalf("seed %d: starved after %d passes", seed, pass)
			}
			for lease := range s.sortedLeases() {
				if lease != big.ID && c.one(4) {
					s.release(lease)
					small()
				}
			}
			s.decide()
		}
	}
}

// TestFairTurns: of two jobs with long queues, each gets half of what becomes free.
func TestFairTurns(t *testing.T) {
	s := newSim(t)
	s.command("node n cpu=3")
	for i := range 300 {
		s.command("request a" + string(rune('0'+i)) + " job=a cpu=1")
		s.command("request b" + string(rune('0'+i)) + " job=b cpu=1")
	}
	ran := map[string]int{}
	for range 100 {
		for _, p := range s.decide().Placed {
			ran[s.names[p.Request.ID][:1]]++
			s.release(p.Request)
		}
	}
	if ran["a"] != ran["b"] {
		t.Errorf("jobs ran %v", ran)
	}
}
