package sched

import (
	"fmt"
	"math/rand/v2"

	"mobula/internal/id"
)

// chance makes random clusters and queues.
type chance struct {
	*rand.Rand
	*sim
	made int
}

func (c *chance) one(in int) bool { return c.IntN(in) == 0 }

func (c *chance) name(kind string) id.ID {
	c.made++
	return c.id(fmt.Sprintf("%s%d", kind, c.made))
}

func (c *chance) labels() map[string]string {
	l := map[string]string{}
	for _, key := range []string{"zone", "disk"} {
		if !c.one(3) {
			l[key] = string(rune('a' + c.IntN(3)))
		}
	}
	return l
}

func (c *chance) selector() (s Selector) {
	for !c.one(2) && len(s) < 2 {
		s = append(s, Condition{[]string{"zone", "disk"}[c.IntN(2)], Op(c.IntN(2)), []string{string(rune('a' + c.IntN(3)))}})
	}
	return s
}

func (c *chance) addNode() {
	total := Resources{CPU: Whole(c.IntN(9)), GPU: Whole(c.IntN(4)), Memory: int64(c.IntN(5)) << 30}
	if c.one(3) {
		total.custom()["fpga"] = Whole(1 + c.IntN(2))
	}
	n := &simNode{Node: Node{ID: id.Node{ID: c.sim.id(fmt.Sprintf("n%d", c.made))}, Name: fmt.Sprintf("n%d", c.made), Labels: c.labels()}, ledger: NewLedger(total, nil)}
	c.made++
	if c.one(5) {
		n.State = NodeState(c.IntN(3))
	}
	c.nodes = append(c.nodes, n)
}

func (c *chance) resources() Resources {
	r := Resources{CPU: Amount(c.IntN(8)) * One / 2}
	switch c.IntN(8) {
	case 0, 1:
		r.GPU = Whole(c.IntN(3))
	case 2, 3:
		r.GPU = Amount(1+c.IntN(9)) * One / 10
	case 4:
		r.custom()["fpga"] = Amount(1+c.IntN(4)) * One / 2
	case 5:
		r.Memory = int64(c.IntN(4)) << 30
	}
	return r
}

func (c *chance) addGroup() {
	i := id.PlacementGroup{ID: c.name("g")}
	g := &simGroup{Group: Group{ID: i, Name: c.names[i.ID], Strategy: GroupStrategy(c.IntN(4)), Since: c.snap.Now}}
	for range 1 + c.IntN(4) {
		b := Bundle{Resources: c.resources()}
		if c.one(4) {
			b.Selector = c.selector()
		}
		g.Bundles = append(g.Bundles, b)
	}
	c.groups = append(c.groups, g)
}

func (c *chance) addRequest() {
	q := Request{ID: id.Lease{ID: c.name("r")}, Job: id.Job{ID: c.sim.id(fmt.Sprintf("job%d", c.IntN(3)))}, Resources: c.resources(), Since: c.snap.Now}
	node := func() id.Node {
		if len(c.nodes) == 0 || c.one(10) {
			return id.Node{ID: c.sim.id("nowhere")}
		}
		return c.nodes[c.IntN(len(c.nodes))].ID
	}
	switch c.IntN(8) {
	case 0:
		q.Strategy = OnNode(node(), c.one(2))
	case 1:
		q.Strategy = Strategy{Kind: Spread}
	case 2:
		if len(c.groups) > 0 {
			q.Strategy = InGroup(c.groups[c.IntN(len(c.groups))].ID, c.IntN(4)-1, false)
		}
	case 3, 4:
		q.Selector = c.selector()
		if len(q.Selector) > 0 && c.one(2) {
			q.Fallbacks = append(q.Fallbacks, c.selector())
		}
	case 5:
		q.Locality = append(q.Locality, Stored{node(), int64(c.IntN(4)) << 19}, Stored{node(), int64(c.IntN(4)) << 19})
	}
	if c.one(2) {
		q.Local = node()
	}
	c.queue = append(c.queue, q)
}

// newChance makes a cluster from a seed.
func newChance(s *sim, seed uint64) *chance {
	c := &chance{Rand: rand.New(rand.NewPCG(seed, 7)), sim: s}
	for range c.IntN(7) {
		c.addNode()
	}
	for range c.IntN(4) {
		c.addGroup()
	}
	for range c.IntN(20) {
		c.addRequest()
	}
	if c.one(2) {
		c.snap.Patience = Patience{Passes: c.IntN(3), Age: int64(c.IntN(5))}
	}
	if c.one(4) {
		c.snap.NodeTypes = []NodeType{{"big", Resources{CPU: Whole(16), GPU: Whole(8)}, c.labels(), c.IntN(3)}}
	}
	return c
}

// step changes the cluster at random between two passes.
func (c *chance) step() {
	c.snap.Now++
	for lease := range c.sortedLeases() {
		switch n := c.leases[lease]; {
		case c.one(3):
			c.release(lease)
		case c.one(8) && n.ledger.Block(lease) == nil && c.one(2):
			n.unblocked = true
			if err := n.ledger.Unblock(lease); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	if len(c.nodes) > 0 && c.one(4) {
		c.kill(c.nodes[c.IntN(len(c.nodes))].ID)
	}
	if c.one(3) {
		c.addNode()
	}
	if len(c.nodes) > 0 && c.one(3) {
		c.nodes[c.IntN(len(c.nodes))].State = NodeState(c.IntN(3))
	}
	for range c.IntN(6) {
		c.addRequest()
	}
}
