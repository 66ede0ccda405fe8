package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// book keeps who wants slots, who has them and on which workers. It is pure: events come in by its methods, each with the time; what is
// to be done comes out by take. Its owner serialises the calls.
//
// Invariants: a slot is an account of the ledger and belongs to one lease; a lease belongs to one client and one worker; a demand's
// coming is the sum of its leases that were not granted yet.
type book struct {
	conf    bookConfig
	ledger  *sched.Ledger
	last    id.Job // whose turn the last pass ended with
	order   uint64 // of demands and leases
	out     []any  // sendMessage, startWorker, stopWorker, reportDemand, askPeer, returnPeer, holdGranted
	demands map[demandKey]*demand
	leases  map[id.Lease]*lease
	workers map[id.Worker]*worker
	shared  map[string]*worker // by class.key: those that take new leases
	failed  map[string]int     // tries to start a shared worker, by class.key
	far     far
	bundles map[sched.BundleKey]*bundle
	holds   []hold                       // that wait, in order
	held    map[id.Lease]sched.Resources // by holds
}

type bookConfig struct {
	node      sched.Node // without its pool
	ids       *id.Generator
	ready     time.Duration // how long a worker may take to get ready
	idle      time.Duration // how long a shared worker lives without leases
	maxIdle   int           // shared workers without leases
	patience  time.Duration // after so long resources are kept for a request
	quantum   time.Duration // a starving request takes leases that are as old
	tellAfter time.Duration // a client is told why it waits
	head      bool          // the node belongs to a head, which places what the node cannot
}

// What the book wants done.
type (
	sendMessage struct {
		to   clientID
		kind byte
		body any
	}
	startWorker struct {
		worker  id.Worker
		class   wire.Class
		devices []string
	}
	stopWorker struct {
		worker id.Worker
		reason string // why, where it is a failure
	}
)

type clientID uint64

type demandKey struct {
	client clientID
	number uint64
}

// demand is a lease request.
type demand struct {
	demandKey
	job    id.Job
	class  *class
	depth  int
	want   int // slots that are neither granted nor coming
	coming int // slots on workers that are not ready
	order  uint64
	since  time.Time
	reason string // why it waits
	told   string
	toldAt time.Time
	// See far.go.
	ref      uint64 // by which the head knows it
	away     int    // slots that other nodes were asked for
	reported int    // slots that the head knows of
	again    bool   // it is to hear of them again
	pinned   bool   // the head has chosen this node: it goes nowhere else
	verdict  string // the head's reason
	notYet   time.Time
}

// lease is a number of slots on a worker.
type lease struct {
	id        id.Lease
	from      demandKey
	job       id.Job
	class     *class
	depth     int
	worker    *worker
	slots     []id.Lease // accounts of the ledger; none where the class is empty
	count     int
	blocked   int // slots[:blocked] wait and have given their processors back
	granted   bool
	order     uint64
	since     time.Time
	reclaimed time.Time // when it was asked back
	wanted    bool      // its client was told that others wait for it
	tries     int       // to start a worker of its own
}

// tries is how often a worker is started before its clients are told that it cannot be.
const tries = 3

// triesKilled is the same where it was killed from outside each time.
const triesKilled = 30

// minTell is the least time between two messages to a client of why one request waits.
const minTell = 2 * time.Second

func newBook(conf bookConfig, resources sched.Resources, devices []sched.Device) *book {
	return &book{
		conf: conf, ledger: sched.NewLedger(resources, devices),
		demands: map[demandKey]*demand{}, leases: map[id.Lease]*lease{}, workers: map[id.Worker]*worker{},
		shared: map[string]*worker{}, failed: map[string]int{}, far: newFar(), bundles: map[sched.BundleKey]*bundle{}, held: map[id.Lease]sched.Resources{},
	}
}

// take returns what is to be done since the last call, in order.
func (b *book) take() []any {
	out := b.out
	b.out = nil
	return out
}

func (b *book) send(to clientID, kind byte, body any) {
	b.out = append(b.out, sendMessage{to, kind, body})
}

func (b *book) next() uint64 {
	b.order++
	return b.order
}

// request takes a LeaseRequest of a client.
func (b *book) request(from clientID, m *wire.LeaseRequest, now time.Time) {
	key := demandKey{from, m.Request}
	d := b.demands[key]
	if d == nil {
		if m.Slots <= 0 {
			return
		}
		c, err := parseClass(m.Class)
		if err != nil {
			b.send(from, wire.KindLeaseRefused, wire.LeaseRefused{Request: m.Request, Reason: err.Error(), Infeasible: true})
			return
		}
		d = &demand{demandKey: key, class: c, ref: b.next(), pinned: b.far.pins[from]}
		b.demands[key], b.far.numbers[d.ref] = d, key
	}
	d.job, d.depth = m.Job, m.Depth
	had := d.want
	d.want = max(0, m.Slots-d.coming-d.away)
	if had == 0 && d.want > 0 {
		d.order, d.since, d.told, d.verdict = b.next(), now, "", ""
	}
	if over := d.coming + d.away - max(0, m.Slots); over > 0 {
		over -= b.withdraw(d, over, now)
		b.recall(d, over)
	}
	b.forget(d)
	b.schedule(now)
}

