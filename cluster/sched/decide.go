package sched

import "mobula/internal/id"

// pass is one run of Decide. Within a pass resources are only taken, never returned: what did not fit
// once will not fit later in it. Shapes and their heaps rest on that.
type pass struct {
	snap     *Snapshot
	nodes    []*node // in order of joining
	offering []*node // of them those that have resources
	byID     map[id.Node]*node
	groups   map[id.PlacementGroup]*group
	shapes   map[string]*shape
	key      []byte // buffer
	out      Decisions
}

// node is a node during a pass.
type node struct {
	*Node
	order  int
	real   *Pool // what is free. Shared with the snapshot until owned
	open   *Pool // what may be given out; less than real where the node is kept for someone
	idle   *Pool // what would be free if nobody used the node; nil until asked for
	owned  bool
	placed int // tasks in this pass
}

// group is a placement group during a pass.
type group struct {
	*Group
	bundles  []*bundle
	reason   string // why it is not placed
	hopeless bool   // and never can be
}

// bundle is a bundle during a pass.
type bundle struct {
	*Bundle
	index int
	on    *node // nil while it is not placed, or where its node is gone
	pool  *Pool
	owned bool
}

// result is what the pass did for a request. At most one is set.
type result struct {
	placed *Placement
	kept   *node
}

// answer is why requests of a shape are not placed: they wait for a reason, or are infeasible.
type answer struct {
	reason     string
	infeasible *Infeasible
}

// Decide places what can run now and says of all else why it waits, or that it never can.
func Decide(snapshot *Snapshot, queue []Request) Decisions {
	p := newPass(snapshot)
	p.placeGroups()
	p.placeQueue(queue)
	return p.out
}

func newPass(snapshot *Snapshot) *pass {
	p := &pass{
		snap:   snapshot,
		byID:   make(map[id.Node]*node, len(snapshot.Nodes)),
		groups: make(map[id.PlacementGroup]*group, len(snapshot.Groups)),
		shapes: map[string]*shape{},
	}
	nodes := make([]node, len(snapshot.Nodes))
	p.nodes = make([]*node, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		n.Node, n.order = &snapshot.Nodes[i], i
		n.real, n.open = &n.Pool, &n.Pool
		p.nodes[i], p.byID[n.ID] = n, n
		if !n.gateway() {
			p.offering = append(p.offering, n)
		}
	}
	for i := range snapshot.Groups {
		g := &group{Group: &snapshot.Groups[i]}
		for j := range g.Bundles {
			b := &bundle{Bundle: &g.Bundles[j], index: j}
			b.pool = &b.Pool
			if on, ok := p.byID[b.Bundle.Node]; ok && on.State != Dead {
				b.on = on
			}
			g.bundles = append(g.bundles, b)
		}
		p.groups[g.ID] = g
	}
	return p
}

// take allocates r on the node and returns the devices.
func (n *node) take(r Resources, by Holders) []Share {
	shares := n.open.pick(r.GPU)
	n.own()
	n.open.take(r, shares, by)
	if n.real != n.open {
		n.real.take(r, shares, by)
	}
	return shares
}

// unused returns the pool as it would be if nobody used the node.
func (n *node) unused() *Pool {
	if n.idle == nil {
		pool := n.real.emptied()
		n.idle = &pool
	}
	return n.idle
}

// own makes the pool the node's own, so that it can be changed.
func (n *node) own() {
	if n.owned {
		return
	}
	pool := n.Pool.Clone()
	n.real, n.open, n.owned = &pool, &pool, true
}

// kept reports whether the node is kept for someone.
func (n *node) kept() bool { return n.real != n.open }

// keep takes r out of what others may have, whether it is free or not, so that it collects there.
func (n *node) keep(r Resources) {
	n.own()
	if !n.kept() {
		pool := n.real.Clone()
		n.open = &pool
	}
	n.open.Free.subtract(r)
	n.open.keepDevices(r.GPU)
}

// keepDevices takes the freest devices out, also those that are in use.
func (p *Pool) keepDevices(amount Amount) {
	for amount > 0 {
		best := -1
		for i, d := range p.Devices {
			if !d.Lost && d.Capacity >= min(amount, One) && (best < 0 || d.Free > p.Devices[best].Free) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		part := min(amount, One)
		p.Devices[best].Free -= part
		amount -= part
	}
	p.recount()
}

// placeQueue decides all requests: first one for each job that waited too long, then by turns. Reasons come last, so that
// they tell what is in use after the pass.
func (p *pass) placeQueue(queue []Request) {
	results := make([]result, len(queue))
	turns := newTurns(queue, p.snap.Last)
	p.out.Last = p.snap.Last
	for _, job := range turns.jobs {
		p.placePatient(queue, job, results)
	}
	for i := range turns.order() {
		r := &results[i]
		if r.placed == nil && r.kept == nil {
			r.placed = p.place(&queue[i])
		}
		if r.placed != nil {
			p.out.Placed = append(p.out.Placed, *r.placed)
			p.out.Last = queue[i].Job
		}
	}
	for i := range results {
		if results[i].placed == nil {
			p.answer(&queue[i], results[i].kept)
		}
	}
}

// placePatient looks for the job's oldest request that has waited enough, and places it or keeps a node for it.
func (p *pass) placePatient(queue []Request, job []int, results []result) {
	for _, i := range job {
		q, r := &queue[i], &results[i]
		if !p.snap.Patience.over(q.Passes, p.snap.Now-q.Since) {
			continue
		}
		if r.placed = p.place(q); r.placed == nil {
			r.kept = p.keepNode(q)
		}
		if *r != (result{}) {
			return
		}
	}
}

// answer says why a request was not placed.
func (p *pass) answer(q *Request, kept *node) {
	s := p.shape(q)
	if s.answer == nil {
		answer := p.explain(q, s)
		s.answer = &answer
	}
	if s.answer.infeasible != nil {
		e := *s.answer.infeasible
		e.Request = q.ID
		p.out.Infeasible = append(p.out.Infeasible, &e)
		return
	}
	w := Waiting{Request: q.ID, Reason: s.answer.reason}
	if kept != nil {
		w.Kept = []id.Node{kept.ID}
		w.Reason += "; " + kept.Name + " is kept for it"
	}
	p.out.Waiting = append(p.out.Waiting, w)
}

// keepNode keeps the node that lacks least of what the request needs, and which nobody else has been kept.
func (p *pass) keepNode(q *Request) *node {
	if q.Strategy.Kind == GroupBundle {
		return nil
	}
	var best *node
	var least float64
	for _, c := range p.shape(q).choices {
		for _, n := range c.eligible {
			if lack := n.real.lack(q.Resources); !n.kept() && (best == nil || lack < least) {
				best, least = n, lack
			}
		}
		if best != nil {
			best.keep(q.Resources)
			return best
		}
	}
	return nil
}

// lack is the greatest part of a resource, of what there is of it, that is needed and not free.
func (p *Pool) lack(r Resources) float64 {
	most := 0.0
	for _, name := range r.Names() {
		if missing := r.Get(name) - p.Free.Get(name); missing > 0 {
			most = max(most, float64(missing)/float64(p.Total.Get(name)))
		}
	}
	return most
}
