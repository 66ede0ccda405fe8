package index

import (
	"slices"

	"mobula/objstore"
)

// holds counts by client; most objects have one holder.
type holds []hold

type hold struct {
	client ClientID
	count  int
}

func (h holds) of(c ClientID) int {
	for _, e := range h {
		if e.client == c {
			return e.count
		}
	}
	return 0
}

func (h holds) total() int {
	n := 0
	for _, e := range h {
		n += e.count
	}
	return n
}

func (h *holds) add(c ClientID, n int) {
	for i := range *h {
		if (*h)[i].client == c {
			(*h)[i].count += n
			if (*h)[i].count == 0 {
				*h = slices.Delete(*h, i, i+1)
			}
			return
		}
	}
	if n != 0 {
		*h = append(*h, hold{c, n})
	}
}

// lruList is a list through the objects, the least recently used first.
type lruList struct{ first, last *object }

func (l *lruList) has(o *object) bool { return o.prev != nil || l.first == o }

func (l *lruList) push(o *object) {
	o.prev = l.last
	if l.last == nil {
		l.first = o
	} else {
		l.last.next = o
	}
	l.last = o
}

func (l *lruList) remove(o *object) {
	if !l.has(o) {
		return
	}
	if o.prev == nil {
		l.first = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.last = o.prev
	} else {
		o.next.prev = o.prev
	}
	o.prev, o.next = nil, nil
}

// graveyard remembers the last freed IDs, so that a late Get learns of it instead of waiting.
type graveyard struct {
	index map[objstore.ID]int
	ring  []objstore.ID
	next  int
	limit int
}

func newGraveyard(limit int) graveyard { return graveyard{index: map[objstore.ID]int{}, limit: limit} }

func (g *graveyard) has(id objstore.ID) bool { _, ok := g.index[id]; return ok }

func (g *graveyard) add(id objstore.ID) {
	if g.has(id) {
		return
	}
	if len(g.ring) < g.limit {
		g.ring = append(g.ring, id)
		g.index[id] = len(g.ring) - 1
		return
	}
	if old := g.ring[g.next]; g.index[old] == g.next {
		delete(g.index, old)
	}
	g.ring[g.next] = id
	g.index[id] = g.next
	g.next = (g.next + 1) % g.limit
}

func (g *graveyard) remove(id objstore.ID) { delete(g.index, id) }
