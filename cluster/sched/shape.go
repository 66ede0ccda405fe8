package sched

import (
	"container/heap"
	"encoding/binary"
	"maps"
	"slices"

	"mobula/internal/id"
)

// shape is what requests that ask for the same have in common: where they may go and, once one does not fit, the answer to all.
type shape struct {
	choices []*choice
	near    bool // the node may be chosen by where arguments and submitter are
	full    bool // no more of them fit
	answer  *answer
	bundle  int // GroupBundle with AnyBundle: bundles before it have no room
}

// choice is one label selector's nodes.
type choice struct {
	eligible []*node // alive, selected, large enough; in order of joining
	left     byUse   // of them those that may have room
}

// shape returns the shape of a request.
func (p *pass) shape(q *Request) *shape {
	p.key = appendShape(p.key[:0], q)
	s, ok := p.shapes[string(p.key)]
	if !ok {
		s = p.newShape(q)
		p.shapes[string(p.key)] = s
	}
	return s
}

func (p *pass) newShape(q *Request) *shape {
	s := &shape{}
	if q.Strategy.Kind == GroupBundle {
		return s
	}
	nodes, near := p.reach(q)
	s.near = near
	for _, selector := range append([]Selector{q.Selector}, q.Fallbacks...) {
		c := &choice{eligible: eligible(nodes, selector, q.Resources, Alive)}
		c.left = newByUse(c.eligible, q)
		s.choices = append(s.choices, c)
	}
	return s
}

// reach returns the nodes that the strategy allows at all, and whether it prefers near ones.
func (p *pass) reach(q *Request) (nodes []*node, near bool) {
	if q.Strategy.Kind != NodeAffinity {
		return p.offering, q.Strategy.Kind == Default
	}
	n, ok := p.byID[q.Strategy.Node]
	if q.Strategy.Soft && (!ok || n.State >= Draining || !q.selects(n.Labels) || !n.real.Holds(q.Resources)) {
		return p.offering, true
	}
	if !ok {
		return nil, false
	}
	return []*node{n}, false
}

// selects reports whether the selector or a fallback matches.
func (q *Request) selects(labels map[string]string) bool {
	return q.Selector.Matches(labels) || slices.ContainsFunc(q.Fallbacks, func(s Selector) bool { return s.Matches(labels) })
}

// eligible returns the nodes in a state that could hold r if nobody used them.
func eligible(nodes []*node, selector Selector, r Resources, state NodeState) []*node {
	var found []*node
	for _, n := range nodes {
		if n.State == state && selector.Matches(n.Labels) && n.real.Holds(r) {
			found = append(found, n)
		}
	}
	return found
}

// byUse is a heap of nodes, the best first. Entries may be older than what was placed since: as use only
// grows in a pass, such an entry is a lower bound, and is corrected when it comes up.
type byUse struct {
	entries []entry
	spread  bool
	gpu     bool
}

type entry struct {
	node  *node
	avoid bool    // it has GPUs and the request needs none
	use   float64 // or the number of tasks
}

func newByUse(nodes []*node, q *Request) byUse {
	h := byUse{spread: q.Strategy.Kind == Spread, gpu: q.Resources.GPU > 0}
	for _, n := range nodes {
		h.entries = append(h.entries, h.entry(n))
	}
	heap.Init(&h)
	return h
}

func (h *byUse) entry(n *node) entry {
	if h.spread {
		return entry{node: n, use: float64(n.Tasks + n.placed)}
	}
	return entry{n, !h.gpu && n.real.Total.GPU > 0, n.open.use(h.gpu)}
}

// use is the part that is in use: of CPU or memory, or where they matter of GPUs, whichever is greatest.
func (p *Pool) use(gpu bool) float64 {
	most := part(int64(p.Total.CPU), int64(p.Free.CPU))
	most = max(most, part(p.Total.Memory, p.Free.Memory))
	if gpu {
		most = max(most, part(int64(p.Total.GPU), int64(p.Free.GPU)))
	}
	return most
}

func part(total, free int64) float64 {
	if total <= 0 {
		return 0
	}
	return float64(total-free) / float64(total)
}

// best returns the best node with room, or nil.
func (h *byUse) best(r Resources) *node {
	for len(h.entries) > 0 {
		top := &h.entries[0]
		if !top.node.open.Fits(r) {
			heap.Pop(h)
			continue
		}
		if now := h.entry(top.node); now != *top {
			*top = now
			heap.Fix(h, 0)
			continue
		}
		return top.node
	}
	return nil
}

// Len, Less, Swap, Push and Pop are heap.Interface.
func (h *byUse) Len() int { return len(h.entries) }

func (h *byUse) Less(i, j int) bool {
	a, b := h.entries[i], h.entries[j]
	if a.avoid != b.avoid {
		return b.avoid
	}
	if a.use != b.use {
		return a.use < b.use
	}
	return a.node.order < b.node.order
}

func (h *byUse) Swap(i, j int) { h.entries[i], h.entries[j] = h.entries[j], h.entries[i] }

func (h *byUse) Push(x any) { h.entries = append(h.entries, x.(entry)) }

func (h *byUse) Pop() any {
	last := h.entries[len(h.entries)-1]
	h.entries = h.entries[:len(h.entries)-1]
	return last
}

// appendShape writes all that a shape depends on.
func appendShape(b []byte, q *Request) []byte {
	r := q.Resources
	for _, n := range []int64{int64(r.CPU), int64(r.GPU), r.Memory, int64(q.Strategy.Kind)} {
		b = binary.AppendVarint(b, n)
	}
	if len(r.Custom) > 0 {
		for _, name := range slices.Sorted(maps.Keys(r.Custom)) {
			b = binary.AppendVarint(appendText(b, name), int64(r.Custom[name]))
		}
	}
	b = append(b, 0xff)
	switch q.Strategy.Kind {
	case NodeAffinity:
		b = appendID(b, q.Strategy.Node.ID)
		if q.Strategy.Soft {
			b = append(b, 1)
		}
	case GroupBundle:
		b = appendID(b, q.Strategy.Group.ID)
		b = binary.AppendVarint(b, int64(q.Strategy.Bundle))
	case Default, Spread:
	}
	b = appendSelector(b, q.Selector)
	for _, s := range q.Fallbacks {
		b = appendSelector(b, s)
	}
	return b
}

func appendID(b []byte, i id.ID) []byte { return append(b, i[:]...) }

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendSelector(b []byte, s Selector) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	for _, c := range s {
		b = appendText(b, c.Key)
		b = append(b, byte(c.Op))
		b = binary.AppendUvarint(b, uint64(len(c.Values)))
		for _, v := range c.Values {
			b = appendText(b, v)
		}
	}
	return b
}
