package index

import (
	"cmp"
	"errors"
	"iter"
	"slices"
	"strings"

	"mobula/objstore"
)

// topHolders is how many holders an error names.
const topHolders = 5

func (x *Index) fullError(r *request) error {
	if x.spillErr != nil {
		return x.diskError(r)
	}
	e := &objstore.FullError{Need: r.Bytes, Capacity: x.conf.Capacity, Busy: x.busy(), Reserved: x.reserved()}
	if x.overQuota(r) > 0 {
		e.Job, e.Quota = r.Owner.Job, x.quota(r.Owner.Job)
	}
	for _, o := range x.objects {
		if o.inMemory() && len(o.pins) > 0 {
			e.Pinned += o.size
		}
	}
	e.Holders = x.holders(e.Job)
	return e
}

// diskError says why objects could not be spilled for a request, and who has the memory.
func (x *Index) diskError(r *request) error {
	full, ok := errors.AsType[*objstore.OutOfDiskError](x.spillErr)
	if !ok {
		return x.spillErr
	}
	job := ""
	if x.overQuota(r) > 0 {
		job = r.Owner.Job
	}
	told := *full // others may have been told the same
	told.Holders = x.holders(job)
	return &told
}

// holders returns the biggest holders of memory, of one job where it is named.
func (x *Index) holders(job string) []objstore.Holder {
	by := map[objstore.Owner]*objstore.Holder{}
	for _, o := range x.objects {
		if !o.inMemory() || job != "" && o.owner.Job != job {
			continue
		}
		h := by[o.owner]
		if h == nil {
			h = &objstore.Holder{Owner: o.owner}
			by[o.owner] = h
		}
		h.Bytes += o.size
		h.Objects++
	}
	all := make([]objstore.Holder, 0, len(by))
	for _, h := range by {
		all = append(all, *h)
	}
	slices.SortFunc(all, func(a, b objstore.Holder) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Owner.String(), b.Owner.String()))
	})
	return all[:min(len(all), topHolders)]
}

// reserved is what writers have leased and not yet sealed.
func (x *Index) reserved() int64 {
	n := x.budget
	for _, s := range x.segments {
		if s.state != leased {
			continue
		}
		n += s.size
		for o := range s.objects {
			n -= o.size
		}
	}
	return n
}

// Stats returns the figures; those of the disk are the spiller's.
func (x *Index) Stats() objstore.Stats {
	s := objstore.Stats{
		Capacity: x.conf.Capacity, Used: x.used(), Busy: x.busy(), Reserved: x.reserved(),
		Segments: len(x.segments), Waiting: len(x.queue), Clients: len(x.clients) - 1, Evicted: x.evicted,
	}
	for _, seg := range x.segments {
		if seg.state == free {
			s.FreeSegments++
		}
	}
	for _, o := range x.objects {
		s.Objects[o.state]++
		s.Bytes[o.state] += o.size
		if o.inMemory() && len(o.pins) > 0 {
			s.Pinned += o.size
		}
	}
	return s
}

// Objects returns all objects, in no order.
func (x *Index) Objects() iter.Seq[objstore.Info] {
	return func(yield func(objstore.Info) bool) {
		for _, o := range x.objects {
			if !yield(o.info()) {
				return
			}
		}
	}
}

// Info returns what is known about one object. What was freed is absent, even where readers still have it.
func (x *Index) Info(id objstore.ID) objstore.Info {
	if o := x.objects[id]; o != nil && !o.doomed {
		return o.info()
	}
	return objstore.Info{ID: id}
}

func (o *object) info() objstore.Info {
	return objstore.Info{
		ID: o.id, Owner: o.owner, Size: o.size, State: o.state, Inline: o.inline, OnDisk: o.onDisk,
		Refs: o.refs.total(), Pins: o.pins.total(), Creator: uint64(o.creator),
	}
}
