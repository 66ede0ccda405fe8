package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

func TestReclaim(t *testing.T) {
	ids := id.NewGenerator([8]byte{9})
	a, b, c := id.Job{ID: ids.Next()}, id.Job{ID: ids.Next()}, id.Job{ID: ids.Next()}
	tests := []struct {
		name string
		cpus int
		ask  func(d *desk)
		want map[clientID]int // leases asked back
	}{
		{"another job gets its half", 4, func(d *desk) {
			d.ask(1, 1, a, 9, 0, oneCPU)
			d.ask(2, 1, b, 9, 0, oneCPU)
		}, map[clientID]int{1: 2}},
		{"no more than it wants", 4, func(d *desk) {
			d.ask(1, 1, a, 9, 0, oneCPU)
			d.ask(2, 1, b, 1, 0, oneCPU)
		}, map[clientID]int{1: 1}},
		{"equal shares stay", 2, func(d *desk) {
			d.ask(1, 1, a, 1, 0, oneCPU)
			d.ask(2, 1, b, 9, 0, oneCPU)
			d.pass(time.Minute)
		}, nil},
		{"three on two in turns", 2, func(d *desk) {
			d.ask(1, 1, a, 1, 0, oneCPU)
			d.ask(2, 1, b, 1, 0, oneCPU)
			d.ask(3, 1, c, 1, 0, oneCPU)
			d.pass(3 * time.Second)
		}, map[clientID]int{1: 1}},
		{"deeper ones at once", 2, func(d *desk) {
			d.ask(1, 1, a, 2, 0, oneCPU)
			d.ask(2, 1, a, 1, 1, oneCPU)
		}, map[clientID]int{1: 1}},
		{"not what it does not lack", 2, func(d *desk) {
			d.ask(1, 1, a, 2, 0, map[string]float64{"x": 1})
			d.ask(2, 1, b, 3, 0, oneCPU)
		}, nil},
		{"a large request of the same job", 2, func(d *desk) {
			d.ask(1, 1, a, 5, 0, oneCPU)
			d.ask(1, 2, a, 1, 0, map[string]float64{"cpu": 2})
			d.pass(3 * time.Second)
		}, map[clientID]int{1: 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resources := cpus(tt.cpus)
			resources.Custom = map[string]sched.Amount{"x": sched.Whole(8)}
			d := newDesk(t, resources)
			tt.ask(d)
			for client := clientID(1); client <= 3; client++ {
				got := 0
				for _, s := range d.sent[client] {
					if s.kind == wire.KindLeaseReclaim {
						got++
					}
				}
				if got != tt.want[client] {
					t.Errorf("client %d was asked for %d leases, want %d", client, got, tt.want[client])
				}
			}
		})
	}
}

// TestDeeperRequestsKeepWhatTheyLack: and only that.
func TestDeeperRequestsKeepWhatTheyLack(t *testing.T) {
	resources := cpus(3)
	resources.Custom = map[string]sched.Amount{"x": sched.Whole(1)}
	d := newDesk(t, resources)
	d.ask(1, 1, id.Job{}, 2, 0, oneCPU)
	d.ask(2, 1, id.Job{}, 1, 1, map[string]float64{"cpu": 2})
	d.ask(1, 2, id.Job{}, 1, 0, oneCPU)
	d.ask(1, 3, id.Job{}, 1, 0, map[string]float64{"x": 1})
	if got := messages[wire.LeaseGrant](d, 2); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	got := messages[wire.LeaseGrant](d, 1)
	if len(got) != 3 || got[2].Request != 3 {
		t.Errorf("granted beside a deeper request that waits: %+v", got)
	}
	d.giveBack(1, got[0].Lease, d.now)
	d.do()
	if deep := messages[wire.LeaseGrant](d, 2); len(deep) != 1 {
		t.Errorf("%+v", deep)
	}
}

