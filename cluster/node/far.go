package node

import (
	"cmp"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// far is what the book knows of slots on other nodes. What this node cannot place is told to the head (reportDemand); the head assigns nodes, which are
// asked for leases (askPeer), as clients ask this one. What the head assigns to this node itself is asked for in the same way, of a client that
// stands for the node: it is pinned.
type far struct {
	linked  bool                 // the head is connected
	numbers map[uint64]demandKey // by demand.ref
	asks    map[askKey]*ask
	remotes map[id.Lease]*remote
	pins    map[clientID]bool // clients whose demands are placed here or not at all: nodes, and what the node does for the head
}

// askKey is one wish of this node to another one.
type askKey struct {
	node   id.Node
	demand uint64
	group  id.PlacementGroup
	bundle int
}

type ask struct {
	slots    int
	name     string // of the node
	address  string
	assigned []uint64 // of the head, to be told with the next message
}

// remote is a lease on another node.
type remote struct {
	node id.Node
	from demandKey
}

// What the book wants done about other nodes.
type (
	reportDemand struct{ demand *demand } // to the head; want is 0 where it is over
	askPeer      struct {
		key   askKey
		ask   ask
		job   id.Job
		depth int
		class wire.Class
	}
	returnPeer struct {
		node  id.Node
		lease id.Lease
	}
)

const (
	// pinnedPatience is how long a node keeps a request that the head sent here and for which there is no room any more.
	pinnedPatience = 2 * time.Second
	// askAgain is how long a demand that another node gave back waits until the head hears of it again: what is free is told meanwhile.
	askAgain = 250 * time.Millisecond
)

func newFar() far {
	return far{numbers: map[uint64]demandKey{}, asks: map[askKey]*ask{}, remotes: map[id.Lease]*remote{}, pins: map[clientID]bool{}}
}

// routed reports whether the head alone decides about a demand.
func (b *book) routed(d *demand) bool {
	return b.conf.head && !d.pinned && d.class.strategy.Kind != sched.Default
}

// farReason says why a demand waits that this node cannot have.
func (b *book) farReason(d *demand) string {
	switch {
	case !b.far.linked:
		return "waits for the head, which cannot be reached: another node may have what it needs"
	case d.verdict != "":
		return d.verdict
	}
	return "waits for the head to find a node"
}

// reportAll tells the head what is lacking here. Small changes of what it knows already are not worth a message.
func (b *book) reportAll(now time.Time) {
	if !b.conf.head {
		return
	}
	for _, d := range b.allDemands() {
		want := d.want
		if d.pinned || now.Before(d.notYet) {
			continue
		}
		if b.routed(d) {
			d.reason = b.farReason(d)
		}
		if want == 0 && d.reported > 0 || want > 0 && (d.again || d.reported == 0 || want >= 2*d.reported || 2*want <= d.reported) {
			b.report(d)
		}
	}
}

// report tells the head what is wanted. Without a connection it hears of it when it is there: see link.
func (b *book) report(d *demand) {
	d.reported, d.again = d.want, false
	if b.far.linked {
		copied := *d
		b.out = append(b.out, reportDemand{&copied})
	}
}

// link notes that the head is connected, and tells it everything.
func (b *book) link(now time.Time) {
	b.far.linked = true
	for _, d := range b.demands {
		d.reported, d.verdict = 0, ""
	}
	b.schedule(now)
}

func (b *book) unlink() { b.far.linked = false }

// assigned takes slots that the head has found.
func (b *book) assigned(k askKey, found ask, now time.Time) {
	d := b.demands[b.far.numbers[k.demand]]
	if d == nil { // the head may know of more slots than this node thought: what it gives to nobody others lack
		b.report(&demand{ref: k.demand, class: &class{}})
		return
	}
	d.reported = max(0, d.reported-found.slots)
	if found.slots = min(found.slots, d.want); found.slots > 0 {
		d.want -= found.slots
		d.away += found.slots
		a := b.far.asks[k]
		if a == nil {
			a = &ask{name: found.name, address: found.address}
			b.far.asks[k] = a
		}
		a.slots += found.slots
		a.assigned = append(a.assigned, found.assigned...)
		b.askFor(k, d)
	}
	b.schedule(now)
}

// askFor tells a node how many slots are wanted of it.
func (b *book) askFor(k askKey, d *demand) {
	a := b.far.asks[k]
	class := d.class.wire
	class.Selector, class.Strategy = nil, ""
	if !k.group.IsZero() {
		class.Strategy = headwire.StrategyText(sched.InGroup(k.group, k.bundle, d.class.strategy.CaptureChild))
	}
	b.out = append(b.out, askPeer{key: k, ask: *a, job: d.job, depth: d.depth, class: class})
	if a.assigned = nil; a.slots == 0 {
		delete(b.far.asks, k)
	}
}

// verdict takes the head's word on a demand.
func (b *book) verdict(number uint64, reason string, infeasible bool, now time.Time) {
	d := b.demands[b.far.numbers[number]]
	if d == nil {
		return
	}
	d.verdict = reason
	if !infeasible {
		if b.routed(d) || d.reason == "" {
			d.reason = reason
		}
		b.schedule(now)
		return
	}
	if d.reported = 0; d.want == 0 {
		return // it has been withdrawn, or found
	}
	b.deny(d, reason)
	b.schedule(now)
}

// asksOf lists what is wanted of a node, in a stable order.
func (b *book) asksOf(node id.Node) []askKey {
	var keys []askKey
	for k := range b.far.asks {
		if k.node == node {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(x, y askKey) int {
		return cmp.Or(cmp.Compare(x.demand, y.demand), x.group.Compare(y.group.ID), cmp.Compare(x.bundle, y.bundle))
	})
	return keys
}

// recall takes slots back that other nodes were asked for.
func (b *book) recall(d *demand, n int) {
	for k, a := range b.far.asks {
		if k.demand == d.ref && n > 0 {
			taken := min(n, a.slots)
			a.slots, d.away, n = a.slots-taken, d.away-taken, n-taken
			b.askFor(k, d)
		}
	}
}

// unseen takes assignments back that could not be told with a message.
func (b *book) unseen(k askKey, assigned []uint64) {
	if a := b.far.asks[k]; a != nil {
		a.assigned = append(assigned, a.assigned...)
	}
}

// grantedFar takes a lease of another node, whose worker is reached at the address here. It reports false where it is not wanted any more.
func (b *book) grantedFar(k askKey, g wire.LeaseGrant, now time.Time) bool {
	d := b.demands[b.far.numbers[k.demand]]
	if d == nil {
		return false
	}
	if a := b.far.asks[k]; a != nil && a.slots >= g.Slots {
		if a.slots -= g.Slots; a.slots == 0 {
			delete(b.far.asks, k)
		}
		d.away -= g.Slots
	} else if d.want >= g.Slots { // it was put back meanwhile
		d.want -= g.Slots
	} else {
		return false
	}
	b.far.remotes[g.Lease] = &remote{k.node, d.demandKey}
	g.Request = d.number
	b.send(d.client, wire.KindLeaseGrant, g)
	b.forget(d)
	b.schedule(now)
	return true
}

// refusedFar takes a refusal of another node. With again the head is asked for another one; else the request cannot be served at all.
func (b *book) refusedFar(k askKey, reason string, again bool, now time.Time) {
	a, d := b.far.asks[k], b.demands[b.far.numbers[k.demand]]
	delete(b.far.asks, k)
	if a == nil || d == nil {
		return
	}
	d.away -= a.slots
	if !again {
		b.drop(d, reason, now)
		b.schedule(now)
		return
	}
	b.putBack(d, a.slots, now)
	b.schedule(now)
}

// putBack wants slots again that another node could not give.
func (b *book) putBack(d *demand, slots int, now time.Time) {
	d.want += slots
	d.again, d.notYet = true, now.Add(askAgain)
}

// giveBackFar takes a LeaseReturn for a lease on another node.
func (b *book) giveBackFar(from clientID, lease id.Lease) {
	if r := b.far.remotes[lease]; r != nil && r.from.client == from {
		delete(b.far.remotes, lease)
		b.out = append(b.out, returnPeer{r.node, lease})
	}
}

// clientGoneFar ends what a client has on other nodes.
func (b *book) clientGoneFar(from clientID) {
	for lease, r := range b.far.remotes {
		if r.from.client == from {
			b.giveBackFar(from, lease)
		}
	}
	for _, d := range b.allDemands() {
		if d.client == from {
			b.recall(d, d.away)
		}
	}
	delete(b.far.pins, from)
}

// exitedFar tells clients of the end of a worker on another node.
func (b *book) exitedFar(node id.Node, m wire.WorkerExited) {
	told := map[clientID][]id.Lease{}
	for _, lease := range m.Leases {
		if r := b.far.remotes[lease]; r != nil && r.node == node {
			delete(b.far.remotes, lease)
			told[r.from.client] = append(told[r.from.client], lease)
		}
	}
	for client, leases := range told {
		m.Leases = leases
		b.send(client, wire.KindWorkerExited, m)
	}
}

// reclaimFar passes another node's wish on.
func (b *book) reclaimFar(node id.Node, lease id.Lease, kind byte) {
	if r := b.far.remotes[lease]; r != nil && r.node == node {
		b.send(r.from.client, kind, wire.LeaseID{Lease: lease})
	}
}

// peerGone ends what another node has given, and asks the head anew for what it had promised.
func (b *book) peerGone(node id.Node, reason string, now time.Time) {
	m := wire.WorkerExited{Reason: reason}
	for lease, r := range b.far.remotes {
		if r.node == node {
			m.Leases = append(m.Leases, lease)
		}
	}
	b.exitedFar(node, m)
	for _, k := range b.asksOf(node) {
		b.refusedFar(k, reason, true, now)
	}
	b.schedule(now)
}

// tickFar gives back what the head sent here and there is no room for.
func (b *book) tickFar(now time.Time) {
	for _, d := range b.allDemands() {
		if !d.pinned || d.want == 0 || now.Sub(d.since) < pinnedPatience {
			continue
		}
		b.deny(d, d.reason)
	}
}
