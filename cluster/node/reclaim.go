package node

import (
	"cmp"
	"slices"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// reclaimWait is how long resources of a lease that was asked back count as coming. A long task keeps them for longer.
const reclaimWait = 5 * time.Second

// reclaim asks leases back for those who still wait:
//
//   - for a deeper request those of shallower ones, since the task that made it holds a slot as long as it waits;
//   - for a job those of jobs that hold at least two slots more;
//   - for a request that holds nothing and has waited for the quantum, any that is as old and not deeper.
//
// The client returns a lease when its tasks have ended. Only what the request lacks is asked for. All others who hold what somebody lacks are
// told that it is wanted: they return it when it is idle.
func (b *book) reclaim(now time.Time) {
	leases, waiting := b.sortedLeases(), b.sortedDemands()
	r := reclaimer{now: now, quantum: b.conf.quantum, free: b.ledger.Pool().Free, held: map[id.Job]int{}, holds: map[demandKey]int{}}
	for _, l := range leases {
		r.holds[l.from] += l.count
		recent := now.Sub(l.reclaimed) < reclaimWait
		switch {
		case l.class.empty(), l.class.bundle != nil:
		case recent:
			r.free = r.free.Plus(l.holding())
		case l.reclaimed.IsZero():
			r.held[l.job] += l.count
			if l.granted {
				r.open = append(r.open, l)
			}
		}
	}
	for _, d := range waiting {
		for range d.want {
			if d.class.empty() || !r.make(d) {
				break
			}
		}
	}
	for _, l := range r.victims {
		l.reclaimed = now
		b.send(l.from.client, wire.KindLeaseReclaim, wire.LeaseID{Lease: l.id})
	}
	b.want(leases)
}

// lack is a resource that somebody waits for, of the node or of a bundle.
type lack struct {
	bundle   sched.BundleKey // zero: of the node
	resource string
}

// want tells those who hold what others wait for, once for each lease: they keep idle leases for a while else.
func (b *book) want(leases []*lease) {
	free := b.ledger.Pool().Free
	lacking := map[lack][]demandKey{} // who waits for it; of many, two
	for _, d := range b.demands {     // those too that the head decides: what is idle here is given back the sooner
		if d.want == 0 {
			continue
		}
		at, names := lack{}, d.class.lacks(free)
		if d.class.bundle != nil {
			at.bundle, names = *d.class.bundle, d.class.resources.Names()
		}
		for _, at.resource = range names {
			if len(lacking[at]) < 2 {
				lacking[at] = append(lacking[at], d.demandKey)
			}
		}
	}
	if len(lacking) == 0 {
		return
	}
	for _, l := range leases {
		if l.granted && !l.wanted && l.holdsAny(lacking) {
			l.wanted = true
			b.send(l.from.client, wire.KindLeaseWanted, wire.LeaseID{Lease: l.id})
		}
	}
}

// holdsAny reports whether the lease holds something that others lack.
func (l *lease) holdsAny(lacking map[lack][]demandKey) bool {
	var at lack
	if l.class.bundle != nil {
		at.bundle = *l.class.bundle
	}
	holding := l.holding()
	for _, at.resource = range holding.Names() {
		if slices.ContainsFunc(lacking[at], func(k demandKey) bool { return k != l.from }) {
			return true
		}
	}
	return false
}

// reclaimer is one run of reclaim.
type reclaimer struct {
	now     time.Time
	quantum time.Duration
	free    sched.Resources   // with what will come back
	held    map[id.Job]int    // slots, without those that were asked back, with those that will be given
	holds   map[demandKey]int // slots
	open    []*lease          // that may be asked back, oldest first
	victims []*lease
}

// make sees to it that one slot of the demand will be free, or reports that it cannot.
func (r *reclaimer) make(d *demand) bool {
	victims, free, open := len(r.victims), r.free, r.open
	for len(d.class.lacks(r.free)) > 0 {
		l := r.victim(d)
		if l == nil { // then what was chosen for it is of no use
			for _, back := range r.victims[victims:] {
				r.held[back.job] += back.count
			}
			r.victims, r.free, r.open = r.victims[:victims], free, open
			return false
		}
		r.victims = append(r.victims, l)
		r.open = slices.DeleteFunc(slices.Clone(r.open), func(x *lease) bool { return x == l })
		r.free = r.free.Plus(l.holding())
		r.held[l.job] -= l.count
	}
	r.free = r.free.Plus(negative(d.class.resources))
	r.held[d.job]++
	r.holds[d.demandKey]++
	return true
}

// victim chooses the lease to ask back for a demand, nil for none.
func (r *reclaimer) victim(d *demand) *lease {
	var best *lease
	var rank int
	lacks := d.class.lacks(r.free)
	claim := r.claim(d)
	for _, l := range r.open {
		holding := l.holding()
		if !slices.ContainsFunc(lacks, func(name string) bool { return holding.Get(name) > 0 }) {
			continue
		}
		if its := r.rank(claim, l); its > 0 && (best == nil || its > rank || its == rank && r.before(l, best, its)) {
			best, rank = l, its
		}
	}
	return best
}

// The ranks of reasons to ask a lease back.
const (
	rankStarving = iota + 1
	rankUnfair
	rankShallower
)

// claim is what a demand may put forward, against any lease.
type claim struct {
	*demand
	held     int // by its job
	starving bool
}

func (r *reclaimer) claim(d *demand) claim {
	return claim{d, r.held[d.job], r.holds[d.demandKey] == 0 && r.now.Sub(d.since) >= r.quantum}
}

func (r *reclaimer) rank(c claim, l *lease) int {
	switch {
	case l.depth < c.depth:
		return rankShallower
	case l.depth > c.depth:
		return 0
	case l.job != c.job && r.held[l.job] >= c.held+2:
		return rankUnfair
	case c.starving && l.from != c.demandKey && r.now.Sub(l.since) >= r.quantum:
		return rankStarving
	}
	return 0
}

// before orders leases of equal rank.
func (r *reclaimer) before(x, y *lease, rank int) bool {
	switch rank {
	case rankShallower:
		return cmp.Or(cmp.Compare(x.depth, y.depth), cmp.Compare(y.order, x.order)) < 0
	case rankUnfair:
		return cmp.Or(cmp.Compare(r.held[y.job], r.held[x.job]), cmp.Compare(y.order, x.order)) < 0
	}
	return x.order < y.order
}

// holding is what the lease gives back.
func (l *lease) holding() sched.Resources {
	var sum sched.Resources
	for i := range l.slots {
		r := l.class.resources
		if i < l.blocked {
			r.CPU = 0
		}
		sum = sum.Plus(r)
	}
	return sum
}

func negative(r sched.Resources) sched.Resources {
	n := sched.Resources{CPU: -r.CPU, GPU: -r.GPU, Memory: -r.Memory}
	if len(r.Custom) > 0 {
		n.Custom = make(map[string]sched.Amount, len(r.Custom))
		for name, a := range r.Custom {
			n.Custom[name] = -a
		}
	}
	return n
}
