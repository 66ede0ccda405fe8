package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// newFarDesk is a desk of a node of one CPU that belongs to a head.
func newFarDesk(t *testing.T) *desk {
	d := newDesk(t, cpus(1))
	d.conf.head = true
	d.link(d.now)
	d.do()
	return d
}

// last takes the last of what was collected.
func last[V any](t *testing.T, all *[]V) (v V) {
	t.Helper()
	if len(*all) == 0 {
		t.Fatalf("no %T", v)
	}
	v = (*all)[len(*all)-1]
	*all = nil
	return v
}

var other = id.Node{ID: id.ID{9}}

// assign lets the head assign slots on the other node to what it was told of last.
func (d *desk) assign(ref uint64, slots int) askKey {
	k := askKey{node: other, demand: ref}
	d.assigned(k, ask{slots: slots, name: "other", address: "o:1", assigned: []uint64{77}}, d.now)
	d.do()
	return k
}

func (d *desk) grantFar(k askKey, slots int) (lease id.Lease, taken bool) {
	lease = id.New[id.Lease]()
	taken = d.grantedFar(k, wire.LeaseGrant{Lease: lease, Worker: id.New[id.Worker](), Address: "relay", Slots: slots}, d.now)
	d.do()
	return lease, taken
}

func TestHeadHearsWhatIsLacking(t *testing.T) {
	d := newFarDesk(t)
	d.ask(1, 1, id.Job{}, 3, 0, oneCPU)
	if r := last(t, &d.reports); r.want != 2 || len(messages[wire.LeaseGrant](d, 1)) != 1 {
		t.Errorf("%d are told", r.want)
	}
	d.ask(1, 2, id.Job{}, 1, 0, map[string]float64{"license": 1})
	r := last(t, &d.reports)
	if refused := messages[wire.LeaseRefused](d, 1); r.want != 1 || len(refused) != 0 {
		t.Errorf("%+v", refused)
	}
	d.verdict(r.ref, "no node has a resource license", true, d.now)
	d.do()
	if refused := messages[wire.LeaseRefused](d, 1); len(refused) != 1 || refused[0].Request != 2 || !refused[0].Infeasible || refused[0].Reason != "no node has a resource license" {
		t.Errorf("%+v", refused)
	}
	d.ask(1, 1, id.Job{}, 0, 0, oneCPU)
	if r := last(t, &d.reports); r.want != 0 {
		t.Errorf("%d are told after it was withdrawn", r.want)
	}
}

func TestLeaseOfAnotherNode(t *testing.T) {
	d := newFarDesk(t)
	job := id.New[id.Job]()
	d.ask(1, 5, job, 2, 1, map[string]float64{"license": 1})
	ref := last(t, &d.reports).ref
	k := d.assign(ref, 3) // one more than is wanted
	a := last(t, &d.asks)
	if a.ask.slots != 2 || a.depth != 1 || a.job != job || a.class.Resources["license"] != 1 || !slices.Equal(a.ask.assigned, []uint64{77}) {
		t.Errorf("%+v", a)
	}
	lease, taken := d.grantFar(k, 1)
	grants := messages[wire.LeaseGrant](d, 1)
	if !taken || len(grants) != 1 || grants[0].Request != 5 || grants[0].Lease != lease || grants[0].Address != "relay" {
		t.Errorf("%v, %+v", taken, grants)
	}
	d.reclaimFar(other, lease, wire.KindLeaseReclaim)
	d.do()
	if got := messages[wire.LeaseID](d, 1); len(got) != 1 || got[0].Lease != lease {
		t.Errorf("%+v", got)
	}
	d.giveBack(1, lease, d.now)
	d.do()
	if got := last(t, &d.returns); got.lease != lease || got.node != other {
		t.Errorf("%+v", got)
	}
	// The client changes its mind: the node is told, and what comes nevertheless goes back.
	d.ask(1, 5, job, 0, 1, map[string]float64{"license": 1})
	if a := last(t, &d.asks); a.ask.slots != 0 {
		t.Errorf("%+v", a)
	}
	if _, taken := d.grantFar(k, 1); taken {
		t.Error("a lease is taken that nobody wants")
	}
	if len(d.demands)+len(d.far.asks)+len(d.far.remotes)+len(d.far.numbers) != 0 {
		t.Errorf("%+v", d.far)
	}
}

func TestOtherNodeHasNoRoom(t *testing.T) {
	d := newFarDesk(t)
	d.ask(1, 1, id.Job{}, 1, 0, map[string]float64{"license": 1})
	ref := last(t, &d.reports).ref
	k := d.assign(ref, 1)
	d.refusedFar(k, "somebody was quicker", true, d.now)
	d.do()
	if len(d.reports) != 0 {
		t.Error("the head hears of it before it knows what is free")
	}
	d.pass(askAgain)
	if r := last(t, &d.reports); r.want != 1 {
		t.Errorf("%d", r.want)
	}
	d.assign(ref, 1)
	d.refusedFar(k, "its worker process could not be started", false, d.now)
	d.do()
	if got := messages[wire.LeaseRefused](d, 1); len(got) != 1 || got[0].Infeasible || got[0].Reason != "its worker process could not be started" {
		t.Errorf("%+v", got)
	}
}

