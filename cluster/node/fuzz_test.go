package node

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// FuzzBook: whatever clients and workers do, in any order, the accounts add up; and when clients return what they are granted, all that
// is feasible is granted.
func FuzzBook(f *testing.F) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 2))
		script := make([]byte, 400)
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 1000 {
			return
		}
		d := newDesk(t, sched.Resources{CPU: sched.Whole(3), GPU: sched.Whole(2), Memory: 8, Custom: map[string]sched.Amount{"x": sched.Whole(2)}})
		d.conf.maxIdle = 2
		p := &player{desk: d, script: script}
		for len(p.script) > 0 {
			p.step()
			p.settle()
		}
		p.finish()
	})
}

// player does what a script says.
type player struct {
	*desk
	script []byte
	held   []heldLease
	wanted []id.Lease // holds
}

type heldLease struct {
	client clientID
	grant  wire.LeaseGrant
}

var fuzzClasses = []wire.Class{
	{}, {Resources: oneCPU}, {Resources: map[string]float64{"cpu": 2}}, {Resources: map[string]float64{"cpu": 0.5, "x": 1}},
	{Resources: map[string]float64{"gpu": 1}}, {Resources: map[string]float64{"gpu": 0.5}}, {Resources: map[string]float64{"gpu": 2, "cpu": 1}},
	{Resources: map[string]float64{"memory": 3}}, {Isolated: true}, {Environment: "e", Resources: oneCPU}, {Resources: map[string]float64{"cpu": 9}},
	{Environment: "f", Resources: map[string]float64{"x": 2}},
}

func (p *player) byte(n int) int {
	if len(p.script) == 0 {
		return 0
	}
	b := p.script[0]
	p.script = p.script[1:]
	return int(b) % n
}

var class0 class

const fuzzClients = 4

func (p *player) step() {
	p.manual = p.byte(4) == 0
	switch what := p.byte(13); {
	case what < 4:
		client, number := clientID(1+p.byte(fuzzClients)), uint64(p.byte(3))
		class := fuzzClasses[p.byte(len(fuzzClasses))]
		m := wire.LeaseRequest{Request: number, Job: id.Job{ID: id.ID{byte(1 + int(client)%3)}}, Class: class, Slots: p.byte(6), Depth: p.byte(3)}
		p.request(client, &m, p.now)
	case what == 4:
		p.pass(time.Duration(p.byte(256)) * 100 * time.Millisecond)
	case what == 5:
		client := clientID(1 + p.byte(fuzzClients))
		p.held = slices.DeleteFunc(p.held, func(h heldLease) bool { return h.client == client })
		p.clientGone(client, p.now)
	case what == 6:
		if all := p.sortedWorkers(); len(all) > 0 {
			p.workerEnded(all[p.byte(len(all))].id, ended{reason: "killed"}, p.now)
		}
	case what == 7:
		for _, w := range p.sortedWorkers() {
			p.ready(w.id, "/late", p.now)
		}
	case what == 11:
		slot := id.Lease{ID: p.conf.ids.Next()}
		p.wanted = append(p.wanted, slot)
		class, err := parseClass(fuzzClasses[p.byte(len(fuzzClasses))])
		if err != nil || class.resources.CPU > sched.Whole(3) {
			class = &class0
		}
		p.hold(slot, class.resources, p.now)
	case what == 12:
		if len(p.wanted) > 0 {
			p.unhold(p.wanted[0], p.now)
			p.wanted = p.wanted[1:]
		}
	case len(p.held) == 0:
	case what == 8:
		i := p.byte(len(p.held))
		p.giveBack(p.held[i].client, p.held[i].grant.Lease, p.now)
		p.held = slices.Delete(p.held, i, i+1)
	case what == 9:
		h := p.held[p.byte(len(p.held))]
		p.block(h.grant.Worker, h.grant.Lease, p.now)
	default:
		h := p.held[p.byte(len(p.held))]
		p.resume(h.grant.Worker, h.grant.Lease, p.now)
	}
	p.do()
}

// settle takes what came to the clients, and holds what they know against the book.
func (p *player) settle() {
	for client := clientID(1); client <= fuzzClients; client++ {
		for _, s := range p.sent[client] {
			switch m := s.body.(type) {
			case wire.LeaseGrant:
				p.held = append(p.held, heldLease{client: client, grant: m})
			case wire.WorkerExited:
				p.held = slices.DeleteFunc(p.held, func(h heldLease) bool { return h.client == client && slices.Contains(m.Leases, h.grant.Lease) })
			}
		}
		p.sent[client] = nil
	}
	granted := 0
	for _, l := range p.leases {
		if l.granted {
			granted++
		}
	}
	if granted != len(p.held) {
		p.t.Fatalf("clients hold %d leases, the book has granted %d", len(p.held), granted)
	}
	for _, h := range p.held {
		l := p.leases[h.grant.Lease]
		if l == nil || l.from.client != h.client || l.count != h.grant.Slots || l.worker.id != h.grant.Worker {
			p.t.Fatalf("client %d holds %+v, which the book knows as %+v", h.client, h.grant, l)
		}
	}
}

// finish lets clients return what they have and get, until nobody wants anything.
func (p *player) finish() {
	p.manual = false
	for range 500 {
		for _, w := range p.sortedWorkers() {
			p.ready(w.id, "/late", p.now)
		}
		p.do()
		p.settle()
		for _, h := range p.held {
			p.giveBack(h.client, h.grant.Lease, p.now)
		}
		p.held = nil
		for slot := range p.book.held {
			p.unhold(slot, p.now)
		}
		p.pass(time.Second)
		p.settle()
		if len(p.demands)+len(p.held)+len(p.holds)+len(p.book.held) == 0 {
			break
		}
	}
	if len(p.holds) > 0 {
		p.t.Fatalf("%d entrypoints do not get what they want", len(p.holds))
	}
	if len(p.demands) > 0 || len(p.leases) > 0 {
		p.t.Fatalf("%d requests are not served, %d leases not returned", len(p.demands), len(p.leases))
	}
	if pool := p.ledger.Pool(); !pool.Free.Equal(pool.Total) {
		p.t.Fatalf("in the end %v is free of %v", pool.Free, pool.Total)
	}
}
