package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// desk is a book with what it wants done carried out by fakes, and a clock.
type desk struct {
	t *testing.T
	*book
	now     time.Time
	sent    map[clientID][]sendMessage
	started []startWorker
	stopped []stopWorker
	manual  bool // workers get ready when the test says so
	reports []demand
	asks    []askPeer
	returns []returnPeer
	granted []holdGranted
}

func newDesk(t *testing.T, resources sched.Resources) *desk {
	t.Helper()
	ids := id.NewGenerator([8]byte{1})
	conf := bookConfig{
		node: sched.Node{ID: id.Node{ID: ids.Next()}, Name: "here"}, ids: ids, ready: 30 * time.Second, idle: time.Minute, maxIdle: 4,
		patience: 5 * time.Second, quantum: 2 * time.Second, tellAfter: 2 * time.Second,
	}
	return &desk{t: t, book: newBook(conf, resources, nil), now: time.Unix(1000, 0), sent: map[clientID][]sendMessage{}}
}

// do carries out what the book wants.
func (d *desk) do() {
	for out := d.take(); len(out) > 0; out = d.take() {
		for _, a := range out {
			switch a := a.(type) {
			case sendMessage:
				d.sent[a.to] = append(d.sent[a.to], a)
			case startWorker:
				d.started = append(d.started, a)
				d.book.started(a.worker, 7)
				if !d.manual {
					d.ready(a.worker, "/"+a.worker.Short(), d.now)
				}
			case stopWorker:
				d.stopped = append(d.stopped, a)
				d.workerEnded(a.worker, ended{reason: a.reason}, d.now)
			case reportDemand:
				d.reports = append(d.reports, *a.demand)
			case askPeer:
				d.asks = append(d.asks, a)
			case returnPeer:
				d.returns = append(d.returns, a)
			case holdGranted:
				d.granted = append(d.granted, a)
			}
		}
	}
	d.check()
}

func (d *desk) ask(client clientID, number uint64, job id.Job, slots, depth int, resources map[string]float64) {
	d.request(client, &wire.LeaseRequest{Request: number, Job: job, Slots: slots, Depth: depth, Class: wire.Class{Program: "p", Resources: resources}}, d.now)
	d.do()
}

func (d *desk) pass(by time.Duration) {
	d.now = d.now.Add(by)
	d.tick(d.now)
	d.do()
}

// messages takes the messages of one kind to a client.
func messages[M any](d *desk, client clientID) (all []M) {
	d.sent[client] = slices.DeleteFunc(d.sent[client], func(s sendMessage) bool {
		m, ok := s.body.(M)
		if ok {
			all = append(all, m)
		}
		return ok
	})
	return all
}

// check holds the book against its invariants.
func (d *desk) check() {
	d.t.Helper()
	pool := d.ledger.Pool()
	sum := pool.Free
	coming := map[demandKey]int{}
	slots := map[id.Lease]bool{}
	for _, l := range d.leases {
		if l.class.bundle == nil {
			sum = sum.Plus(l.holding())
		}
		if !l.granted {
			coming[l.from] += l.count
		}
		for _, s := range l.slots {
			if slots[s] {
				d.t.Fatalf("slot %s is in two leases", s.Short())
			}
			slots[s] = true
		}
		if d.workers[l.worker.id] != l.worker || l.worker.leases[l.id] != l {
			d.t.Fatal("a lease is not on a living worker")
		}
		if l.granted && l.worker.state == workerStarting {
			d.t.Fatal("a lease was granted on a worker that is not ready")
		}
	}
	for _, r := range d.book.held {
		sum = sum.Plus(r)
	}
	for key := range d.bundles {
		bundle, _ := d.ledger.BundlePool(key)
		sum = sum.Plus(bundle.Total)
	}
	if !sum.Equal(pool.Total) {
		d.t.Fatalf("free and held are %v, of %v", sum, pool.Total)
	}
	for key, m := range d.demands {
		if m.coming != coming[key] || m.want < 0 || m.want+m.coming+m.away == 0 {
			d.t.Fatalf("demand %v: coming %d, leases %d, wants %d", key, m.coming, coming[key], m.want)
		}
	}
	for key, w := range d.shared {
		if w.key != key || d.workers[w.id] != w || w.state == workerEnding {
			d.t.Fatal("a shared worker that takes no leases")
		}
	}
}

