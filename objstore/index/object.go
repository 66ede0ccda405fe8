package index

import (
	"fmt"

	"mobula/objstore"
)

// object is what is known about one ID. Invariants: it is in the LRU list exactly if evictable; segment and place are
// meaningful while its bytes are in memory.
type object struct {
	id          objstore.ID
	owner       objstore.Owner
	creator     ClientID
	state       objstore.State
	size        int64
	inline      bool
	segment     *segment // nil: inline, or not in memory
	offset      int64
	refs, pins  holds
	waiters     []waiter
	onDisk      bool
	spilling    bool // a batch reads it
	wanted      bool // a request for memory for it is in the queue
	doomed      bool // freed; goes with the last pin
	replaceable bool // may be evicted without spilling
	lost        string

	prev, next *object // LRU list
}

type waiter struct {
	client ClientID
	seq    uint64
}

// inMemory tells whether the object holds memory.
func (o *object) inMemory() bool {
	return o.state == objstore.Writing || o.state == objstore.Sealed || o.state == objstore.Restoring
}

func (o *object) evictable() bool {
	return o.state == objstore.Sealed && len(o.pins) == 0 && !o.spilling && !o.doomed
}

func (o *object) place() Place {
	if o.segment == nil {
		return Place{Size: o.size}
	}
	return Place{Segment: o.segment.id, Offset: o.offset, Size: o.size}
}

// touch makes the object the most recently used, or takes it out of the list.
func (x *Index) touch(o *object) {
	x.lru.remove(o)
	if o.evictable() {
		x.lru.push(o)
	}
}

func (x *Index) object(id objstore.ID) *object {
	o := x.objects[id]
	if o == nil {
		o = &object{id: id}
		x.objects[id] = o
	}
	return o
}

// Sealed describes a finished object.
type Sealed struct {
	ID          objstore.ID
	Owner       objstore.Owner
	Place       Place
	Replaceable bool
	Pin         bool // the creator gets a pin if the object is new
	Retire      bool // the segment was for this object alone
}

// Seal takes an object in and tells whether it is new: a second one with the same ID is the same and is dropped. The creator
// holds one reference. What arrives after Free is there again. An error means that the client breaks the protocol.
func (x *Index) Seal(by ClientID, s Sealed) (fresh bool, err error) {
	c, seg := x.clients[by], x.segments[s.Place.Segment]
	if err := x.spend(c, seg, s.Place); err != nil {
		return false, err
	}
	o := x.object(s.ID)
	x.freed.remove(s.ID)
	if o.state == objstore.Writing {
		x.unplace(o) // its creation ends here; another creator's copy will be the second one
	}
	switch {
	case o.doomed: // freed, and a reader still has the same bytes
		o.doomed = false
	case o.state == objstore.Absent || o.state == objstore.Lost:
		fresh = true
		o.owner, o.creator, o.size, o.replaceable = s.Owner, by, s.Place.Size, s.Replaceable
		x.settleIn(o, seg, s.Place.Offset)
		if s.Pin && seg != nil {
			c.addPin(o, 1)
			x.touch(o)
		}
	}
	c.addRef(o, 1)
	if s.Retire && seg != nil {
		x.retire(seg)
	}
	return fresh, nil
}

// spend checks that a client may put something at a place, and takes inline bytes from its budget.
func (x *Index) spend(c *client, seg *segment, p Place) error {
	if p.Segment != 0 {
		if seg == nil || seg.state != leased || seg.client != c.id || !seg.contains(p) {
			return fmt.Errorf("client %d seals bytes %d+%d of segment %d, which it does not write", c.id, p.Offset, p.Size, p.Segment)
		}
		return nil
	}
	if p.Size < 0 || p.Size > c.budget {
		return fmt.Errorf("client %d puts %d inline bytes and may put %d", c.id, p.Size, c.budget)
	}
	c.budget -= p.Size
	x.budget -= p.Size
	return nil
}

// settleIn puts an object at its place and serves those who wait.
func (x *Index) settleIn(o *object, seg *segment, offset int64) {
	o.inline = seg == nil
	o.state = objstore.Sealed
	x.put(o, seg, offset)
	x.serve(o)
}

// serve answers those who wait for a sealed object.
func (x *Index) serve(o *object) {
	waiters := o.waiters
	o.waiters = nil
	for _, w := range waiters {
		x.deliver(o, w)
	}
	x.touch(o)
}

func (x *Index) deliver(o *object, w waiter) {
	if !o.inline {
		x.clients[w.client].addPin(o, 1)
	}
	x.touch(o)
	x.decide(Deliver{Client: w.client, Seq: w.seq, ID: o.id, Place: o.place()})
}

