package sched

// place places a request if there is room.
func (p *pass) place(q *Request) *Placement {
	s := p.shape(q)
	if s.full {
		return nil
	}
	placed := p.try(q, s)
	s.full = placed == nil
	return placed
}

// try looks for room under one selector after the other.
func (p *pass) try(q *Request, s *shape) *Placement {
	if q.Strategy.Kind == GroupBundle {
		return p.tryGroup(q, s)
	}
	for i, c := range s.choices {
		selector := q.Selector
		if i > 0 {
			selector = q.Fallbacks[i-1]
		}
		n := p.choose(q, selector, c, s.near)
		if n == nil {
			continue
		}
		n.placed++
		return &Placement{Request: q.ID, Node: n.ID, Devices: n.take(q.Resources, Holders{Tasks: 1})}
	}
	return nil
}

// choose picks a node with room, or nil.
func (p *pass) choose(q *Request, selector Selector, c *choice, near bool) *node {
	if near {
		if n := p.nearest(q, selector); n != nil {
			return n
		}
		if n, ok := p.byID[q.Local]; ok && n.open.use(q.Resources.GPU > 0) < 0.5 && n.offers(q, selector) {
			return n
		}
	}
	return c.left.best(q.Resources)
}

// nearest is the node with room that holds most of the request's arguments, if they are large.
func (p *pass) nearest(q *Request, selector Selector) *node {
	var best *node
	var most int64
	for _, at := range q.Locality {
		n, ok := p.byID[at.Node]
		if !ok || at.Bytes < max(most, LargeArguments) || !n.offers(q, selector) {
			continue
		}
		if at.Bytes > most || n.order < best.order {
			best, most = n, at.Bytes
		}
	}
	return best
}

// offers reports whether the node is alive, selected, has room, and is there to run things at all.
func (n *node) offers(q *Request, selector Selector) bool {
	return n.State == Alive && !n.gateway() && selector.Matches(n.Labels) && n.open.Fits(q.Resources)
}

// gateway reports whether the node has no resources: a machine reaches the cluster by it. What needs no resources runs there only if it names the node.
func (n *node) gateway() bool { return n.real.Total.IsZero() }

// tryGroup places a request in a bundle with room.
func (p *pass) tryGroup(q *Request, s *shape) *Placement {
	g, ok := p.groups[q.Strategy.Group]
	if !ok {
		return nil
	}
	for _, b := range g.candidates(q.Strategy.Bundle) {
		if b.index < s.bundle {
			continue
		}
		if b.on != nil && b.on.State == Alive && b.pool.Fits(q.Resources) {
			return b.place(q)
		}
		s.bundle = b.index + 1
	}
	return nil
}

// candidates are the bundles that an index stands for.
func (g *group) candidates(index int) []*bundle {
	switch {
	case index == AnyBundle:
		return g.bundles
	case index < 0 || index >= len(g.bundles):
		return nil
	}
	return g.bundles[index : index+1]
}

func (b *bundle) place(q *Request) *Placement {
	if !b.owned {
		pool := b.pool.Clone()
		b.pool, b.owned = &pool, true
	}
	shares := b.pool.pick(q.Resources.GPU)
	b.pool.take(q.Resources, shares, Holders{Tasks: 1})
	b.on.placed++
	return &Placement{Request: q.ID, Node: b.on.ID, Devices: shares, Group: q.Strategy.Group, Bundle: b.index}
}