// TestNestedTasks: on one processor tasks of two jobs start tasks, to any depth, and wait for them. All end.
func TestNestedTasks(t *testing.T) {
	for seed := range uint64(20) {
		d := newDesk(t, cpus(1+int(seed%2)))
		s := nesting{desk: d, random: rand.New(rand.NewPCG(seed, 1)), open: map[demandKey][]*nested{}}
		ids := id.NewGenerator([8]byte{3})
		jobs := []id.Job{{ID: ids.Next()}, {ID: ids.Next()}}
		for i := range 12 {
			s.submit(nil, jobs[i%2], 0, 1+s.random.IntN(6))
		}
		for range 5000 {
			if s.done == s.made {
				break
			}
			s.step()
		}
		if s.done != s.made {
			t.Fatalf("seed %d: %d of %d tasks ended", seed, s.done, s.made)
		}
	}
}

// nesting plays the clients of nested tasks.
type nesting struct {
	*desk
	random     *rand.Rand
	requests   uint64
	open       map[demandKey][]*nested
	running    []*nested
	made, done int
}

type nested struct {
	parent   *nested
	job      id.Job
	depth    int
	children int // that it will make
	waits    int // for as many
	lease    id.Lease
	worker   id.Worker
	client   clientID
}

func (s *nesting) submit(parent *nested, job id.Job, depth, children int) {
	s.made++
	s.requests++
	client := clientID(1 + depth) // a worker is a client too
	x := &nested{parent: parent, job: job, depth: depth, children: children, client: client}
	s.open[demandKey{client, s.requests}] = append(s.open[demandKey{client, s.requests}], x)
	s.ask(client, s.requests, job, 1, depth, oneCPU)
}

func (s *nesting) step() {
	for client := clientID(1); client < 12; client++ {
		for _, g := range messages[wire.LeaseGrant](s.desk, client) {
			key := demandKey{client, g.Request}
			x := s.open[key][0]
			s.open[key] = s.open[key][1:]
			x.lease, x.worker = g.Lease, g.Worker
			s.running = append(s.running, x)
		}
	}
	if len(s.running) == 0 {
		s.pass(time.Second)
		return
	}
	i := s.random.IntN(len(s.running))
	x := s.running[i]
	switch {
	case x.waits > 0:
	case x.children > 0:
		n := 1 + s.random.IntN(2)
		x.waits, x.children = n, x.children-1
		s.block(x.worker, x.lease, s.now)
		s.do()
		for range n {
			s.submit(x, x.job, x.depth+1, min(x.children, max(0, 3-x.depth)))
		}
	default:
		s.running = slices.Delete(s.running, i, i+1)
		s.done++
		s.giveBack(x.client, x.lease, s.now)
		s.do()
		if p := x.parent; p != nil {
			p.waits--
			if p.waits == 0 {
				s.resume(p.worker, p.lease, s.now)
				s.do()
			}
		}
	}
}

// TestWanted: who holds what another request waits for is told so once, also in a bundle; who holds something else is not.
func TestWanted(t *testing.T) {
	d := newFarDesk(t)
	d.far.pins[9] = true
	group := id.New[id.PlacementGroup]()
	if err := d.reserve(group, []headwire.BundlePart{{Index: 0, Resources: cpus(1)}}, d.now); err != nil {
		t.Fatal(err)
	}
	ask := func(number uint64, program string) {
		in := wire.Class{Program: program, Resources: oneCPU, Strategy: headwire.StrategyText(sched.InGroup(group, 0, false))}
		d.request(9, &wire.LeaseRequest{Request: number, Slots: 1, Class: in}, d.now)
		d.pass(time.Millisecond)
	}
	wanted := func() (list []id.Lease) {
		for _, s := range d.sent[9] {
			if s.kind == wire.KindLeaseWanted {
				list = append(list, s.body.(wire.LeaseID).Lease)
			}
		}
		return list
	}
	ask(1, "p")
	grants := messages[wire.LeaseGrant](d, 9)
	if len(grants) != 1 || len(wanted()) != 0 {
		t.Fatalf("%+v, %v", grants, wanted())
	}
	ask(2, "q")
	d.pass(time.Millisecond)
	if got := wanted(); len(got) != 1 || got[0] != grants[0].Lease {
		t.Errorf("%v, want %v", got, grants[0].Lease)
	}
	d.giveBack(9, grants[0].Lease, d.now)
	d.do()
	if got := messages[wire.LeaseGrant](d, 9); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}