func cpus(n int) sched.Resources { return sched.Resources{CPU: sched.Whole(n), Memory: 1 << 30} }

var oneCPU = map[string]float64{"cpu": 1}

func TestGrantsAsMuchAsThereIs(t *testing.T) {
	d := newDesk(t, cpus(2))
	job := id.Job{ID: d.conf.ids.Next()}
	d.ask(1, 5, job, 3, 0, oneCPU)
	grants := messages[wire.LeaseGrant](d, 1)
	if len(grants) != 2 || grants[0].Request != 5 || grants[0].Slots != 1 || grants[0].Worker != grants[1].Worker || grants[0].Address == "" {
		t.Fatalf("%+v", grants)
	}
	d.giveBack(2, grants[0].Lease, d.now) // not its own
	d.do()
	if len(messages[wire.LeaseGrant](d, 1)) != 0 {
		t.Error("a lease was given back by another client")
	}
	d.giveBack(1, grants[0].Lease, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 1); len(got) != 1 {
		t.Errorf("the third slot: %+v", got)
	}
	d.giveBack(1, grants[1].Lease, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 1); len(got) != 0 || len(d.demands) != 0 {
		t.Errorf("more than was asked for: %+v", got)
	}
	if len(d.started) != 1 {
		t.Errorf("%d workers for one key", len(d.started))
	}
}

func TestManySlotsOfNothing(t *testing.T) {
	d := newDesk(t, cpus(1))
	d.ask(1, 1, id.Job{}, 100_000, 0, nil)
	if got := messages[wire.LeaseGrant](d, 1); len(got) != 1 || got[0].Slots != 100_000 {
		t.Errorf("%+v", got)
	}
}

func TestLargeMachinesGiveSeveralSlotsInALease(t *testing.T) {
	d := newDesk(t, cpus(64))
	d.ask(1, 1, id.Job{}, 20, 0, oneCPU)
	var slots []int
	for _, g := range messages[wire.LeaseGrant](d, 1) {
		slots = append(slots, g.Slots)
	}
	if !slices.Equal(slots, []int{8, 8, 4}) {
		t.Error(slots)
	}
}

