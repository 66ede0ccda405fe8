package autoscale

import (
	"cmp"
	"fmt"
	"slices"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// growForQueue adds nodes for what waits and has no room on those that there are and are to come.
func (p *pass) growForQueue() {
	decided := p.place(p.nodes, p.Queue)
	p.out.Infeasible = decided.Infeasible
	for _, at := range decided.Placed {
		p.needed[at.Node] = true
	}
	for _, g := range decided.Groups {
		for _, b := range g.Bundles {
			p.needed[b.Node] = true
		}
	}
	for left := p.open(&decided); len(left) > 0; {
		g, packed := p.best(left)
		if g == nil {
			return
		}
		p.add(g, p.imagine(g), fmt.Sprintf("for %d that %s no room, the first needs %v", len(left), has(len(left)), left[0].Resources))
		left = slices.DeleteFunc(left, func(q *sched.Request) bool { return packed[q] })
	}
}

func has(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// open is what waits and new nodes can help, the hardest to place first.
func (p *pass) open(decided *sched.Decisions) []*sched.Request {
	waits := map[id.Lease]bool{}
	for _, w := range decided.Waiting {
		waits[w.Request] = true
	}
	var left []*sched.Request
	for i := range p.Queue {
		q := &p.Queue[i]
		fixed := q.Strategy.Kind == sched.GroupBundle || q.Strategy.Kind == sched.NodeAffinity && !q.Strategy.Soft
		if waits[q.ID] && !fixed {
			left = append(left, q)
		}
	}
	slices.SortStableFunc(left, func(a, b *sched.Request) int {
		return cmp.Or(
			cmp.Compare(b.Resources.GPU, a.Resources.GPU), cmp.Compare(len(b.Resources.Custom), len(a.Resources.Custom)),
			cmp.Compare(b.Resources.CPU, a.Resources.CPU), cmp.Compare(b.Resources.Memory, a.Resources.Memory),
		)
	})
	return left
}

// best is the group of which one more node would be used best, and what would go there. It is nil where no group can help.
func (p *pass) best(left []*sched.Request) (best *group, packed map[*sched.Request]bool) {
	var wasted bool
	var use float64
	for _, g := range p.groups {
		if g.room(p.Now) == 0 {
			continue
		}
		fit, used := g.fill(left)
		if len(fit) == 0 {
			continue
		}
		idleGPUs := g.size.GPU > 0 && used.GPU == 0
		part := use01(used, g.size)
		if best == nil || wasted && !idleGPUs || wasted == idleGPUs && part > use {
			best, packed, wasted, use = g, fit, idleGPUs, part
		}
	}
	return best, packed
}

// fill puts on an empty node what fits there.
func (g *group) fill(left []*sched.Request) (fit map[*sched.Request]bool, used sched.Resources) {
	ledger := sched.NewLedger(g.size, nil)
	fit = map[*sched.Request]bool{}
	for _, q := range left {
		if !Selects(q, g.Labels) {
			continue
		}
		if _, err := ledger.Acquire(q.ID, q.Resources, nil); err == nil { // else there is no room for it
			fit[q] = true
			used = used.Plus(q.Resources)
		}
	}
	return fit, used
}

// Selects reports whether a request may go to nodes with these labels.
func Selects(q *sched.Request, labels map[string]string) bool {
	return q.Selector.Matches(labels) || slices.ContainsFunc(q.Fallbacks, func(s sched.Selector) bool { return s.Matches(labels) })
}

// use01 is the part of a node that is used, from 0 to 1: the mean over its resources.
func use01(used, all sched.Resources) float64 {
	names := all.Names()
	sum := 0.0
	for _, name := range names {
		sum += float64(used.Get(name)) / float64(all.Get(name))
	}
	return sum / float64(max(1, len(names)))
}
