package head

import (
	"cmp"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/state"
	"mobula/internal/id"
)

func sortWanted(all []wanted) {
	slices.SortFunc(all, func(a, b wanted) int {
		return cmp.Or(cmp.Compare(b.Depth, a.Depth), a.since.Compare(b.since), a.from.id.Compare(b.from.id.ID), cmp.Compare(a.Number, b.Number))
	})
}

// addNodes adds the nodes with what is free there, without what was given out and does not show yet.
func (p *plan) addNodes() {
	for _, n := range p.view.Nodes() {
		if n.State == sched.Dead {
			continue
		}
		node := sched.Node{ID: n.ID, Name: n.Name, Labels: n.Labels, State: n.State}
		l := p.h.links[n.ID]
		if l == nil || !l.told {
			node.Pool = sched.NewPool(n.Total, nil)
			node.State = max(node.State, sched.Suspect)
		} else {
			node.Pool, node.Tasks = l.status.Pool.Clone(), l.status.Tasks
			for number, x := range l.inflight {
				if p.at.After(x.until) {
					delete(l.inflight, number)
				} else if x.group.IsZero() {
					withhold(&node.Pool, x.resources)
					node.Tasks++
				}
			}
			p.withholdBundles(l, &node.Pool)
		}
		p.snapshot.Nodes = append(p.snapshot.Nodes, node)
	}
}

// withholdBundles takes bundles out of a node's pool that are being reserved there and do not show yet.
func (p *plan) withholdBundles(l *link, pool *sched.Pool) {
	for group, g := range p.h.placing {
		for index, b := range g.bundles {
			if b.node == l.id && l.bundle(group, index) == nil {
				withhold(pool, b.resources)
			}
		}
	}
}

// bundle is what is free in a bundle on the node, nil where the node has not told of it.
func (l *link) bundle(group id.PlacementGroup, index int) *sched.Pool {
	for i := range l.status.Bundles {
		if b := &l.status.Bundles[i]; b.Group == group && b.Index == index {
			return &b.Pool
		}
	}
	return nil
}

