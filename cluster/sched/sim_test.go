package sched

import (
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mobula/internal/id"
)

// sim is a cluster that carries decisions out on real ledgers.
type sim struct {
	t      testing.TB
	nodes  []*simNode
	groups []*simGroup
	queue  []Request
	snap   Snapshot // NodeTypes, Now, Patience, Last
	names  map[id.ID]string
	ids    map[string]id.ID
	leases map[id.Lease]*simNode
	tasks  map[id.Lease]Request // that run
}

type simNode struct {
	Node
	ledger    *Ledger
	unblocked bool
}

type simGroup struct {
	Group
}

func newSim(t testing.TB) *sim {
	return &sim{t: t, names: map[id.ID]string{}, ids: map[string]id.ID{}, leases: map[id.Lease]*simNode{}, tasks: map[id.Lease]Request{}}
}

// id gives a name its id: a number that grows.
func (s *sim) id(name string) id.ID {
	if known, ok := s.ids[name]; ok {
		return known
	}
	var made id.ID
	binary.BigEndian.PutUint64(made[8:], uint64(len(s.ids)+1))
	s.ids[name], s.names[made] = made, name
	return made
}

func (s *sim) node(i id.Node) *simNode {
	at := slices.IndexFunc(s.nodes, func(n *simNode) bool { return n.ID == i })
	if at < 0 {
		return nil
	}
	return s.nodes[at]
}

func (s *sim) group(i id.PlacementGroup) *simGroup {
	return s.groups[slices.IndexFunc(s.groups, func(g *simGroup) bool { return g.ID == i })]
}

// snapshot is what the scheduler sees.
func (s *sim) snapshot() *Snapshot {
	snap := s.snap
	for _, n := range s.nodes {
		n.Pool = n.ledger.Pool()
		snap.Nodes = append(snap.Nodes, n.Node)
	}
	for _, g := range s.groups {
		seen := g.Group
		seen.Bundles = slices.Clone(g.Bundles)
		for i, b := range seen.Bundles {
			if n := s.node(b.Node); n != nil {
				seen.Bundles[i].Pool, _ = n.ledger.BundlePool(BundleKey{g.ID, i})
			}
		}
		snap.Groups = append(snap.Groups, seen)
	}
	return &snap
}

// decide runs one pass and carries it out: the ledgers must agree to everything.
func (s *sim) decide() Decisions {
	d := Decide(s.snapshot(), s.queue)
	for _, g := range d.Groups {
		s.carryOutGroup(g)
	}
	for _, p := range d.Placed {
		s.carryOut(p)
	}
	s.snap.Last = d.Last
	for _, e := range d.Infeasible {
		s.unqueue(e.Request)
	}
	for i := range s.queue {
		s.queue[i].Passes++
	}
	for _, g := range s.groups {
		g.Passes++
	}
	return d
}

func (s *sim) carryOutGroup(placed GroupPlacement) {
	g := s.group(placed.Group)
	for _, b := range placed.Bundles {
		shares, err := s.node(b.Node).ledger.Reserve(BundleKey{g.ID, b.Bundle}, g.Bundles[b.Bundle].Resources, b.Devices)
		if err != nil || !reflect.DeepEqual(shares, b.Devices) {
			s.t.Fatalf("group %s bundle %d: %v, devices %v and decided %v", s.names[g.ID.ID], b.Bundle, err, shares, b.Devices)
		}
		g.Bundles[b.Bundle].Node = b.Node
	}
}

func (s *sim) carryOut(p Placement) {
	at := slices.IndexFunc(s.queue, func(q Request) bool { return q.ID == p.Request })
	q, n := s.queue[at], s.node(p.Node)
	var shares []Share
	var err error
	if p.Group.IsZero() {
		shares, err = n.ledger.Acquire(q.ID, q.Resources, p.Devices)
	} else {
		shares, err = n.ledger.AcquireIn(BundleKey{p.Group, p.Bundle}, q.ID, q.Resources, p.Devices)
	}
	if err != nil || len(shares)+len(p.Devices) > 0 && !reflect.DeepEqual(shares, p.Devices) {
		s.t.Fatalf("request %s on %s: %v, devices %v and decided %v", s.names[q.ID.ID], n.Name, err, shares, p.Devices)
	}
	n.Tasks++
	s.leases[q.ID], s.tasks[q.ID] = n, q
	s.unqueue(q.ID)
}

func (s *sim) unqueue(lease id.Lease) {
	s.queue = slices.DeleteFunc(s.queue, func(q Request) bool { return q.ID == lease })
}

func (s *sim) release(lease id.Lease) {
	n := s.leases[lease]
	if err := n.ledger.Release(lease); err != nil {
		s.t.Fatal(err)
	}
	n.Tasks--
	delete(s.leases, lease)
	delete(s.tasks, lease)
}

// kill removes a node with all that runs on it; bundles there become lost.
func (s *sim) kill(node id.Node) {
	s.nodes = slices.DeleteFunc(s.nodes, func(n *simNode) bool { return n.ID == node })
	maps.DeleteFunc(s.leases, func(lease id.Lease, n *simNode) bool {
		if n.ID == node {
			delete(s.tasks, lease)
		}
		return n.ID == node
	})
	for _, g := range s.groups {
		for i := range g.Bundles {
			if g.Bundles[i].Node == node {
				g.Bundles[i].Node = id.Node{}
			}
		}
	}
}

// print writes decisions with names.
func (s *sim) print(d Decisions) string {
	var out []byte
	line := func(format string, args ...any) { out = fmt.Appendf(out, format+"\n", args...) }
	for _, g := range d.Groups {
		for _, b := range g.Bundles {
			line("%s[%d] on %s%s", s.names[g.Group.ID], b.Bundle, s.names[b.Node.ID], devices(b.Devices))
		}
	}
	for _, p := range d.Placed {
		in := ""
		if !p.Group.IsZero() {
			in = fmt.Sprintf(" in %s[%d]", s.names[p.Group.ID], p.Bundle)
		}
		line("%s on %s%s%s", s.names[p.Request.ID], s.names[p.Node.ID], in, devices(p.Devices))
	}
	for _, w := range d.Waiting {
		line("%s %s", s.names[w.Request.ID]+s.names[w.Group.ID], w.Reason)
	}
	for _, e := range d.Infeasible {
		line("%s %v [%s]", s.names[e.Request.ID]+s.names[e.Group.ID], e, e.Lacks)
	}
	if len(out) == 0 {
		return "nothing to do\n"
	}
	return string(out)
}

func devices(shares []Share) string {
	var text strings.Builder
	for _, s := range shares {
		text.WriteString(fmt.Sprintf(" gpu%d", s.Device))
		if s.Amount != One {
			text.WriteString(":" + s.Amount.String())
		}
	}
	return text.String()
}