// withdraw takes slots back that are coming, the newest first. It returns how many.
func (b *book) withdraw(d *demand, n int, now time.Time) (taken int) {
	for _, l := range slices.Backward(b.sortedLeases()) {
		if l.from == d.demandKey && !l.granted && l.count <= n-taken {
			taken += l.count
			b.end(l, now)
		}
	}
	return taken
}

// forget drops a demand that wants nothing.
func (b *book) forget(d *demand) {
	if d.want == 0 && d.coming == 0 && d.away == 0 {
		b.remove(d)
	}
}

// remove drops a demand. Nothing of it may be coming.
func (b *book) remove(d *demand) {
	if d.want = 0; d.reported > 0 {
		b.report(d)
	}
	delete(b.demands, d.demandKey)
	delete(b.far.numbers, d.ref)
}

// giveBack takes a LeaseReturn. A lease that is not the client's has ended meanwhile.
func (b *book) giveBack(from clientID, lease id.Lease, now time.Time) {
	if l := b.leases[lease]; l != nil && l.from.client == from && l.granted {
		b.end(l, now)
		b.schedule(now)
	}
	b.giveBackFar(from, lease)
}

// clientGone ends all that a client has.
func (b *book) clientGone(from clientID, now time.Time) {
	for _, l := range b.sortedLeases() {
		if l.from.client == from {
			b.end(l, now)
		}
	}
	b.clientGoneFar(from)
	for _, d := range b.allDemands() {
		if d.client == from {
			b.remove(d)
		}
	}
	b.schedule(now)
}

// block takes a SlotBlocked of a worker: the processor of one slot is free meanwhile.
func (b *book) block(on id.Worker, lease id.Lease, now time.Time) {
	l := b.leases[lease]
	if l == nil || l.worker.id != on || l.blocked >= len(l.slots) {
		return
	}
	b.must(b.ledger.Block(l.slots[l.blocked]))
	l.blocked++
	b.schedule(now)
}

// resume takes a SlotResumed of a worker. The processor may be in use by now: then there are too few for a while.
func (b *book) resume(on id.Worker, lease id.Lease, now time.Time) {
	l := b.leases[lease]
	if l == nil || l.worker.id != on || l.blocked == 0 {
		return
	}
	l.blocked--
	b.must(b.ledger.Unblock(l.slots[l.blocked]))
	b.schedule(now)
}

// end ends a lease and returns what it holds. The caller schedules.
func (b *book) end(l *lease, now time.Time) {
	for _, slot := range l.slots {
		b.must(b.ledger.Release(slot))
	}
	delete(b.leases, l.id)
	if d := b.demands[l.from]; d != nil && !l.granted {
		d.coming -= l.count
	}
	b.leave(l, now)
	if l.class.bundle != nil {
		b.tryUnreserve(*l.class.bundle)
	}
}

// must reports an account that does not add up.
func (b *book) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("node: the ledger and the leases differ: %v", err))
	}
}

// tick does what time brings. It is called at the time that wake tells, or earlier.
func (b *book) tick(now time.Time) {
	b.tickWorkers(now)
	b.tickFar(now)
	b.schedule(now)
}

// wake is when tick is due, zero for never.
func (b *book) wake(now time.Time) (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, d := range b.demands {
		if d.want+d.coming > 0 {
			earlier(now.Add(b.conf.quantum / 4))
		}
		if now.Before(d.notYet) {
			earlier(d.notYet)
		}
	}
	for _, w := range b.workers {
		switch {
		case w.state == workerStarting:
			earlier(w.since.Add(b.conf.ready))
		case w.state == workerReady && len(w.leases) == 0:
			earlier(w.idle.Add(b.conf.idle))
		}
	}
	return at
}

// sortedLeases are in the order in which they were made.
func (b *book) sortedLeases() []*lease {
	return slices.SortedFunc(maps.Values(b.leases), func(x, y *lease) int { return cmp.Compare(x.order, y.order) })
}

// sortedDemands wait for slots of this node, outside bundles: deeper nesting first, then the older ones.
func (b *book) sortedDemands() []*demand {
	return slices.DeleteFunc(b.allDemands(), func(d *demand) bool { return d.want == 0 || b.routed(d) || d.pinned && d.class.bundle != nil })
}

func (b *book) allDemands() []*demand {
	all := slices.Collect(maps.Values(b.demands))
	slices.SortFunc(all, func(x, y *demand) int { return cmp.Or(cmp.Compare(y.depth, x.depth), cmp.Compare(x.order, y.order)) })
	return all
}