// Get asks for an object and waits until it is here.
func (x *Index) Get(by ClientID, seq uint64, id objstore.ID) {
	o := x.objects[id]
	w := waiter{by, seq}
	switch {
	case x.freed.has(id) || o != nil && o.doomed:
		x.decide(Fail{Client: by, Seq: seq, Err: &objstore.FreedError{ID: id}})
	case o == nil:
		x.object(id).waiters = []waiter{w}
	case o.state == objstore.Sealed:
		x.deliver(o, w)
	case o.state == objstore.Lost:
		x.decide(Fail{Client: by, Seq: seq, Err: &objstore.LostError{ID: id, Reason: o.lost}})
	case o.state == objstore.Spilled:
		o.waiters = append(o.waiters, w)
		x.wantRestored(o)
	default:
		o.waiters = append(o.waiters, w)
	}
}

// GetHere asks for an object that is here already, in memory or on disk, and finished.
func (x *Index) GetHere(by ClientID, seq uint64, id objstore.ID) {
	if o := x.objects[id]; !x.freed.has(id) && (o == nil || o.state == objstore.Absent || o.state == objstore.Writing) {
		x.decide(Fail{Client: by, Seq: seq, Err: &objstore.LostError{ID: id, Reason: "it is not on this node"}})
		return
	}
	x.Get(by, seq, id)
}

// Release gives n pins back.
func (x *Index) Release(by ClientID, id objstore.ID, n int) {
	o := x.objects[id]
	if o == nil || n <= 0 {
		return
	}
	x.clients[by].addPin(o, -min(n, o.pins.of(by)))
	x.unpinned(o)
}

func (x *Index) unpinned(o *object) {
	if o.doomed {
		x.removeUnused(o)
		return
	}
	x.touch(o)
}

// AddRef counts n more references of a holder, or fewer where n is negative. An object without references is freed.
func (x *Index) AddRef(by ClientID, id objstore.ID, n int) {
	if x.freed.has(id) || n == 0 {
		return
	}
	o := x.objects[id]
	if o != nil && o.doomed || o == nil && n < 0 {
		return
	}
	o = x.object(id)
	c := x.clients[by]
	c.addRef(o, max(n, -o.refs.of(by)))
	if len(o.refs) == 0 && n < 0 {
		x.unreferenced(o)
	}
}

func (x *Index) unreferenced(o *object) {
	switch {
	case o.state != objstore.Absent && o.state != objstore.Writing:
		x.Free(o.id)
	case o.state == objstore.Absent && len(o.waiters) == 0:
		delete(x.objects, o.id)
	}
}

// Free removes an object whatever references it has; readers keep what they have mapped.
func (x *Index) Free(id objstore.ID) {
	x.freed.add(id)
	if o := x.objects[id]; o != nil && !o.doomed {
		x.free(o)
	}
}

func (x *Index) free(o *object) {
	id := o.id
	x.failWaiters(o, &objstore.FreedError{ID: id})
	for _, h := range o.refs {
		x.clients[h.client].forgetRef(o)
	}
	o.refs = nil
	if o.state == objstore.Writing {
		return // its creator seals or aborts it
	}
	o.doomed = true
	x.lru.remove(o)
	for _, h := range o.pins {
		x.decide(Unpin{Client: h.client, ID: id})
	}
	x.cancelRestore(o)
	x.removeUnused(o)
}

// SetReplaceable says whether an object has lineage or copies elsewhere, so that it may be evicted without spilling.
func (x *Index) SetReplaceable(id objstore.ID, yes bool) {
	if o := x.objects[id]; o != nil {
		o.replaceable = yes
	}
}

func (x *Index) failWaiters(o *object, err error) {
	for _, w := range o.waiters {
		x.decide(Fail{Client: w.client, Seq: w.seq, Err: err})
	}
	o.waiters = nil
}

// removeUnused forgets a doomed object, unless a reader or the disk uses it.
func (x *Index) removeUnused(o *object) {
	if len(o.pins) > 0 || o.spilling || o.state == objstore.Restoring {
		return
	}
	x.lru.remove(o)
	x.dropMemory(o)
	if o.onDisk {
		x.decide(DropSpilled{ID: o.id})
	}
	delete(x.objects, o.id)
}

// dropMemory gives up the bytes in memory.
func (x *Index) dropMemory(o *object) {
	if !o.inMemory() {
		return
	}
	if o.inline && o.state != objstore.Writing {
		x.decide(DropInline{ID: o.id})
	}
	x.unplace(o)
}

// put counts an object's memory; unplace is the reverse.
func (x *Index) put(o *object, seg *segment, offset int64) {
	o.segment, o.offset = seg, offset
	x.jobs[o.owner.Job] += o.size
	if seg == nil {
		x.inlineBytes += o.size
		return
	}
	seg.objects[o] = struct{}{}
}

func (x *Index) unplace(o *object) {
	x.jobs[o.owner.Job] -= o.size
	if x.jobs[o.owner.Job] == 0 {
		delete(x.jobs, o.owner.Job)
	}
	seg := o.segment
	o.segment, o.offset, o.state = nil, 0, objstore.Absent
	x.version++
	if seg == nil {
		x.inlineBytes -= o.size
		return
	}
	delete(seg.objects, o)
	x.recycle(seg)
}