// withhold takes r out of what is free. Too much of it does no harm: the pool is full, then.
func withhold(pool *sched.Pool, r sched.Resources) {
	taken := sched.Resources{CPU: -r.CPU, Memory: -r.Memory}
	for name, a := range r.Custom {
		if taken.Custom == nil {
			taken.Custom = map[string]sched.Amount{}
		}
		taken.Custom[name] = -a
	}
	gpu := pool.Free.GPU
	pool.Free = pool.Free.Plus(taken)
	for left := r.GPU; left > 0; {
		best := -1
		for i, d := range pool.Devices {
			if !d.Lost && d.Free > 0 && (best < 0 || d.Free > pool.Devices[best].Free) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		part := min(left, pool.Devices[best].Free)
		pool.Devices[best].Free -= part
		left, gpu = left-part, gpu-part
	}
	pool.Free.GPU = gpu
}

// carryOut does what was decided; h.mu is held.
func (p *plan) carryOut(decided *sched.Decisions) {
	for _, d := range decided.Groups {
		if g, ok := p.view.Group(d.Group); ok && p.toPlace(g) {
			p.h.reserve(g, d.Bundles, p.view)
		}
	}
	p.assign(decided.Placed)
	for _, w := range decided.Waiting {
		if !w.Group.IsZero() {
			p.h.verdicts[w.Group.ID] = verdict{reason: w.Reason}
			continue
		}
		if a := p.actors[w.Request]; a != nil {
			p.h.verdicts[a.ID.ID] = verdict{reason: w.Reason}
			continue
		}
		if s := p.submissions[w.Request]; s != nil {
			p.h.reasons[s.ID] = w.Reason
			continue
		}
		if d, ok := p.demands[w.Request]; ok && d.from.demands[d.Number] == d.demand && d.reason != w.Reason {
			d.reason = w.Reason
			_ = d.from.session.peer.Notify(headwire.VerdictMethod, headwire.Verdict{Demand: d.Number, Reason: w.Reason}) // its connection's end is noticed where it is read
		}
	}
	for _, e := range decided.Infeasible {
		p.h.counted.refused++
		p.refuse(e)
	}
}

// anyAlive reports whether there is a node: without one nothing is said to be impossible.
func (p *plan) anyAlive() bool {
	return slices.ContainsFunc(p.snapshot.Nodes, func(n sched.Node) bool { return n.State == sched.Alive })
}

// refuse tells of what can never be placed.
func (p *plan) refuse(e *sched.Infeasible) {
	switch d, ok := p.demands[e.Request]; {
	case !e.Group.IsZero():
		known := p.h.verdicts[e.Group.ID].never
		p.h.verdicts[e.Group.ID] = verdict{e.Error(), known || p.anyAlive()}
		if !known && p.anyAlive() {
			p.h.hub.announce() // to those who wait for it
		}
	case ok && d.from.demands[d.Number] == d.demand:
		delete(d.from.demands, d.Number) // the other slots of it, too
		_ = d.from.session.peer.Notify(headwire.VerdictMethod, headwire.Verdict{Demand: d.Number, Reason: e.Error(), Infeasible: true})
	case ok:
	case p.submissions[e.Request] != nil:
		p.h.reasons[p.submissions[e.Request].ID] = e.Error() // it was not so when it was submitted: what it needs may come back
	default:
		a := p.actors[e.Request]
		if a.State == state.ActorPending && p.anyAlive() {
			p.failed = append(p.failed, impossible{a, e.Error()})
			return
		}
		p.h.verdicts[a.ID.ID] = verdict{reason: e.Error()} // it has lived: what it lived on may come back
	}
}

// assign gives slots to those who wait, those of one demand on one node at once.
func (p *plan) assign(placed []sched.Placement) {
	type key struct {
		wanted
		node   id.Node
		bundle int
	}
	slots := map[key]*headwire.Assignment{}
	var order []key
	for _, at := range placed {
		if a := p.actors[at.Request]; a != nil {
			p.h.startActor(a, at)
			continue
		}
		if s := p.submissions[at.Request]; s != nil {
			p.h.launch(s, at.Node)
			continue
		}
		d := p.demands[at.Request]
		count := 1
		if d.Resources.IsZero() && d.Strategy.Kind != sched.Spread {
			count = d.Slots
		}
		k := key{d, at.Node, at.Bundle}
		if slots[k] == nil {
			slots[k] = &headwire.Assignment{Demand: d.Number, Node: at.Node, Group: at.Group, Bundle: at.Bundle}
			order = append(order, k)
		}
		slots[k].Slots += count
	}
	for _, k := range order {
		p.send(slots[k], k.wanted)
	}
}

// send tells a node where it gets slots. A demand without wishes that fits on its own node is left to that one.
func (p *plan) send(a *headwire.Assignment, w wanted) {
	from, d, on := w.from, w.demand, p.h.links[a.Node]
	if from.demands[d.Number] != d || on == nil || on.session == nil || a.Node == from.id && d.Strategy.Kind == sched.Default {
		return
	}
	p.h.last++
	a.ID, a.Name, a.Address = p.h.last, on.hello.Name, on.hello.Address
	if on != from && a.Address == "" {
		return // a node that takes no others; it is alone
	}
	all := sched.Resources{}
	for range a.Slots {
		all = all.Plus(d.Resources)
	}
	p.h.counted.assigned += uint64(a.Slots)
	on.inflight[a.ID] = inflight{resources: all, group: a.Group, bundle: a.Bundle, until: p.at.Add(inflightTime)}
	_ = from.session.peer.Notify(headwire.AssignMethod, *a) // its connection's end is noticed where it is read
	d.Slots -= a.Slots
	if d.Slots <= 0 {
		delete(from.demands, d.Number) // until it says otherwise
	}
}

// retryTime is how long an actor that a node could not start, or a group that nodes could not take, waits before it is placed again.
const retryTime = 200 * time.Millisecond
