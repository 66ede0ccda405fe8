package node

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// schedule gives what is free to those who wait: deeper nesting first, then jobs in turns, then first in first. What a deeper request lacks
// is not given to a shallower one: the tasks that wait for its result hold what the others wait for. Entrypoints of jobs come before all.
func (b *book) schedule(now time.Time) {
	kept := b.grantHolds()
	for rest := b.sortedDemands(); len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].depth == rest[0].depth {
			n++
		}
		b.scheduleDepth(rest[:n], kept, now)
		rest = rest[n:]
	}
	b.scheduleBundles(now)
	if len(b.demands) > 0 {
		b.reclaim(now)
		b.reportAll(now)
		b.tell(now)
	}
}

// scheduleDepth decides the demands of one depth. kept are the resources that deeper ones lack; those that these lack are added.
func (b *book) scheduleDepth(waiting []*demand, kept map[string]bool, now time.Time) {
	pool := withhold(b.ledger.Pool(), kept)
	var queue []sched.Request
	of := map[id.Lease]*demand{}
	for _, d := range waiting {
		n := 1
		if !d.class.empty() {
			n = min(d.want, d.class.units(&pool))
		}
		for range n {
			slot := id.Lease{ID: b.conf.ids.Next()}
			of[slot] = d
			queue = append(queue, sched.Request{
				ID: slot, Job: d.job, Resources: d.class.resources, Selector: d.class.selector, Strategy: d.class.strategy,
				Local: b.conf.node.ID, Since: d.since.UnixNano(),
			})
		}
	}
	node := b.conf.node
	node.Pool, node.Tasks = pool, b.ledger.Leases()
	decided := sched.Decide(&sched.Snapshot{
		Nodes: []sched.Node{node}, Now: now.UnixNano(), Patience: sched.Patience{Age: int64(b.conf.patience)}, Last: b.last,
	}, queue)
	b.last = decided.Last
	b.refuse(decided.Infeasible, of)
	placed := map[*demand][]sched.Placement{}
	for _, p := range decided.Placed {
		placed[of[p.Request]] = append(placed[of[p.Request]], p)
	}
	for _, d := range waiting {
		b.place(d, placed[d], now)
	}
	for _, w := range slices.Backward(decided.Waiting) { // of several slots, the first one's reason
		of[w.Request].reason = w.Reason
	}
	free := b.ledger.Pool().Free
	for _, d := range waiting {
		if d.want > 0 {
			for _, name := range d.class.lacks(free) {
				kept[name] = true
			}
		}
	}
}

// withhold makes nothing free of some resources.
func withhold(pool sched.Pool, names map[string]bool) sched.Pool {
	for name := range names {
		switch name {
		case sched.CPU:
			pool.Free.CPU = min(pool.Free.CPU, 0)
		case sched.Memory:
			pool.Free.Memory = 0
		case sched.GPU:
			pool.Free.GPU = 0
			for i := range pool.Devices {
				pool.Devices[i].Free = 0
			}
		default:
			delete(pool.Free.Custom, name)
		}
	}
	return pool
}

// refuse tells clients of requests that can never be granted.
func (b *book) refuse(infeasible []*sched.Infeasible, of map[id.Lease]*demand) {
	for _, e := range infeasible {
		d := of[e.Request]
		if d.want == 0 {
			continue // another slot of it
		}
		if b.conf.head && !d.pinned {
			d.reason = b.farReason(d)
			continue // another node may have it
		}
		b.deny(d, e.Error())
	}
}

// place makes leases of slots that were decided.
func (b *book) place(d *demand, placed []sched.Placement, now time.Time) {
	if len(placed) == 0 || d.want == 0 {
		return
	}
	if d.class.empty() { // one decision serves all
		b.leaseEmpty(d, now)
		return
	}
	size := 1
	if !d.class.dedicated {
		size = b.chunk()
	}
	for some := range slices.Chunk(placed, size) {
		var slots []id.Lease
		var shares []sched.Share
		for _, p := range some {
			got, err := b.ledger.Acquire(p.Request, d.class.resources, p.Devices)
			b.must(err)
			slots, shares = append(slots, p.Request), append(shares, got...)
		}
		b.lease(d, slots, shares, len(slots), now)
	}
}

// leaseEmpty gives all that a request wants whose slots hold nothing.
func (b *book) leaseEmpty(d *demand, now time.Time) {
	size := d.want
	if d.class.dedicated {
		size = 1
	}
	for d.want > 0 {
		b.lease(d, nil, nil, size, now)
	}
}

// chunk bounds the slots of a lease: a lease comes back as a whole, so what a machine has is given in several.
func (b *book) chunk() int {
	pool := b.ledger.Pool()
	return max(1, int(pool.Total.CPU/sched.One)/8)
}

// lease makes a lease, on a worker that may have to be started.
func (b *book) lease(d *demand, slots []id.Lease, shares []sched.Share, count int, now time.Time) {
	l := &lease{
		id: id.Lease{ID: b.conf.ids.Next()}, from: d.demandKey, job: d.job, class: d.class, depth: d.depth, slots: slots, count: count,
		order: b.next(), since: now,
	}
	b.leases[l.id] = l
	d.want -= count
	d.coming += count
	b.join(l, b.deviceIDs(shares), now)
}

func (b *book) deviceIDs(shares []sched.Share) (ids []string) {
	if len(shares) == 0 {
		return nil
	}
	pool := b.ledger.Pool()
	for _, s := range shares {
		ids = append(ids, pool.Devices[s.Device].ID)
	}
	return ids
}

// grant tells the client of a lease on a worker that is ready.
func (b *book) grant(l *lease, now time.Time) {
	l.granted, l.since = true, now
	if d := b.demands[l.from]; d != nil {
		d.coming -= l.count
		b.forget(d)
	}
	b.send(l.from.client, wire.KindLeaseGrant, wire.LeaseGrant{
		Request: l.from.number, Lease: l.id, Worker: l.worker.id, PID: l.worker.pid, Address: l.worker.address, Slots: l.count, Devices: l.worker.devices,
	})
}

// tell says why they wait to those who have waited for a while, once for each reason.
func (b *book) tell(now time.Time) {
	keys := slices.SortedFunc(maps.Keys(b.demands), func(x, y demandKey) int {
		return cmp.Or(cmp.Compare(x.client, y.client), cmp.Compare(x.number, y.number))
	})
	for _, key := range keys {
		d := b.demands[key]
		reason := d.reason
		if d.want == 0 {
			reason = "waits for a worker process to start"
		}
		if now.Sub(d.since) < b.conf.tellAfter || reason == d.told || reason == "" || now.Sub(d.toldAt) < minTell {
			continue
		}
		d.told, d.toldAt = reason, now
		b.send(d.client, wire.KindLeasePending, wire.LeasePending{Request: d.number, Reason: reason})
	}
}
