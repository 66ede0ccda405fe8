// Package index decides what a node's object store does: which segment a writer gets, what is spilled, evicted, recycled,
// and which request fails. It is told what happens and answers with decisions; it has no clock, does no I/O,
// and starts no goroutine.
//
// Memory is counted in whole segments and in inline bytes. A segment is leased to one writer, retired when that one has
// finished with it, and free (its pages kept warm) when the last object in it has gone. A segment that a client may
// still reach although its connection has ended is tainted: it is never written or punched again.
//
// # Usage
//
//	x := index.New(index.Config{Capacity: 8 << 30})
//	x.Connect(1)
//	x.Create(index.Request{Client: 1, Seq: 7, Bytes: 32 << 20})
//	for _, d := range x.Take() { ... } // NewSegment; later x.SegmentReady(d.ID, nil) gives a Grant
//
// # Concurrency
//
// An Index belongs to one goroutine at a time; its owner locks. Decisions are carried out in the order in which they were taken.
//
// # Testing
//
// Tables of events and decisions, and random operations that are checked against the invariants and a model after each step.
package index

import (
	"cmp"

	"mobula/objstore"
)

// ClientID is a client; Node is the node itself.
type ClientID uint64

// Node holds references of the node itself, and the segments into which objects are restored.
const Node ClientID = 0

// SegmentID is a segment; numbers are not used again. 0 is no segment.
type SegmentID uint64

// Config is the policy. The zero value of a field stands for its default.
type Config struct {
	Capacity    int64   // bytes of memory, of segments and inline objects
	SegmentSize int64   // of those that small objects share; 32 MiB
	High, Low   float64 // spilling starts above High of Capacity and ends below Low; 0.8, 0.6
	SpillBatch  int64   // bytes that one spill file has at least, if there are that many; 8 MiB
	MaxSpills   int     // batches at the same time; 2
	// JobQuota bounds the bytes of a job's objects in memory; jobs that are not in it have DefaultQuota, 0: no bound.
	JobQuota     map[string]int64
	DefaultQuota int64
}

func (c Config) withDefaults() Config {
	c.SegmentSize = cmp.Or(c.SegmentSize, 32<<20)
	c.High = cmp.Or(c.High, 0.8)
	c.Low = cmp.Or(c.Low, 0.6)
	c.SpillBatch = cmp.Or(c.SpillBatch, 8<<20)
	c.MaxSpills = cmp.Or(c.MaxSpills, 2)
	return c
}

// Shared is the size up to which objects share segments.
func (c Config) Shared() int64 { return c.withDefaults().SegmentSize / 2 }

// Place says where the bytes of an object are.
type Place struct {
	Segment SegmentID // 0: inline
	Offset  int64
	Size    int64
}

// Index is the state of a store.
type Index struct {
	conf     Config
	objects  map[objstore.ID]*object
	segments map[SegmentID]*segment
	clients  map[ClientID]*client
	freed    graveyard
	lru      lruList // sealed objects in memory without pins
	queue    []*request
	out      []Decision

	lastSegment SegmentID
	lastBatch   uint64
	resident    int64 // of all segments
	freeBytes   int64 // of free segments
	inlineBytes int64 // of inline objects in memory
	budget      int64 // inline bytes leased to clients and not yet used
	jobs        map[string]int64

	restoreInto *segment // where the next small restored object goes
	restoreBump int64
	restoring   int // objects on the way from disk

	batches    map[uint64]*batch
	spilling   int64 // bytes in batches
	punching   int   // segments
	allocating int   // segments
	collect    collectState
	draining   bool  // above High, and not yet below Low
	version    int   // counts what may have made room
	spillErr   error // of the last spill, until the next request for memory
	evicted    int64
}

type collectState uint8

const (
	collectIdle  collectState = iota
	collectAsked              // clients are collecting garbage
	collectDone               // they have, in this time of need
)

// New returns an empty index.
func New(c Config) *Index {
	return &Index{
		conf: c.withDefaults(), objects: map[objstore.ID]*object{}, segments: map[SegmentID]*segment{}, clients: map[ClientID]*client{Node: newClient(Node)},
		freed: newGraveyard(1 << 16), jobs: map[string]int64{}, batches: map[uint64]*batch{},
	}
}

// Take returns the decisions since the last call, to be carried out in this order.
func (x *Index) Take() []Decision {
	x.settle()
	out := x.out
	x.out = nil
	return out
}

func (x *Index) decide(d Decision) { x.out = append(x.out, d) }

// settle grants what can be granted and starts what makes room for the rest.
func (x *Index) settle() {
	for {
		version, decisions := x.version, len(x.out)
		blocked := x.pump()
		x.relieve(blocked)
		if x.version == version && len(x.out) == decisions {
			return
		}
	}
}

func (x *Index) used() int64 { return x.resident + x.inlineBytes + x.budget }
func (x *Index) busy() int64 { return x.used() - x.freeBytes }
