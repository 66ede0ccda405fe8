package autoscale

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// world is a cluster that lives: decisions are carried out, and work runs and ends.
type world struct {
	*rand.Rand
	t       *testing.T
	snap    Snapshot
	nodes   []*living
	coming  []arrival
	queue   []sched.Request
	ends    map[id.Lease]int64 // of what runs
	on      map[id.Lease]*living
	started int
	names   *id.Generator
}

type living struct {
	Node
	ledger *sched.Ledger
}

type arrival struct {
	group int
	at    int64
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		Rand: rand.New(rand.NewPCG(seed, 1)), t: t, ends: map[id.Lease]int64{}, on: map[id.Lease]*living{}, names: id.NewGenerator([8]byte{1}),
	}
	w.snap.IdleTimeout = 20
	for i := range 1 + w.IntN(3) {
		least := w.IntN(3)
		g := Group{Name: fmt.Sprint("g", i), Min: least, Max: least + 1 + w.IntN(5)}
		g.Resources = sched.Resources{CPU: sched.Whole(1 + w.IntN(8)), GPU: sched.Whole(w.IntN(3))}
		w.snap.Groups = append(w.snap.Groups, State{Group: g})
	}
	return w
}

// ask has a random request wait.
func (w *world) ask() {
	r := sched.Resources{CPU: sched.Amount(1+w.IntN(16)) * sched.One / 2}
	if w.IntN(4) == 0 {
		r.GPU = sched.Amount(1+w.IntN(4)) * sched.One / 2
		if r.GPU > sched.One {
			r.GPU = sched.Whole(2)
		}
	}
	w.queue = append(w.queue, sched.Request{ID: id.Lease{ID: w.names.Next()}, Resources: r})
}

// step lets a moment pass, in which what runs ends unless forever.
func (w *world) step(forever bool) {
	w.snap.Now++
	w.arrive()
	for lease, end := range w.ends {
		if n := w.on[lease]; end <= w.snap.Now && !forever {
			if err := n.ledger.Release(lease); err != nil {
				w.t.Fatal(err)
			}
			delete(w.ends, lease)
			n.IdleSince = w.snap.Now
		}
	}
	w.place()
	w.look()
	w.carryOut(Decide(&w.snap))
}

func (w *world) arrive() {
	w.coming = slices.DeleteFunc(w.coming, func(a arrival) bool {
		if a.at > w.snap.Now {
			return false
		}
		g := w.snap.Groups[a.group]
		n := &living{ledger: sched.NewLedger(g.Resources, nil)}
		n.ID, n.Name, n.Group, n.IdleSince = id.Node{ID: w.names.Next()}, "n", g.Name, w.snap.Now
		w.nodes = append(w.nodes, n)
		return true
	})
}

func (w *world) place() {
	s := sched.Snapshot{}
	for _, n := range w.nodes {
		n.Pool, n.Tasks = n.ledger.Pool(), n.ledger.Leases()
		s.Nodes = append(s.Nodes, n.Node.Node)
	}
	for _, at := range sched.Decide(&s, w.queue).Placed {
		i := slices.IndexFunc(w.queue, func(q sched.Request) bool { return q.ID == at.Request })
		n := w.nodes[slices.IndexFunc(w.nodes, func(n *living) bool { return n.ID == at.Node })]
		if _, err := n.ledger.Acquire(at.Request, w.queue[i].Resources, at.Devices); err != nil {
			w.t.Fatal(err)
		}
		w.on[at.Request], w.ends[at.Request] = n, w.snap.Now+int64(1+w.IntN(10))
		w.queue = slices.Delete(w.queue, i, i+1)
	}
}

// look makes the snapshot that the head would make.
func (w *world) look() {
	w.snap.Nodes, w.snap.Starting, w.snap.Queue = nil, map[string]int{}, slices.Clone(w.queue)
	for _, n := range w.nodes {
		n.Pool, n.Tasks = n.ledger.Pool(), n.ledger.Leases()
		w.snap.Nodes = append(w.snap.Nodes, n.Node)
	}
	for _, a := range w.coming {
		w.snap.Starting[w.snap.Groups[a.group].Name]++
	}
}