func TestWithdrawal(t *testing.T) {
	d := newDesk(t, cpus(2))
	d.manual = true
	d.ask(1, 1, id.Job{}, 5, 0, oneCPU)
	d.ask(1, 1, id.Job{}, 1, 0, oneCPU)
	if k := d.demands[demandKey{1, 1}]; k == nil || k.want != 0 || k.coming != 1 {
		t.Fatalf("%+v", k)
	}
	d.ask(1, 1, id.Job{}, 0, 0, oneCPU)
	if len(d.leases) != 0 || len(d.demands) != 0 {
		t.Error("withdrawn, and still there")
	}
	d.ask(1, 2, id.Job{}, 0, 0, oneCPU) // nothing to withdraw
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		class wire.Class
		want  string
	}{
		{"too much", wire.Class{Resources: map[string]float64{"cpu": 3}}, "needs 3 CPU"},
		{"unknown resource", wire.Class{Resources: map[string]float64{"tpu": 1}}, "tpu"},
		{"negative", wire.Class{Resources: map[string]float64{"cpu": -1}}, "0 or more"},
		{"selector", wire.Class{Selector: []string{"=="}}, "label"},
		{"no such label", wire.Class{Selector: []string{"zone=eu"}}, "zone=eu"},
		{"strategy", wire.Class{Strategy: "sideways"}, "strategy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t, cpus(2))
			d.request(1, &wire.LeaseRequest{Request: 1, Slots: 4, Class: tt.class}, d.now)
			d.do()
			got := messages[wire.LeaseRefused](d, 1)
			if len(got) != 1 || !got[0].Infeasible || !strings.Contains(got[0].Reason, tt.want) || len(d.demands) != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestWorkersOfTheirOwn(t *testing.T) {
	d := newDesk(t, sched.Resources{CPU: sched.Whole(4), GPU: sched.Whole(2), Memory: 1 << 30})
	d.ask(1, 1, id.Job{}, 3, 0, map[string]float64{"gpu": 1})
	grants := messages[wire.LeaseGrant](d, 1)
	if len(grants) != 2 || grants[0].Worker == grants[1].Worker || grants[0].Devices[0] == grants[1].Devices[0] {
		t.Fatalf("%+v", grants)
	}
	d.giveBack(1, grants[0].Lease, d.now)
	d.do()
	if len(d.stopped) != 1 || d.stopped[0].worker != grants[0].Worker {
		t.Errorf("its worker goes on: %+v", d.stopped)
	}
	if got := messages[wire.LeaseGrant](d, 1); len(got) != 1 || got[0].Devices[0] != grants[0].Devices[0] {
		t.Errorf("%+v", got)
	}
	d.clientGone(1, d.now)
	d.do()
	if len(d.leases)+len(d.workers) != 0 {
		t.Error("left behind by a client")
	}
}

func TestClientsAreToldWhyTheyWait(t *testing.T) {
	d := newDesk(t, cpus(1))
	d.ask(1, 1, id.Job{}, 1, 0, oneCPU)
	d.ask(1, 2, id.Job{}, 1, 0, oneCPU)
	d.pass(time.Second)
	if got := messages[wire.LeasePending](d, 1); len(got) != 0 {
		t.Errorf("too early: %+v", got)
	}
	for range 10 {
		d.pass(time.Second)
	}
	got := messages[wire.LeasePending](d, 1)
	if len(got) != 2 || got[0].Request != 2 || !strings.Contains(got[0].Reason, "waits for 1 CPU: 1 of 1 are in use by 1 task") {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(got[1].Reason, "is kept for it") {
		t.Errorf("%+v", got)
	}
}

func TestClientsAreToldOfWorkersThatStart(t *testing.T) {
	d := newDesk(t, cpus(1))
	d.manual = true
	d.ask(1, 1, id.Job{}, 1, 0, oneCPU)
	d.pass(3 * time.Second)
	if got := messages[wire.LeasePending](d, 1); len(got) != 1 || got[0].Reason != "waits for a worker process to start" {
		t.Errorf("%+v", got)
	}
	d.ready(d.started[0].worker, "/a", d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 1); len(got) != 1 || got[0].Address != "/a" || got[0].PID != 7 {
		t.Errorf("%+v", got)
	}
}

func TestWorkersThatDoNotStart(t *testing.T) {
	d := newDesk(t, cpus(2))
	d.manual = true
	d.ask(1, 1, id.Job{}, 5, 0, oneCPU)
	d.ask(2, 1, id.Job{}, 5, 0, oneCPU)
	for n := range 3 {
		if len(d.started) != n+1 {
			t.Fatalf("%d starts after %d failures", len(d.started), n)
		}
		d.workerEnded(d.started[n].worker, ended{reason: "exited with status 3", output: "no such file"}, d.now)
		d.do()
	}
	got := messages[wire.LeaseRefused](d, 1)
	if len(got) != 1 || got[0].Infeasible || !strings.Contains(got[0].Reason, "status 3") || !strings.Contains(got[0].Reason, "no such file") {
		t.Errorf("%+v", got)
	}
	d.pass(30 * time.Second) // whoever is left gets slots, and a new worker; it is too slow
	d.pass(30 * time.Second)
	d.pass(30 * time.Second)
	got = append(messages[wire.LeaseRefused](d, 2), got...)
	if len(got) != 2 || len(d.demands)+len(d.leases) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestTheEndOfAWorker(t *testing.T) {
	d := newDesk(t, cpus(3))
	d.ask(1, 1, id.Job{}, 2, 0, oneCPU)
	d.ask(2, 1, id.Job{}, 1, 0, oneCPU)
	task := id.Task{ID: d.conf.ids.Next()}
	d.workerEnded(d.started[0].worker, ended{reason: "killed", culprits: []id.Task{task}, outOfMemory: true}, d.now)
	d.do()
	for client, leases := range map[clientID]int{1: 2, 2: 1} {
		got := messages[wire.WorkerExited](d, client)
		if len(got) != 1 || len(got[0].Leases) != leases || got[0].Reason != "killed" || !got[0].OutOfMemory || got[0].Culprits[0] != task {
			t.Errorf("client %d: %+v", client, got)
		}
	}
	if len(d.leases) != 0 {
		t.Error("leases on a worker that has ended")
	}
}

func TestIdleWorkersEnd(t *testing.T) {
	d := newDesk(t, cpus(1))
	d.prestart("p", d.now)
	d.do()
	d.pass(59 * time.Second)
	if len(d.stopped) != 0 || d.wake(d.now) != time.Unix(1060, 0) {
		t.Errorf("%v, wakes at %v", d.stopped, d.wake(d.now))
	}
	d.pass(time.Second)
	if len(d.stopped) != 1 || len(d.workers) != 0 || !d.wake(d.now).IsZero() {
		t.Error("it goes on")
	}
	for i := range 9 { // each environment has its own
		d.request(1, &wire.LeaseRequest{Request: uint64(i), Slots: 1, Class: wire.Class{Program: "p", Environment: fmt.Sprint(i)}}, d.now)
		d.do()
		d.giveBack(1, messages[wire.LeaseGrant](d, 1)[0].Lease, d.now)
		d.do()
	}
	if len(d.workers) != d.conf.maxIdle {
		t.Errorf("%d idle workers", len(d.workers))
	}
}

// TestHolds: what an entrypoint wants is kept for it, and given before it is given to tasks.
func TestHolds(t *testing.T) {
	d := newDesk(t, sched.Resources{CPU: sched.Whole(2)})
	first, second := id.Lease{ID: d.conf.ids.Next()}, id.Lease{ID: d.conf.ids.Next()}
	d.ask(1, 1, id.Job{}, 2, 0, oneCPU)
	grants := messages[wire.LeaseGrant](d, 1)
	if len(grants) != 2 {
		t.Fatalf("%+v", grants)
	}
	d.hold(first, sched.Resources{CPU: sched.Whole(2)}, d.now)
	d.hold(second, sched.Resources{}, d.now)
	d.do()
	if len(d.granted) != 1 || d.granted[0].slot != second {
		t.Errorf("granted %+v", d.granted)
	}
	d.ask(2, 1, id.Job{}, 1, 0, oneCPU)
	d.giveBack(1, grants[0].Lease, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 2); len(got) != 0 {
		t.Error("a task gets what the entrypoint waits for")
	}
	d.giveBack(1, grants[1].Lease, d.now)
	d.do()
	if len(d.granted) != 2 || d.granted[1].slot != first {
		t.Errorf("granted %+v", d.granted)
	}
	third := id.Lease{ID: d.conf.ids.Next()}
	d.hold(third, sched.Resources{CPU: sched.Whole(1)}, d.now)
	d.unhold(third, d.now)
	d.unhold(first, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 2); len(got) != 1 {
		t.Error("the task does not get what is free again")
	}
	if len(d.granted) != 2 {
		t.Errorf("what was given up is granted: %+v", d.granted)
	}
}
