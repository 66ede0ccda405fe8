package index

import (
	"mobula/objstore"
)

// batch is objects that are being written to one file.
type batch struct {
	objects []*object
	bytes   int64
}

// relieve starts what gives room to requests that wait, and keeps the store below its watermarks. First clients collect
// garbage; then dead ranges are punched; then objects are evicted or spilled, the least recently used first.
func (x *Index) relieve(b blockage) {
	busy := float64(x.busy())
	if busy < x.conf.Low*float64(x.conf.Capacity) && b.memory == nil && len(b.quota) == 0 && x.collect == collectDone {
		x.collect = collectIdle
	}
	if busy > x.conf.High*float64(x.conf.Capacity) {
		x.draining = true
	} else if busy <= x.conf.Low*float64(x.conf.Capacity) {
		x.draining = false
	}
	want := b.lacks
	if x.draining {
		want = max(want, x.busy()-int64(x.conf.Low*float64(x.conf.Capacity)))
	}
	if want <= 0 && len(b.quota) == 0 {
		return
	}
	switch x.collect {
	case collectIdle:
		x.askToCollect()
		return
	case collectAsked:
		return
	}
	if want -= x.spilling; want > 0 {
		want -= x.punch(want)
	}
	if want > 0 {
		x.shed(want, "")
	}
	for _, r := range b.quota {
		if want := x.overQuota(r) - x.spillingOf(r.Owner.Job); want > 0 {
			x.shed(want, r.Owner.Job)
		}
	}
	x.announceStuck(b)
}

// askToCollect starts a round of garbage collection; the node itself gives up the segment that it restores into.
func (x *Index) askToCollect() {
	x.collect = collectAsked
	for _, r := range x.queue {
		r.collected = true
	}
	if s := x.restoreInto; s != nil {
		x.restoreInto = nil
		x.retire(s)
	}
	x.decide(Collect{})
}

// Collected says that the clients have collected garbage, or took too long.
func (x *Index) Collected() {
	if x.collect == collectAsked {
		x.collect = collectDone
	}
}

// punch gives up to want bytes of dead ranges back and returns how many.
func (x *Index) punch(want int64) int64 {
	got := int64(0)
	for _, s := range x.segments {
		if got >= want {
			break
		}
		if s.state != retired || s.tainted || s.punching {
			continue
		}
		ranges, bytes := s.dead()
		if bytes < max(s.size/16, objstore.Page) {
			continue
		}
		s.punching = true
		x.version++
		s.resident -= bytes
		x.resident -= bytes
		x.punching++
		got += bytes
		x.decide(Punch{ID: s.id, Ranges: ranges})
	}
	return got
}

// shed evicts and spills up to want bytes, of one job or of all. An empty job name stands for all.
func (x *Index) shed(want int64, job string) {
	var next *object
	var current *batch
	for o := x.lru.first; o != nil && want > 0; o = next {
		next = o.next
		if job != "" && o.owner.Job != job {
			continue
		}
		if o.onDisk || o.replaceable {
			want -= o.size
			x.evict(o)
			continue
		}
		if x.spillErr != nil || current == nil && len(x.batches) >= x.conf.MaxSpills {
			continue
		}
		if current == nil {
			current = &batch{}
			x.lastBatch++
			x.batches[x.lastBatch] = current
		}
		x.lru.remove(o)
		o.spilling = true
		current.objects = append(current.objects, o)
		current.bytes += o.size
		x.spilling += o.size
		want -= o.size
		if current.bytes >= x.conf.SpillBatch {
			x.send(x.lastBatch)
			current = nil
		}
	}
	if current != nil {
		x.fill(current, job)
		x.send(x.lastBatch)
	}
}

// fill adds to a batch until it is worth a file.
func (x *Index) fill(b *batch, job string) {
	var next *object
	for o := x.lru.first; o != nil && b.bytes < x.conf.SpillBatch; o = next {
		next = o.next
		if o.onDisk || o.replaceable || job != "" && o.owner.Job != job {
			continue
		}
		x.lru.remove(o)
		o.spilling = true
		b.objects = append(b.objects, o)
		b.bytes += o.size
		x.spilling += o.size
	}
}

func (x *Index) send(id uint64) {
	b := x.batches[id]
	items := make([]Item, len(b.objects))
	for i, o := range b.objects {
		items[i] = Item{ID: o.id, Place: o.place()}
	}
	x.decide(Spill{Batch: id, Objects: items})
}

// evict drops the bytes in memory: a copy is on disk, or elsewhere.
func (x *Index) evict(o *object) {
	x.lru.remove(o)
	x.dropMemory(o)
	if o.onDisk {
		o.state = objstore.Spilled
		return
	}
	x.evicted += o.size
	o.state, o.lost = objstore.Lost, "it was evicted to make room"
}

// Spilled answers Spill: all objects of the batch are on disk, or none is.
func (x *Index) Spilled(id uint64, err error) {
	b := x.batches[id]
	delete(x.batches, id)
	x.spilling -= b.bytes
	x.spillErr = err
	for _, o := range b.objects {
		o.spilling = false
		o.onDisk = o.onDisk || err == nil
		switch {
		case o.doomed:
			x.removeUnused(o)
		case err == nil && o.evictable():
			x.evict(o)
		default:
			x.touch(o)
		}
	}
}

func (x *Index) spillingOf(job string) int64 {
	n := int64(0)
	for _, b := range x.batches {
		for _, o := range b.objects {
			if o.owner.Job == job {
				n += o.size
			}
		}
	}
	return n
}

// announceStuck names the requests that nothing under way can help.
func (x *Index) announceStuck(b blockage) {
	if len(x.batches)+x.punching+x.allocating+x.restoring > 0 {
		return
	}
	stuck := b.quota
	if b.memory != nil {
		stuck = append(stuck, b.memory)
	}
	for _, r := range stuck {
		if r.announced || x.helped(r, b) {
			continue
		}
		if !r.collected {
			x.askToCollect()
			return
		}
		r.announced = true
		x.decide(Stuck{Client: r.Client, Seq: r.Seq, Object: r.Object})
	}
}

// helped tells whether the last decisions have made room for a request.
func (x *Index) helped(r *request, b blockage) bool {
	if r == b.memory {
		return x.busy()+r.Bytes <= x.conf.Capacity && r.Inline || !r.Inline && x.busy()+x.bytesFor(r.Bytes) <= x.conf.Capacity
	}
	return x.overQuota(r) == 0
}
