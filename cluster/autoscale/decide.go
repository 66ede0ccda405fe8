package autoscale

import (
	"fmt"
	"slices"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// pass is one run of Decide.
type pass struct {
	*Snapshot
	groups []*group
	nodes  []sched.Node // those that there are, then those to come
	names  *id.Generator
	needed map[id.Node]bool
	out    Decisions
}

// group is a group during a pass.
type group struct {
	*State
	size     sched.Resources // of a node
	live     int             // alive or suspect
	draining int
	coming   int // being started, or to be
	added    int // of them those that this pass adds
	reason   string
}

// room is how many nodes more may be started.
func (g *group) room(now int64) int {
	if g.NotAgain > now {
		return 0
	}
	return max(0, g.Max-g.live-g.draining-g.coming)
}

// Decide decides which nodes are to be started, drained and stopped.
func Decide(s *Snapshot) Decisions {
	p := &pass{Snapshot: s, names: id.NewGenerator([8]byte{0xff, 'n', 'o', 't', ' ', 'y', 'e', 't'}), needed: map[id.Node]bool{}}
	p.count()
	p.keepMinimum()
	p.growForBundles()
	p.growForQueue()
	p.shrink()
	for _, g := range p.groups {
		if g.added > 0 {
			p.out.Start = append(p.out.Start, Start{g.Name, g.added, g.reason})
		}
	}
	return p.out
}

// Types are the kinds of nodes that may come yet, for the scheduler to know what is not infeasible. Those that are being started, and those
// for which drained ones make room, may come.
func Types(s *Snapshot) []sched.NodeType {
	p := &pass{Snapshot: s}
	p.countNodes()
	return p.types()
}

func (p *pass) types() []sched.NodeType {
	var types []sched.NodeType
	for _, g := range p.groups {
		types = append(types, sched.NodeType{Name: g.Name, Resources: g.size, Labels: g.Labels, Room: max(0, g.Max-g.live)})
	}
	return types
}

// countNodes counts the nodes of the groups.
func (p *pass) countNodes() {
	for i := range p.Groups {
		g := &group{State: &p.Groups[i], size: p.Groups[i].Resources}
		for _, n := range p.Nodes {
			switch {
			case n.Group != g.Name || n.State == sched.Dead:
				continue
			case n.State == sched.Draining:
				g.draining++
			default:
				g.live++
			}
			if !n.Pool.Holds(g.Resources) {
				g.size = n.Pool.Total
			}
		}
		p.groups = append(p.groups, g)
	}
}

func (p *pass) count() {
	p.countNodes()
	for _, n := range p.Nodes {
		if n.State != sched.Dead {
			p.nodes = append(p.nodes, n.Node)
		}
	}
	for _, g := range p.groups {
		for range p.Starting[g.Name] {
			p.nodes = append(p.nodes, p.imagine(g))
			g.coming++
		}
	}
}

// imagine is a node of the group that is not there yet.
func (p *pass) imagine(g *group) sched.Node {
	return sched.Node{ID: id.Node{ID: p.names.Next()}, Name: "a node of group " + g.Name, Labels: g.Labels, Pool: sched.NewPool(g.size, nil)}
}

// add adds a node that is to be started.
func (p *pass) add(g *group, n sched.Node, reason string) {
	p.nodes = append(p.nodes, n)
	g.coming++
	g.added++
	if g.reason == "" {
		g.reason = reason
	}
}

func (p *pass) keepMinimum() {
	for _, g := range p.groups {
		for g.live+g.coming < g.Min && g.room(p.Now) > 0 {
			p.add(g, p.imagine(g), fmt.Sprintf("the group has at least %d", g.Min))
		}
	}
}

// place asks the scheduler what would go where if these nodes were there.
func (p *pass) place(nodes []sched.Node, queue []sched.Request) sched.Decisions {
	return sched.Decide(&sched.Snapshot{Nodes: nodes, Groups: p.Bundles, NodeTypes: p.types(), Now: p.Now}, queue)
}

// growForBundles adds the nodes that placement groups lack, one after the other.
func (p *pass) growForBundles() {
	if len(p.Bundles) == 0 {
		return
	}
	for _, w := range p.place(p.nodes, nil).Waiting {
		at := slices.IndexFunc(p.Bundles, func(b sched.Group) bool { return b.ID == w.Group })
		p.growFor(&p.Bundles[at])
	}
}

// growFor adds as few nodes as a placement group needs: of one group if that is possible.
func (p *pass) growFor(b *sched.Group) {
	for count := 1; count <= len(b.Bundles); count++ {
		for _, g := range p.groups {
			if count <= g.room(p.Now) && p.tryFor(b, []*group{g}, count) {
				return
			}
		}
	}
	p.tryFor(b, p.groups, len(b.Bundles))
}

// tryFor adds up to so many nodes of each group, those on which bundles would lie, if the placement group can be placed then.
func (p *pass) tryFor(b *sched.Group, groups []*group, each int) bool {
	nodes := slices.Clone(p.nodes)
	of := map[id.Node]*group{}
	for _, g := range groups {
		for range min(each, g.room(p.Now)) {
			n := p.imagine(g)
			of[n.ID] = g
			nodes = append(nodes, n)
		}
	}
	decided := p.place(nodes, nil)
	at := slices.IndexFunc(decided.Groups, func(placed sched.GroupPlacement) bool { return placed.Group == b.ID })
	if at < 0 {
		return false
	}
	used := map[id.Node]bool{}
	for _, bundle := range decided.Groups[at].Bundles {
		used[bundle.Node] = true
	}
	for _, n := range nodes[len(p.nodes):] {
		if used[n.ID] {
			p.add(of[n.ID], n, "for placement group "+title(b)+", which waits")
		}
	}
	return true
}

func title(b *sched.Group) string {
	if b.Name != "" {
		return b.Name
	}
	return b.ID.Short()
}
