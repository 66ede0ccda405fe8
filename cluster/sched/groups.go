package sched

import (
	"slices"
	"strconv"
)

// placeGroups places the groups that lack a node for some bundle: all these bundles or none.
func (p *pass) placeGroups() {
	patient := false
	for i := range p.snap.Groups {
		g := p.groups[p.snap.Groups[i].ID]
		if !slices.ContainsFunc(g.bundles, func(b *bundle) bool { return b.on == nil }) {
			continue
		}
		t := newTrial(g, p.inState(Alive), false)
		if t.run() {
			p.out.Groups = append(p.out.Groups, t.carryOut())
			continue
		}
		w, e := p.explainGroup(g)
		if e != nil {
			g.reason, g.hopeless = e.What, true
			p.out.Infeasible = append(p.out.Infeasible, e)
			continue
		}
		if !patient && p.snap.Patience.over(g.Passes, p.snap.Now-g.Since) {
			patient = p.keepNodes(g, w)
		}
		g.reason = w.Reason
		p.out.Waiting = append(p.out.Waiting, *w)
	}
}

func (p *pass) inState(states ...NodeState) []*node {
	var found []*node
	for _, n := range p.nodes {
		if slices.Contains(states, n.State) {
			found = append(found, n)
		}
	}
	return found
}

// carryOut makes the trial's result that of the pass.
func (t *trial) carryOut() GroupPlacement {
	placed := GroupPlacement{Group: t.group.ID}
	for _, b := range t.placed {
		n := t.where[b]
		n.own()
		n.open.take(b.Resources, t.shares[b], Holders{Groups: 1})
		if n.kept() {
			n.real.take(b.Resources, t.shares[b], Holders{Groups: 1})
		}
		pool := n.real.bundlePool(b.Resources, t.shares[b])
		b.on, b.pool, b.owned = n, &pool, true
		placed.Bundles = append(placed.Bundles, BundlePlacement{b.index, n.ID, t.shares[b]})
	}
	return placed
}

// keepNodes keeps nodes for a group that waited enough: those where it would be in an idle cluster.
func (p *pass) keepNodes(g *group, w *Waiting) bool {
	t := newTrial(g, p.inState(Alive), true)
	if !t.run() {
		return false
	}
	var names []string
	for _, b := range t.placed {
		n := t.where[b]
		n.keep(b.Resources)
		if !slices.Contains(w.Kept, n.ID) {
			w.Kept = append(w.Kept, n.ID)
			names = append(names, n.Name)
		}
	}
	w.Reason += "; kept for it: " + some(names)
	return true
}

// explainGroup says why a group waits, or that it cannot be placed.
func (p *pass) explainGroup(g *group) (*Waiting, *Infeasible) {
	if newTrial(g, p.inState(Alive), true).run() {
		return &Waiting{Group: g.ID, Reason: p.groupWaits(g)}, nil
	}
	if newTrial(g, p.inState(Alive, Suspect), true).run() {
		return &Waiting{Group: g.ID, Reason: "waits for nodes that have not been heard from: " + names(p.inState(Suspect))}, nil
	}
	e := p.groupInfeasible(g)
	e.Group = g.ID
	future := p.futureNodes(len(g.bundles))
	if len(future) > 0 && newTrial(g, append(p.inState(Alive), future...), true).run() {
		return &Waiting{Group: g.ID, Reason: "waits for new nodes of the autoscaler: " + e.What}, nil
	}
	if e.Lacks == "" {
		return &Waiting{Group: g.ID, Reason: e.What}, nil
	}
	return nil, e
}

// futureNodes are nodes that an autoscaler may add, up to so many of each type.
func (p *pass) futureNodes(each int) []*node {
	var nodes []*node
	for _, t := range p.snap.NodeTypes {
		pool := NewPool(t.Resources, nil)
		for range min(t.Room, each) {
			n := &node{Node: &Node{Name: t.Name, Labels: t.Labels, Pool: pool}}
			n.real, n.open = &n.Pool, &n.Pool
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// groupWaits says what a group that would fit in an idle cluster waits for.
func (p *pass) groupWaits(g *group) string {
	t := newTrial(g, p.inState(Alive), false)
	for _, b := range t.missing {
		if slices.ContainsFunc(t.nodes, func(n *node) bool { return t.fits(b, n) }) {
			continue
		}
		return "bundle " + strconv.Itoa(b.index) + " " + waits(eligible(t.nodes, b.Selector, b.Resources, Alive), b.Resources)
	}
	if g.Strategy == SpreadStrictly {
		open := filter(t.nodes, func(n *node) bool { return t.count[n] == 0 && t.holdsAny(n) })
		return "waits for " + count(len(t.missing), "node") + " with room for a bundle each: " + strconv.Itoa(len(open)) + " have room now"
	}
	return "waits for " + g.Strategy.room(t.missing) + ": each bundle has room alone, all together do not"
}

// room says in words what bundles need at once.
func (s GroupStrategy) room(bundles []*bundle) string {
	all := Resources{}
	for _, b := range bundles {
		all.add(b.Resources)
	}
	if s == PackStrictly {
		return "one node with " + all.String() + " free"
	}
	return all.String() + " free at the same time"
}