func (w *world) carryOut(d Decisions) {
	for _, x := range d.Start {
		at := slices.IndexFunc(w.snap.Groups, func(g State) bool { return g.Name == x.Group })
		for range x.Count {
			w.started++
			w.coming = append(w.coming, arrival{at, w.snap.Now + int64(1+w.IntN(8))})
		}
	}
	for _, x := range append(slices.Clone(d.Drain), d.Stop...) {
		if n := w.find(x.Node); n.ledger.Leases() > 0 {
			w.t.Fatalf("at %d: a busy node goes: %s", w.snap.Now, x.Reason)
		}
	}
	for _, x := range d.Drain {
		w.find(x.Node).State = sched.Draining
	}
	for _, x := range d.Stop {
		if w.find(x.Node).State != sched.Draining {
			w.t.Fatalf("at %d: a node is stopped that was not drained", w.snap.Now)
		}
		w.nodes = slices.DeleteFunc(w.nodes, func(n *living) bool { return n.ID == x.Node })
	}
	w.checkBounds()
}

func (w *world) find(node id.Node) *living {
	return w.nodes[slices.IndexFunc(w.nodes, func(n *living) bool { return n.ID == node })]
}

func (w *world) checkBounds() {
	for at, g := range w.snap.Groups {
		all, stay := 0, 0
		for _, n := range w.nodes {
			if n.Group == g.Name {
				all++
				if n.State == sched.Alive {
					stay++
				}
			}
		}
		for _, a := range w.coming {
			if a.group == at {
				all++
				stay++
			}
		}
		if all > g.Max || stay < g.Min {
			w.t.Fatalf("at %d: group %s has %d nodes, %d of them to stay; its bounds are %d and %d", w.snap.Now, g.Name, all, stay, g.Min, g.Max)
		}
	}
}

// feasible is how much of the queue some group could hold.
func (w *world) feasible() (n int) {
	for _, q := range w.queue {
		for _, g := range w.snap.Groups {
			if pool := sched.NewPool(g.Resources, nil); pool.Holds(q.Resources) {
				n++
				break
			}
		}
	}
	return n
}

const worlds = 40

// TestDemandIsMet: bounds are kept and no busy node goes at any time (checked at each step); all demand that a group can hold runs, and
// without demand the groups shrink to their minimum.
func TestDemandIsMet(t *testing.T) {
	for seed := range uint64(worlds) {
		w := newWorld(t, seed)
		for range 60 {
			for range w.IntN(4) {
				w.ask()
			}
			w.step(false)
		}
		for range 1000 {
			if w.step(false); w.feasible() == 0 && len(w.ends) == 0 {
				break
			}
		}
		if n := w.feasible(); n > 0 {
			t.Fatalf("seed %d: %d that a group could hold still wait", seed, n)
		}
		for range 60 {
			w.step(false)
		}
		least := 0
		for _, g := range w.snap.Groups {
			least += g.Min
		}
		if len(w.nodes) != least || len(w.coming) != 0 {
			t.Fatalf("seed %d: %d nodes and %d to come without demand, want %d", seed, len(w.nodes), len(w.coming), least)
		}
	}
}

// TestNoOscillation: with demand that stays as it is, nodes come and go for a while at most.
func TestNoOscillation(t *testing.T) {
	grown := 0
	for seed := range uint64(worlds) {
		w := newWorld(t, seed)
		for range 30 {
			w.ask()
		}
		for range 200 {
			w.step(true)
		}
		settled, nodes := w.started, len(w.nodes)
		grown += settled
		for range 200 {
			w.step(true)
		}
		if w.started != settled || len(w.nodes) != nodes {
			t.Fatalf("seed %d: %d nodes were started after all had settled; %d nodes became %d", seed, w.started-settled, nodes, len(w.nodes))
		}
	}
	if grown == 0 {
		t.Error("no world had a node started")
	}
}
