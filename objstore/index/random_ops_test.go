package index

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

// TestRandomOperations lets clients do anything, in any order, while jobs end late or fail.
func TestRandomOperations(t *testing.T) {
	seeds, steps := 60, 1500
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, uint64(seed))
			for range steps {
				w.step()
				w.settle()
			}
			w.finish()
		})
	}
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, r: rand.New(rand.NewPCG(seed, 1)), memory: map[SegmentID]map[int64]objstore.ID{}, inline: map[objstore.ID]bool{},
		disk: map[objstore.ID]bool{}, clients: map[ClientID]*worldClient{}, calls: map[uint64]call{},
	}
	w.x = New(Config{Capacity: 1 << 20, SegmentSize: 64 * kib, SpillBatch: 32 * kib, JobQuota: map[string]int64{"small": 300 * kib}})
	for i := range 60 {
		w.names = append(w.names, objstore.ID{ID: id.ID{byte(i), 1}})
	}
	for range 3 {
		w.connect()
	}
	return w
}

func (w *world) connect() {
	w.last++
	w.x.Connect(w.last)
	w.clients[w.last] = &worldClient{lease: map[SegmentID]*worldLease{}, pins: map[objstore.ID][]Place{}}
}

func (w *world) anyClient() (ClientID, *worldClient) {
	ids := make([]ClientID, 0, len(w.clients))
	for id := range w.clients {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := ids[w.r.IntN(len(ids))]
	return id, w.clients[id]
}

func (w *world) request(c ClientID, kind string, id objstore.ID, n int64) uint64 {
	w.seq++
	w.calls[w.seq] = call{c, id, kind, n}
	w.note("client %d: %s %s %d (%d)", c, kind, id, n, w.seq)
	return w.seq
}

func (w *world) step() {
	c, mine := w.anyClient()
	id := w.names[w.r.IntN(len(w.names))]
	owner := objstore.Owner{Job: []string{"big", "small"}[w.r.IntN(2)]}
	switch w.r.IntN(22) {
	case 0:
		if len(mine.lease) < 3 {
			w.x.Create(Request{Client: c, Seq: w.request(c, "lease", objstore.ID{}, 0), Bytes: 64 * kib, Owner: owner})
		}
	case 1:
		n := int64(w.r.IntN(300*kib) + 33*kib)
		w.x.Create(Request{Client: c, Seq: w.request(c, "create", id, n), Bytes: n, Object: id, Owner: owner})
	case 2:
		w.x.Create(Request{Client: c, Seq: w.request(c, "budget", objstore.ID{}, 0), Inline: true, Bytes: 8 * kib, Owner: owner})
	case 3, 4, 5, 6:
		w.seal(c, mine, id, owner)
	case 7:
		if n := int64(w.r.IntN(4*kib) + 1); n <= mine.budget {
			mine.budget -= n
			w.sealed(c, Sealed{ID: id, Owner: owner, Place: Place{Size: n}, Replaceable: w.r.IntN(4) == 0})
		}
	case 8, 9, 10:
		w.x.Get(c, w.request(c, "get", id, 0), id)
	case 11, 12:
		w.release(c, mine)
	case 13:
		w.note("client %d: ref %s", c, id)
		w.x.AddRef(c, id, w.r.IntN(5)-2)
	case 14:
		if w.r.IntN(3) == 0 {
			w.note("free %s", id)
			w.x.Free(id)
		}
	case 15:
		if w.r.IntN(12) == 0 {
			w.disconnect(c)
		}
	case 16:
		if w.asked {
			w.note("collected")
			w.asked = false
			w.x.Collected()
		}
	case 17:
		w.giveUp()
	case 18:
		w.cancel()
	default:
		w.work()
	}
}

func (w *world) seal(c ClientID, mine *worldClient, id objstore.ID, owner objstore.Owner) {
	if segs := sortedKeys(mine.lease); len(segs) > 0 {
		seg := segs[0]
		l := mine.lease[seg]
		if !l.only.IsZero() {
			delete(mine.lease, seg)
			if w.r.IntN(4) == 0 {
				w.note("client %d: aborts %d", c, seg)
				w.x.Retire(c, seg)
				return
			}
			w.sealed(c, Sealed{ID: l.only, Owner: owner, Place: Place{seg, 0, l.size}, Retire: true})
			return
		}
		n := int64(w.r.IntN(20*kib) + 1)
		if l.next+n > l.size {
			delete(mine.lease, seg)
			w.note("client %d: retires %d", c, seg)
			w.x.Retire(c, seg)
			return
		}
		at := l.next
		l.next = (at + n + 63) &^ 63
		w.sealed(c, Sealed{ID: id, Owner: owner, Place: Place{seg, at, n}, Pin: w.r.IntN(3) == 0, Replaceable: w.r.IntN(4) == 0})
		return
	}
}

func sortedKeys(m map[SegmentID]*worldLease) []SegmentID {
	var all []SegmentID
	for id := range m {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

func (w *world) sealed(c ClientID, s Sealed) {
	w.note("client %d: seals %+v", c, s)
	if s.Place.Segment != 0 {
		w.memory[s.Place.Segment][s.Place.Offset] = s.ID
	}
	fresh, err := w.x.Seal(c, s)
	if err != nil {
		w.fatal("%v", err)
	}
	if !fresh {
		return
	}
	if s.Place.Segment == 0 {
		w.inline[s.ID] = true
	} else if s.Pin {
		w.clients[c].pins[s.ID] = append(w.clients[c].pins[s.ID], s.Place)
	}
}

func (w *world) release(c ClientID, mine *worldClient) {
	for id, places := range mine.pins {
		n := w.r.IntN(len(places)) + 1
		w.note("client %d: releases %s %d of %d", c, id, n, len(places))
		mine.pins[id] = places[n:]
		if len(mine.pins[id]) == 0 {
			delete(mine.pins, id)
		}
		w.x.Release(c, id, n)
		return
	}
}

func (w *world) disconnect(c ClientID) {
	clean := w.r.IntN(2) == 0
	w.note("client %d: disconnects %v", c, clean)
	delete(w.clients, c)
	for seq, k := range w.calls {
		if k.client == c {
			delete(w.calls, seq)
		}
	}
	w.x.Disconnect(c, clean)
	w.connect()
}

func (w *world) giveUp() {
	if len(w.stuck) > 0 {
		d := w.stuck[0]
		w.stuck = w.stuck[1:]
		w.note("give up %+v", d)
		w.x.GiveUp(d.Client, d.Seq, d.Object)
	}
}

func (w *world) cancel() {
	for seq, k := range w.calls {
		w.note("cancel %d", seq)
		delete(w.calls, seq)
		w.x.Cancel(k.client, seq, k.id)
		if k.kind == "create" || k.kind == "lease" || k.kind == "budget" {
			w.calls[seq] = k // it may be on its way: a client gives it back
			w.settle()
			delete(w.calls, seq)
		}
		return
	}
}

// finish lets all readers go and all jobs end: no request may be left, but for objects that nobody makes.
func (w *world) finish() {
	for c, mine := range w.clients {
		for id, places := range mine.pins {
			w.x.Release(c, id, len(places))
		}
		clear(mine.pins)
		for seg := range mine.lease {
			w.x.Retire(c, seg)
		}
		clear(mine.lease)
	}
	w.settle()
	for range 10_000 {
		if w.asked {
			w.asked = false
			w.x.Collected()
		}
		w.work()
		w.settle()
		for c, mine := range w.clients {
			for id, places := range mine.pins {
				w.x.Release(c, id, len(places))
			}
			clear(mine.pins)
			for seg := range mine.lease {
				w.x.Retire(c, seg)
			}
			clear(mine.lease)
		}
		w.settle()
		if len(w.jobs) == 0 && !w.asked {
			if len(w.stuck) == 0 {
				break
			}
			w.giveUp()
			w.settle()
		}
	}
	for seq, k := range w.calls {
		if o := w.x.objects[k.id]; k.kind != "get" || o == nil || o.state != objstore.Absent {
			w.fatal("request %d is left: %+v", seq, k)
		}
	}
	for _, id := range w.names {
		w.x.Free(id)
	}
	w.settle()
	left := w.x.budget
	if s := w.x.restoreInto; s != nil {
		left += s.size
	}
	if s := w.x.Stats(); len(w.disk) != 0 || len(w.inline) != 0 || s.Busy != left {
		w.fatal("left: %+v, on disk %v, inline %v", s, w.disk, w.inline)
	}
}

// invariants recounts everything.
func (w *world) invariants() {
	x := w.x
	var resident, freeBytes, inline, budget int64
	jobs := map[string]int64{}
	for id, s := range x.segments {
		resident += s.resident
		if s.state == free {
			freeBytes += s.resident
			if len(s.objects) > 0 || s.tainted {
				w.fatal("free segment %d has %d objects, tainted %v", id, len(s.objects), s.tainted)
			}
		}
		if s.state == retired && len(s.objects) == 0 && !s.punching {
			w.fatal("segment %d is empty and not free", id)
		}
		w.disjoint(s)
	}
	lru := 0
	for o := x.lru.first; o != nil; o = o.next {
		lru++
	}
	for id, o := range x.objects {
		if o.inMemory() {
			jobs[o.owner.Job] += o.size
			if o.inline {
				inline += o.size
			} else if _, ok := o.segment.objects[o]; !ok {
				w.fatal("object %s is not in its segment", id)
			}
		}
		if o.evictable() != x.lru.has(o) {
			w.fatal("object %s: evictable %v, in the list %v", id, o.evictable(), x.lru.has(o))
		}
		if o.evictable() {
			lru--
		}
	}
	for _, c := range x.clients {
		budget += c.budget
	}
	for job, n := range jobs {
		if x.jobs[job] != n {
			w.fatal("job %s has %d bytes, counted %d", job, n, x.jobs[job])
		}
	}
	if resident != x.resident || freeBytes != x.freeBytes || inline != x.inlineBytes || budget != x.budget || lru != 0 {
		w.fatal("counted: resident %d of %d, free %d of %d, inline %d of %d, budget %d of %d, list %d",
			x.resident, resident, x.freeBytes, freeBytes, x.inlineBytes, inline, x.budget, budget, lru)
	}
	if x.used() > x.conf.Capacity {
		w.fatal("%d bytes are used", x.used())
	}
}

func (w *world) disjoint(s *segment) {
	var live []*object
	for o := range s.objects {
		live = append(live, o)
	}
	slices.SortFunc(live, func(a, b *object) int { return int(a.offset - b.offset) })
	for i, o := range live {
		if o.offset+o.size > s.size || i > 0 && live[i-1].offset+live[i-1].size > o.offset {
			w.fatal("objects of segment %d overlap", s.id)
		}
	}
}