// TestHeadForgetsWhatIsNotWanted: a request of which the head still has slots ends while another part of it waits to be told again.
func TestHeadForgetsWhatIsNotWanted(t *testing.T) {
	d := newFarDesk(t)
	license := map[string]float64{"license": 1}
	d.ask(1, 1, id.Job{}, 10, 0, license)
	ref := last(t, &d.reports).ref
	k := d.assign(ref, 2) // the head has 8 left
	d.refusedFar(k, "somebody was quicker", true, d.now)
	d.ask(1, 1, id.Job{}, 0, 0, license)
	if r := last(t, &d.reports); r.ref != ref || r.want != 0 {
		t.Errorf("%+v", r)
	}
	d.assign(ref, 2) // it was under way
	if r := last(t, &d.reports); r.ref != ref || r.want != 0 || len(d.asks) > 1 {
		t.Errorf("%+v, %+v", r, d.asks)
	}
}

func TestOtherNodeGoes(t *testing.T) {
	d := newFarDesk(t)
	d.ask(1, 1, id.Job{}, 2, 0, map[string]float64{"license": 1})
	d.ask(2, 1, id.Job{}, 1, 0, map[string]float64{"disk": 1})
	refs := []uint64{d.reports[0].ref, d.reports[1].ref}
	d.reports = nil
	k := d.assign(refs[0], 2)
	l := d.assign(refs[1], 1)
	one, _ := d.grantFar(k, 1)
	two, _ := d.grantFar(l, 1)
	d.peerGone(other, "node other has gone", d.now)
	d.do()
	for client, lease := range map[clientID]id.Lease{1: one, 2: two} {
		if got := messages[wire.WorkerExited](d, client); len(got) != 1 || !slices.Equal(got[0].Leases, []id.Lease{lease}) || got[0].Reason != "node other has gone" {
			t.Errorf("client %d: %+v", client, got)
		}
	}
	d.pass(askAgain)
	if r := last(t, &d.reports); r.ref != refs[0] || r.want != 1 {
		t.Errorf("what it had promised is wanted again: %+v", r)
	}
}

func TestWithoutTheHead(t *testing.T) {
	d := newFarDesk(t)
	d.unlink()
	d.ask(1, 1, id.Job{}, 1, 0, oneCPU)
	if len(messages[wire.LeaseGrant](d, 1)) != 1 {
		t.Error("what fits here waits for the head")
	}
	d.ask(1, 2, id.Job{}, 1, 0, map[string]float64{"license": 1})
	for range 5 {
		d.pass(time.Second)
	}
	if got := messages[wire.LeasePending](d, 1); len(got) != 1 || !strings.Contains(got[0].Reason, "the head, which cannot be reached") {
		t.Errorf("%+v", got)
	}
	spread := wire.Class{Program: "p", Resources: oneCPU, Strategy: "spread"} // the head's to decide, also where there is room
	d.request(2, &wire.LeaseRequest{Request: 1, Slots: 1, Class: spread}, d.now)
	for range 5 {
		d.pass(time.Second)
	}
	if got := messages[wire.LeasePending](d, 2); len(got) != 1 || !strings.Contains(got[0].Reason, "the head, which cannot be reached") {
		t.Errorf("%+v", got)
	}
	d.link(d.now)
	d.do()
	if len(d.reports) != 2 || d.reports[0].want != 1 || d.reports[1].want != 1 || d.reports[0].ref == d.reports[1].ref {
		t.Errorf("%+v", d.reports)
	}
}

// TestAssignmentsAreTold: also those that came before the other node was connected.
func TestAssignmentsAreTold(t *testing.T) {
	d := newFarDesk(t)
	d.ask(1, 1, id.Job{}, 3, 0, map[string]float64{"license": 1})
	ref := last(t, &d.reports).ref
	k := d.assign(ref, 1)
	d.unseen(k, last(t, &d.asks).ask.assigned)
	d.assign(ref, 1)
	if a := last(t, &d.asks); a.ask.slots != 2 || !slices.Equal(a.ask.assigned, []uint64{77, 77}) {
		t.Errorf("%+v", a)
	}
}

// TestNumbersOfWishes: those of wishes that are over are not kept.
func TestNumbersOfWishes(t *testing.T) {
	k := newKeys()
	lives := askKey{node: other, demand: 5}
	over := func(x askKey) bool { return x != lives }
	for i := range uint64(1000) {
		wish := askKey{node: other, demand: i}
		if number := k.number(wish, over); k.keys[number] != wish || k.number(wish, over) != number {
			t.Fatalf("%d has the number %d", i, number)
		}
	}
	if k.number(lives, over) != 6 || len(k.numbers) > 2*minSweep || len(k.keys) != len(k.numbers) {
		t.Errorf("%d and %d are kept", len(k.numbers), len(k.keys))
	}
}

