package index

import (
	"slices"

	"mobula/objstore"
)

// Request asks for memory to write.
type Request struct {
	Client ClientID
	Seq    uint64
	Inline bool  // a budget of inline bytes
	Bytes  int64 // up to the size of shared segments: one of these
	// Object is what will be written, where the memory is for it alone.
	Object objstore.ID
	Owner  objstore.Owner
}

type request struct {
	Request
	restore   *object // read it from disk
	cancelled bool
	collected bool // clients have been asked to collect garbage since it came
	announced bool // Stuck was decided
}

// Create asks for memory. Requests are served in the order in which they come; those that wait for their job's quota
// let others pass.
func (x *Index) Create(r Request) {
	x.spillErr = nil // the disk gets another chance
	q := &request{Request: r}
	quota := x.quota(r.Owner.Job)
	if !r.Inline && x.bytesFor(r.Bytes) > x.conf.Capacity || !r.Object.IsZero() && quota > 0 && r.Bytes > quota {
		x.refuse(q, x.fullError(q))
		return
	}
	x.queue = append(x.queue, q)
}

// wantRestored asks for memory for an object on disk.
func (x *Index) wantRestored(o *object) {
	if o.wanted {
		return
	}
	o.wanted = true
	x.spillErr = nil // as in Create
	x.queue = append(x.queue, &request{restore: o, Request: Request{Client: Node, Inline: o.inline, Bytes: o.size, Object: o.id, Owner: o.owner}})
}

func (x *Index) cancelRestore(o *object) {
	x.cancelRequests(func(r *request) bool { return r.restore == o })
}

// cancelRequests forgets requests that wait in the queue, or for a segment that is being allocated.
func (x *Index) cancelRequests(which func(*request) bool) {
	for _, r := range x.queue {
		r.cancelled = r.cancelled || which(r)
	}
	for _, s := range x.segments {
		if r := s.request; r != nil {
			r.cancelled = r.cancelled || which(r)
		}
	}
}

// blockage says why requests wait.
type blockage struct {
	memory *request // the first that waits for memory
	lacks  int64    // bytes that it lacks
	quota  []*request
}

// pump grants what can be granted.
func (x *Index) pump() blockage {
	var b blockage
	var keep []*request
	queue := x.queue
	x.queue = nil
	for _, r := range queue {
		if r.cancelled {
			continue
		}
		if x.overQuota(r) > 0 {
			b.quota = append(b.quota, r)
			keep = append(keep, r)
			continue
		}
		if b.memory != nil {
			keep = append(keep, r)
			continue
		}
		if granted, lacks := x.try(r); !granted {
			keep = append(keep, r)
			if lacks > 0 {
				b.memory, b.lacks = r, lacks
			}
		}
	}
	x.queue = append(keep, x.queue...)
	return b
}

// overQuota returns how many bytes the job would have too many.
func (x *Index) overQuota(r *request) int64 {
	quota := x.quota(r.Owner.Job)
	if quota <= 0 {
		return 0
	}
	return max(0, x.jobs[r.Owner.Job]+min(r.Bytes, quota)-quota)
}

func (x *Index) quota(job string) int64 {
	if q, ok := x.conf.JobQuota[job]; ok {
		return q
	}
	return x.conf.DefaultQuota
}

// try serves a request, or says how many bytes are missing; 0: it waits for what is under way.
func (x *Index) try(r *request) (granted bool, lacks int64) {
	if r.Inline {
		if !x.makeRoom(r.Bytes) {
			return false, x.busy() + r.Bytes - x.conf.Capacity
		}
		x.giveInline(r)
		return true, 0
	}
	if r.restore != nil && r.Bytes <= x.conf.Shared() {
		if x.placeInShared(r.restore) {
			return true, 0
		}
		if x.restoreComing() {
			return false, 0
		}
	}
	n := x.bytesFor(r.Bytes)
	if s := x.findFree(r.Client, n); s != nil {
		x.give(r, s)
		return true, 0
	}
	if !x.makeRoom(n) {
		return false, x.busy() + n - x.conf.Capacity
	}
	x.newSegment(r, n)
	return true, 0
}

