package autoscale

import (
	"cmp"
	"slices"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// shrink drains the nodes that are not needed, and stops those that were drained.
func (p *pass) shrink() {
	for _, g := range p.groups {
		extra := g.live + g.coming - g.Min
		for _, n := range p.idle(g) {
			reason := ""
			switch {
			case n.State == sched.Draining:
				p.out.Stop = append(p.out.Stop, End{n.ID, "it is drained and idle"})
				continue
			case extra <= 0 || n.State != sched.Alive || p.needed[n.ID]:
				continue
			case extra > g.Max-g.Min:
				reason = "group " + g.Name + " has more than its most"
			case p.Now-n.IdleSince >= p.IdleTimeout:
				reason = "it was idle for the timeout of group " + g.Name
			default:
				continue
			}
			extra--
			p.out.Drain = append(p.out.Drain, End{n.ID, reason})
		}
	}
}

// idle are the idle nodes of a group, those first that were idle longest.
func (p *pass) idle(g *group) []*Node {
	var idle []*Node
	for i := range p.Nodes {
		n := &p.Nodes[i]
		if n.Group == g.Name && n.State != sched.Dead && n.Holds == "" && Unused(&n.Pool, n.Tasks) && !p.hasBundle(n.ID) {
			idle = append(idle, n)
		}
	}
	slices.SortStableFunc(idle, func(a, b *Node) int { return cmp.Compare(a.IdleSince, b.IdleSince) })
	return idle
}

// Unused reports whether nothing is taken of a pool, by so many tasks.
func Unused(pool *sched.Pool, tasks int) bool {
	return tasks == 0 && len(pool.Users) == 0 && pool.Free.Equal(pool.Total)
}

func (p *pass) hasBundle(node id.Node) bool {
	return slices.ContainsFunc(p.Bundles, func(g sched.Group) bool {
		return slices.ContainsFunc(g.Bundles, func(b sched.Bundle) bool { return b.Node == node })
	})
}
