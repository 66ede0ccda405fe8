package sched

import (
	"cmp"
	"slices"
)

// trial tries to place the bundles of one group together. Nothing changes in the pass until it is carried out.
type trial struct {
	group   *group
	nodes   []*node
	missing []*bundle       // to be placed, the hardest first
	empty   bool            // as if nobody used the nodes
	pools   map[*node]*Pool // of nodes that got bundles in the trial
	where   map[*bundle]*node
	placed  []*bundle // in order
	shares  map[*bundle][]Share
	count   map[*node]int // the group's bundles, those that it had before too
}

func newTrial(g *group, nodes []*node, empty bool) *trial {
	t := &trial{
		group: g, nodes: nodes, empty: empty,
		pools: map[*node]*Pool{}, where: map[*bundle]*node{}, shares: map[*bundle][]Share{}, count: map[*node]int{},
	}
	for _, b := range g.bundles {
		if b.on == nil {
			t.missing = append(t.missing, b)
		} else {
			t.count[b.on]++
		}
	}
	slices.SortStableFunc(t.missing, func(a, b *bundle) int { return harder(a.Resources, b.Resources) })
	return t
}

// harder orders sets by how hard they are to place, the hardest first. Whole GPUs come before shares.
func harder(a, b Resources) int {
	return cmp.Or(
		cmp.Compare(b.GPU, a.GPU), cmp.Compare(len(b.Custom), len(a.Custom)),
		cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.Memory, a.Memory),
	)
}

// run reports whether all bundles found a place.
func (t *trial) run() bool {
	switch t.group.Strategy {
	case PackStrictly:
		return t.together(t.missing)
	case SpreadStrictly:
		return t.apart()
	case SpreadOut:
		return t.spread()
	case Pack:
		return t.together(t.missing) || t.pack()
	}
	return false
}

// pool is what the node has in the trial.
func (t *trial) pool(n *node) *Pool {
	if pool, ok := t.pools[n]; ok {
		return pool
	}
	if t.empty {
		return n.unused()
	}
	return n.open
}

// fits reports whether a bundle could go to a node.
func (t *trial) fits(b *bundle, n *node) bool {
	return b.Selector.Matches(n.Labels) && t.pool(n).Fits(b.Resources)
}

// put places a bundle, for which there must be room.
func (t *trial) put(b *bundle, n *node) {
	pool, ok := t.pools[n]
	if !ok {
		clone := t.pool(n).Clone()
		pool = &clone
		t.pools[n] = pool
	}
	t.where[b], t.shares[b] = n, pool.pick(b.Resources.GPU)
	pool.take(b.Resources, t.shares[b], Holders{Groups: 1})
	t.count[n]++
	t.placed = append(t.placed, b)
}

// joint returns as many of the bundles as fit on a node together.
func (t *trial) joint(bundles []*bundle, n *node) []*bundle {
	var fit []*bundle
	pool := *t.pool(n)
	owned := false
	for _, b := range bundles {
		if !b.Selector.Matches(n.Labels) || !pool.Fits(b.Resources) {
			continue
		}
		if !owned {
			pool, owned = pool.Clone(), true
		}
		pool.take(b.Resources, pool.pick(b.Resources.GPU), Holders{Groups: 1})
		fit = append(fit, b)
	}
	return fit
}

// together puts the bundles on one node: the group's, if it has bundles somewhere, else the least used.
func (t *trial) together(bundles []*bundle) bool {
	var best *node
	for _, n := range t.nodes {
		if len(t.count) > 0 && t.count[n] == 0 || best != nil && t.pool(n).use(false) >= t.pool(best).use(false) {
			continue
		}
		if len(t.joint(bundles, n)) == len(bundles) {
			best = n
		}
	}
	if best == nil {
		return false
	}
	for _, b := range bundles {
		t.put(b, best)
	}
	return true
}

// pack fills one node after the other: the next is the one that takes most, then one that has the group's bundles.
func (t *trial) pack() bool {
	left := t.missing
	for len(left) > 0 {
		var best *node
		var most []*bundle
		for _, n := range t.nodes {
			fit := t.joint(left, n)
			if len(fit) > len(most) || len(fit) > 0 && len(fit) == len(most) && t.count[best] == 0 && t.count[n] > 0 {
				best, most = n, fit
			}
		}
		if best == nil {
			return false
		}
		for _, b := range most {
			t.put(b, best)
		}
		left = slices.DeleteFunc(slices.Clone(left), func(b *bundle) bool { return t.where[b] != nil })
	}
	return true
}

// spread puts each bundle where the group has fewest, then where least is used.
func (t *trial) spread() bool {
	for _, b := range t.missing {
		var best *node
		for _, n := range t.nodes {
			if t.fits(b, n) && (best == nil || t.count[n] < t.count[best] ||
				t.count[n] == t.count[best] && t.pool(n).use(false) < t.pool(best).use(false)) {
				best = n
			}
		}
		if best == nil {
			return false
		}
		t.put(b, best)
	}
	return true
}

// apart gives each bundle a node of its own: a matching of bundles and nodes, found by augmenting paths.
func (t *trial) apart() bool {
	nodes := slices.DeleteFunc(slices.Clone(t.nodes), func(n *node) bool { return t.count[n] > 0 })
	slices.SortStableFunc(nodes, func(a, b *node) int { return cmp.Compare(t.pool(a).use(false), t.pool(b).use(false)) })
	m := matching{
		reach: func(b, n int) bool { return t.fits(t.missing[b], nodes[n]) },
		owner: slices.Repeat([]int{nobody}, len(nodes)),
	}
	for b := range t.missing {
		if !m.add(b) {
			return false
		}
	}
	for n, b := range m.owner {
		if b != nobody {
			t.put(t.missing[b], nodes[n])
		}
	}
	return true
}

// matching pairs numbers on the left with different ones on the right.
type matching struct {
	reach func(left, right int) bool
	owner []int // of each on the right: its left, or nobody
	seen  []bool
}

const nobody = -1

// add pairs one more on the left, and others anew where needed.
func (m *matching) add(left int) bool {
	m.seen = make([]bool, len(m.owner))
	return m.augment(left)
}

func (m *matching) augment(left int) bool {
	for right := range m.owner {
		if m.seen[right] || !m.reach(left, right) {
			continue
		}
		m.seen[right] = true
		if m.owner[right] == nobody || m.augment(m.owner[right]) {
			m.owner[right] = left
			return true
		}
	}
	return false
}