// restoreComing tells whether a shared segment for restored objects is being allocated.
func (x *Index) restoreComing() bool {
	for _, s := range x.segments {
		if s.request != nil && s.request.restore != nil && s.request.Bytes <= x.conf.Shared() {
			return true
		}
	}
	return false
}

func (x *Index) giveInline(r *request) {
	if r.restore != nil {
		x.restoreAt(r.restore, nil, 0)
		return
	}
	x.clients[r.Client].budget += r.Bytes
	x.budget += r.Bytes
	x.decide(Grant{Client: r.Client, Seq: r.Seq, Bytes: r.Bytes})
}

// give lets a request have a segment.
func (x *Index) give(r *request, s *segment) {
	x.lease(s, r.Client)
	switch {
	case r.restore == nil:
		x.announce(r, s)
		x.decide(Grant{Client: r.Client, Seq: r.Seq, Segment: s.id, Bytes: s.size})
	case r.Bytes <= x.conf.Shared():
		if x.restoreInto != nil {
			x.retire(x.restoreInto)
		}
		x.restoreInto, x.restoreBump = s, 0
		x.placeInShared(r.restore)
	default:
		x.restoreAt(r.restore, s, 0)
		x.retire(s)
	}
}

// announce makes an object that has a segment for itself known before it is sealed.
func (x *Index) announce(r *request, s *segment) {
	if r.Object.IsZero() {
		return
	}
	if o := x.object(r.Object); o.state == objstore.Absent && !o.doomed {
		o.state, o.owner, o.creator, o.size, o.inline = objstore.Writing, r.Owner, r.Client, r.Bytes, false
		x.put(o, s, 0)
	}
}

// placeInShared restores an object into the current shared segment, if it has room.
func (x *Index) placeInShared(o *object) bool {
	s := x.restoreInto
	if s == nil {
		return false
	}
	at := (x.restoreBump + objstore.Page - 1) &^ (objstore.Page - 1)
	if o.size > s.size-at {
		x.restoreInto = nil
		x.retire(s)
		return false
	}
	x.restoreBump = at + o.size
	x.restoreAt(o, s, at)
	return true
}

func (x *Index) restoreAt(o *object, s *segment, offset int64) {
	o.state, o.wanted = objstore.Restoring, false
	x.put(o, s, offset)
	x.restoring++
	x.decide(Restore{Item{ID: o.id, Place: o.place()}})
}

// Restored answers Restore.
func (x *Index) Restored(id objstore.ID, err error) {
	o := x.objects[id]
	x.restoring--
	switch {
	case o.doomed:
		o.state = objstore.Sealed
		x.removeUnused(o)
	case err != nil:
		x.dropMemory(o)
		x.decide(DropSpilled{ID: id})
		o.state, o.lost, o.onDisk = objstore.Lost, err.Error(), false
		x.failWaiters(o, &objstore.LostError{ID: id, Reason: o.lost})
	default:
		o.state = objstore.Sealed
		x.serve(o)
	}
}

// GiveUp fails a request that still waits.
func (x *Index) GiveUp(client ClientID, seq uint64, object objstore.ID) {
	i := slices.IndexFunc(x.queue, func(r *request) bool {
		return !r.cancelled && r.Client == client && r.Seq == seq && (r.restore == nil || r.restore.id == object)
	})
	if i < 0 {
		return
	}
	r := x.queue[i]
	x.queue = slices.Delete(x.queue, i, i+1)
	x.refuse(r, x.fullError(r))
}

// refuse fails a request; an object stays on disk.
func (x *Index) refuse(r *request, err error) {
	switch {
	case r.cancelled:
	case r.restore != nil:
		r.restore.wanted = false
		x.failWaiters(r.restore, err)
	default:
		x.decide(Fail{Client: r.Client, Seq: r.Seq, Err: err})
	}
}
