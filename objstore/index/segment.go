package index

import (
	"cmp"
	"slices"

	"mobula/objstore"
)

type segmentState uint8

const (
	allocating segmentState = iota // asked of the system
	leased                         // one client writes it
	retired                        // full, or given up by its writer
	free                           // empty and warm
)

// segment is memory that objects share, or that one big object has for itself.
type segment struct {
	id       SegmentID
	size     int64
	resident int64 // size without what was punched
	state    segmentState
	client   ClientID // its writer, or the last one: that one has it mapped
	request  *request // what waits for it while it is allocated
	objects  map[*object]struct{}
	tainted  bool
	punching bool
}

func (s *segment) contains(p Place) bool {
	return p.Offset >= 0 && p.Size > 0 && p.Offset <= s.size && p.Size <= s.size-p.Offset
}

// bytesFor is the size of the segment that a request for n bytes gets: that of shared ones, or n in steps of a sixteenth of it.
func (x *Index) bytesFor(n int64) int64 {
	step := max(x.conf.SegmentSize/16, objstore.Page)
	if n <= x.conf.SegmentSize {
		if n > x.conf.SegmentSize/2 && n < x.conf.SegmentSize {
			return (n + step - 1) / step * step
		}
		return x.conf.SegmentSize
	}
	return (n + step - 1) / step * step
}

// findFree returns a free segment for n bytes that wastes little, of the client if possible: its mapping is warm too.
func (x *Index) findFree(by ClientID, n int64) *segment {
	var best *segment
	for _, s := range x.segments {
		if s.state != free || s.size < n || s.size > n+n/4+x.conf.SegmentSize/16 {
			continue
		}
		if best == nil || better(s, best, by) {
			best = s
		}
	}
	return best
}

func better(s, than *segment, by ClientID) bool {
	if mine, theirs := s.client == by, than.client == by; mine != theirs {
		return mine
	}
	return cmp.Or(cmp.Compare(s.size, than.size), cmp.Compare(s.id, than.id)) < 0
}

// makeRoom frees free segments until n more bytes fit; it tells whether they do. Nothing is freed in vain.
func (x *Index) makeRoom(n int64) bool {
	if x.busy()+n > x.conf.Capacity {
		return false
	}
	if x.used()+n <= x.conf.Capacity {
		return true
	}
	var frees []*segment
	for _, s := range x.segments {
		if s.state == free {
			frees = append(frees, s)
		}
	}
	slices.SortFunc(frees, func(a, b *segment) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.id, b.id)) })
	for _, s := range frees {
		if x.used()+n <= x.conf.Capacity {
			break
		}
		x.freeBytes -= s.resident
		x.drop(s)
	}
	return true
}

func (x *Index) drop(s *segment) {
	x.resident -= s.resident
	delete(x.segments, s.id)
	x.decide(FreeSegment{ID: s.id})
}

// lease gives a segment to a writer.
func (x *Index) lease(s *segment, to ClientID) {
	if s.state == free {
		x.freeBytes -= s.resident
	}
	s.state, s.client, s.request = leased, to, nil
	x.clients[to].leases[s.id] = s
}

// newSegment asks for memory on behalf of a request; room has been made.
func (x *Index) newSegment(r *request, n int64) {
	x.lastSegment++
	s := &segment{id: x.lastSegment, size: n, resident: n, state: allocating, client: r.Client, request: r, objects: map[*object]struct{}{}}
	x.segments[s.id] = s
	x.resident += n
	x.allocating++
	x.decide(NewSegment{ID: s.id, Bytes: n})
}

// SegmentReady answers NewSegment; with an error the system has no memory.
func (x *Index) SegmentReady(id SegmentID, err error) {
	s := x.segments[id]
	r := s.request
	s.request = nil
	x.allocating--
	if err != nil {
		x.resident -= s.resident
		delete(x.segments, id)
		x.refuse(r, err)
		return
	}
	if r.cancelled {
		s.state = free
		x.freeBytes += s.resident
		return
	}
	x.give(r, s)
}

// Retire says that a client writes a segment no more: all that it has put there is sealed or given up.
func (x *Index) Retire(by ClientID, id SegmentID) {
	if s := x.segments[id]; s != nil && s.state == leased && s.client == by {
		x.abort(s)
	}
}

// abort ends a lease; what its writer was creating there is given up.
func (x *Index) abort(s *segment) {
	for o := range s.objects {
		if o.state == objstore.Writing {
			x.failWaiters(o, &objstore.LostError{ID: o.id, Reason: "its creator gave it up"})
			delete(s.objects, o)
			x.jobs[o.owner.Job] -= o.size
			o.state, o.segment = objstore.Absent, nil
			x.forgetIfUnknown(o)
		}
	}
	x.retire(s)
}

func (x *Index) retire(s *segment) {
	delete(x.clients[s.client].leases, s.id)
	s.state = retired
	x.recycle(s)
}

// recycle makes an empty segment free. Punched ones are given back: they are not warm.
func (x *Index) recycle(s *segment) {
	if s.state != retired || len(s.objects) > 0 || s.punching {
		return
	}
	if s.tainted || s.resident < s.size {
		x.drop(s)
		return
	}
	s.state = free
	x.freeBytes += s.resident
}

// dead returns the page ranges of a retired segment that no object needs, and how many of these bytes are still resident.
func (s *segment) dead() (ranges []Range, bytes int64) {
	live := make([]Range, 0, len(s.objects))
	for o := range s.objects {
		live = append(live, Range{o.offset, o.size})
	}
	slices.SortFunc(live, func(a, b Range) int { return cmp.Compare(a.Offset, b.Offset) })
	at, total := int64(0), int64(0)
	add := func(end int64) {
		from, to := (at+objstore.Page-1)&^(objstore.Page-1), end&^(objstore.Page-1)
		if to > from {
			ranges = append(ranges, Range{from, to - from})
			total += to - from
		}
	}
	for _, r := range live {
		add(r.Offset)
		at = max(at, r.Offset+r.Size)
	}
	add(s.size)
	return ranges, s.resident - (s.size - total)
}

// Punched answers Punch. Memory was counted as given back when it was decided.
func (x *Index) Punched(id SegmentID) {
	s := x.segments[id]
	s.punching = false
	x.punching--
	x.recycle(s)
}