// TestPinnedRequests: what the head sends here is placed here, in its bundle, or given back soon.
func TestPinnedRequests(t *testing.T) {
	d := newFarDesk(t)
	d.far.pins[9] = true
	group := id.New[id.PlacementGroup]()
	if err := d.reserve(group, []headwire.BundlePart{{Index: 1, Resources: cpus(1)}}, d.now); err != nil {
		t.Fatal(err)
	}
	if err := d.reserve(id.New[id.PlacementGroup](), []headwire.BundlePart{{Resources: cpus(1)}}, d.now); err == nil {
		t.Error("more is reserved than there is")
	}
	in := wire.Class{Program: "p", Resources: oneCPU, Strategy: headwire.StrategyText(sched.InGroup(group, 1, false))}
	d.request(9, &wire.LeaseRequest{Request: 1, Slots: 2, Class: in}, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 9); len(got) != 1 {
		t.Errorf("%+v", got)
	}
	d.ask(9, 2, id.Job{}, 1, 0, oneCPU) // outside, where all is reserved
	d.pass(pinnedPatience)
	if got := messages[wire.LeaseRefused](d, 9); len(got) != 2 || !got[0].Infeasible {
		t.Errorf("%+v", got)
	}
	if len(d.reports) != 0 {
		t.Error("the head hears of what it has decided")
	}
	d.release(headwire.Bundles{Group: group, List: []headwire.BundlePart{{Index: 0}}}, d.now) // of another bundle of the group
	d.do()
	if len(d.bundles) != 1 || len(messages[wire.WorkerExited](d, 9)) != 0 {
		t.Error("a bundle went that was not named")
	}
	d.release(headwire.Bundles{Group: group}, d.now)
	d.do()
	if got := messages[wire.WorkerExited](d, 9); len(got) != 1 || !strings.Contains(got[0].Reason, "placement group was removed") {
		t.Errorf("%+v", got)
	}
	if pool := d.ledger.Pool(); !pool.Free.Equal(pool.Total) || len(d.bundles) != 0 {
		t.Errorf("%v are free", pool.Free)
	}
	d.request(9, &wire.LeaseRequest{Request: 3, Slots: 1, Class: in}, d.now)
	d.do()
	if got := messages[wire.LeaseRefused](d, 9); len(got) != 1 || !strings.Contains(got[0].Reason, "not on here any more") {
		t.Errorf("%+v", got)
	}
}

// FuzzFar lets clients, a head and another node do anything. What was asked for elsewhere and the demands always agree.
func FuzzFar(f *testing.F) {
	f.Add([]byte{0, 1, 2, 1, 1, 1, 2, 0, 1, 3, 0, 0, 4, 1, 0})
	f.Add([]byte{0, 9, 3, 1, 2, 2, 5, 0, 0, 6, 0, 0, 7, 1, 1, 8, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newFarDesk(t)
		for ; len(data) >= 3; data = data[3:] {
			d.farStep(data[0]%10, data[1], int(data[2]%4))
			away := map[uint64]int{}
			for k, a := range d.far.asks {
				away[k.demand] += a.slots
				if a.slots <= 0 {
					t.Fatalf("an ask for %d slots", a.slots)
				}
			}
			for _, m := range d.demands {
				if m.away != away[m.ref] || d.far.numbers[m.ref] != m.demandKey {
					t.Fatalf("%d slots are away, and %d were asked for", m.away, away[m.ref])
				}
				delete(away, m.ref)
			}
			if len(away) != 0 || len(d.far.numbers) != len(d.demands) {
				t.Fatalf("asked for nobody: %v", away)
			}
		}
	})
}

// farStep does one thing of a fuzzed story.
func (d *desk) farStep(op, which byte, n int) {
	client := clientID(1 + which%3)
	resources := []map[string]float64{oneCPU, {"license": 1}}[which>>2&1]
	var keys []askKey
	for _, node := range []id.Node{other, d.conf.node.ID} {
		keys = append(keys, d.asksOf(node)...)
	}
	k := askKey{node: other, demand: uint64(which)}
	if len(keys) > 0 {
		k = keys[int(which)%len(keys)]
	}
	switch op {
	case 0:
		d.ask(client, uint64(which>>3&3), id.Job{}, n, int(which>>5&1), resources)
	case 1:
		for ref := range d.far.numbers {
			if ref%5 == uint64(which)%5 {
				d.assign(ref, n)
				break
			}
		}
	case 2, 3:
		d.grantFar(k, 1+n%2)
	case 4:
		d.refusedFar(k, "no room", n > 0, d.now)
	case 5:
		d.peerGone(other, "gone", d.now)
	case 6:
		d.clientGone(client, d.now)
	case 7:
		d.verdict(uint64(which), "never", n == 0, d.now)
	case 8:
		for lease, r := range d.far.remotes {
			d.giveBack(r.from.client, lease, d.now)
			break
		}
	case 9:
		if n == 0 {
			d.unlink()
		} else {
			d.link(d.now)
		}
		d.pass(time.Duration(which) * 20 * time.Millisecond)
	}
	d.do()
}
