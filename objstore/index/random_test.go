package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mobula/objstore"
)

const (
	page = objstore.Page
	kib  = 1 << 10
)

// world carries out decisions in its own time and order, and keeps a simple model: what bytes each place holds, what is on disk, and
// what each client may read.
type world struct {
	t       *testing.T
	r       *rand.Rand
	x       *Index
	memory  map[SegmentID]map[int64]objstore.ID // by offset
	inline  map[objstore.ID]bool
	disk    map[objstore.ID]bool
	jobs    []Decision // of the system, first come
	stuck   []Stuck
	asked   bool
	clients map[ClientID]*worldClient
	last    ClientID
	seq     uint64
	names   []objstore.ID
	log     []string
	calls   map[uint64]call
}

type worldClient struct {
	lease  map[SegmentID]*worldLease
	budget int64
	pins   map[objstore.ID][]Place
}

type worldLease struct {
	next, size int64
	only       objstore.ID
}

type call struct {
	client ClientID
	id     objstore.ID
	kind   string
	bytes  int64
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, fmt.Sprintf(format, args...))
}

func (w *world) fatal(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("%s\nlast events:\n%s", fmt.Sprintf(format, args...), lines(w.log[max(0, len(w.log)-40):]))
}

func lines(s []string) (all string) {
	for _, l := range s {
		all += l + "\n"
	}
	return all
}

// settle takes decisions and checks them against the model.
func (w *world) settle() {
	for ds := w.x.Take(); len(ds) > 0; ds = w.x.Take() {
		for _, d := range ds {
			w.note("  -> %T %+v", d, d)
			w.decided(d)
		}
	}
	w.invariants()
}

func (w *world) decided(d Decision) {
	switch d := d.(type) {
	case Grant:
		w.granted(d)
	case Deliver:
		w.delivered(d)
	case Fail:
		if _, ok := w.calls[d.Seq]; !ok {
			w.fatal("an answer for nobody: %+v", d)
		}
		delete(w.calls, d.Seq)
	case FreeSegment:
		for _, c := range w.clients {
			for id, places := range c.pins {
				if len(places) > 0 && places[0].Segment == d.ID {
					w.fatal("segment %d is freed under a reader of %s", d.ID, id)
				}
			}
		}
		delete(w.memory, d.ID)
	case DropSpilled:
		delete(w.disk, d.ID)
	case DropInline:
		delete(w.inline, d.ID)
	case Collect:
		w.asked = true
	case Stuck:
		w.stuck = append(w.stuck, d)
	case Unpin:
	default:
		w.jobs = append(w.jobs, d)
	}
}

func (w *world) granted(d Grant) {
	c, ok := w.calls[d.Seq]
	if !ok || c.client != d.Client || w.clients[d.Client] == nil {
		w.fatal("a grant for nobody: %+v", d)
	}
	delete(w.calls, d.Seq)
	if d.Segment == 0 {
		w.clients[d.Client].budget += d.Bytes
		return
	}
	for _, other := range w.clients {
		for _, places := range other.pins {
			if len(places) > 0 && places[0].Segment == d.Segment {
				w.fatal("segment %d is leased under a reader", d.Segment)
			}
		}
		if other.lease[d.Segment] != nil {
			w.fatal("segment %d is leased twice", d.Segment)
		}
	}
	clear(w.memory[d.Segment])
	l := &worldLease{size: d.Bytes}
	if c.kind == "create" {
		l.only = c.id
	}
	w.clients[d.Client].lease[d.Segment] = l
}

func (w *world) delivered(d Deliver) {
	c, ok := w.calls[d.Seq]
	if !ok || c.client != d.Client || c.id != d.ID {
		w.fatal("an object for nobody: %+v", d)
	}
	delete(w.calls, d.Seq)
	if d.Place.Segment == 0 {
		if !w.inline[d.ID] {
			w.fatal("object %s is not in the heap", d.ID)
		}
		return
	}
	if w.memory[d.Place.Segment][d.Place.Offset] != d.ID {
		w.fatal("object %s is not at %+v", d.ID, d.Place)
	}
	mine := w.clients[d.Client]
	mine.pins[d.ID] = append(mine.pins[d.ID], d.Place)
}

// work does the oldest job, or another.
func (w *world) work() {
	if len(w.jobs) == 0 {
		return
	}
	i := w.r.IntN(len(w.jobs))
	for j := range i { // those of segments stay in order
		switch w.jobs[j].(type) {
		case NewSegment, Punch:
			i = j
		}
		if i == j {
			break
		}
	}
	d := w.jobs[i]
	w.jobs = slices.Delete(w.jobs, i, i+1)
	w.note("done: %T %+v", d, d)
	fails := w.r.IntN(20) == 0
	switch d := d.(type) {
	case NewSegment:
		if fails {
			w.x.SegmentReady(d.ID, errors.New("no memory"))
			return
		}
		w.memory[d.ID] = map[int64]objstore.ID{}
		w.x.SegmentReady(d.ID, nil)
	case Punch:
		for at := range w.memory[d.ID] {
			for _, r := range d.Ranges {
				if at >= r.Offset && at < r.Offset+r.Size {
					delete(w.memory[d.ID], at)
				}
			}
		}
		w.x.Punched(d.ID)
	case Spill:
		for _, o := range d.Objects {
			if o.Place.Segment == 0 && !w.inline[o.ID] || o.Place.Segment != 0 && w.memory[o.Place.Segment][o.Place.Offset] != o.ID {
				w.fatal("spilled bytes of %s are gone", o.ID)
			}
			if !fails {
				w.disk[o.ID] = true
			}
		}
		var err error
		if fails {
			err = errors.New("disk full")
		}
		w.x.Spilled(d.Batch, err)
	case Restore:
		if !w.disk[d.ID] {
			w.fatal("%s is not on disk", d.ID)
		}
		if fails {
			w.x.Restored(d.ID, errors.New("damaged"))
			return
		}
		if d.Place.Segment == 0 {
			w.inline[d.ID] = true
		} else {
			w.memory[d.Place.Segment][d.Place.Offset] = d.ID
		}
		w.x.Restored(d.ID, nil)
	}
}
