//go:build unix

package node

import (
	"testing"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// BenchmarkLease: from the request to the grant on a worker that is ready.
func BenchmarkLease(b *testing.B) {
	b.Run("alone", func(b *testing.B) { benchmarkLease(b, nil) })
	b.Run("with a head", func(b *testing.B) {
		h, err := head.Start(b.Context(), head.Config{})
		if err != nil {
			b.Fatal(err)
		}
		defer h.Close()
		benchmarkLease(b, &HeadConfig{Dial: h.Dial})
	})
}

func benchmarkLease(b *testing.B, with *HeadConfig) {
	b.Helper()
	n, err := Start(b.Context(), Config{Starter: Processes{}, Resources: cpus(2), Head: with})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	job := id.New[id.Job]()
	f := connect(b, n.Address(), driverHello(job))
	number := uint64(0)
	for b.Loop() {
		number++
		if err := f.c.Send(wire.KindLeaseRequest, wire.JSON(oneSlot(number, job))); err != nil {
			b.Fatal(err)
		}
		g := (<-f.inbox).(wire.LeaseGrant)
		if err := f.c.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: g.Lease})); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWorker: from the request to the grant on a process that is started for it.
func BenchmarkWorker(b *testing.B) {
	n, err := Start(b.Context(), Config{Starter: Processes{}, Resources: cpus(2)})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	job := id.New[id.Job]()
	f := connect(b, n.Address(), driverHello(job))
	m := oneSlot(0, job)
	m.Class.Isolated = true
	for b.Loop() {
		m.Request++
		f.request(m)
		f.giveBack((<-f.inbox).(wire.LeaseGrant).Lease)
	}
}

// BenchmarkLeaseElsewhere: from the request to the grant on another node, by way of the head.
func BenchmarkLeaseElsewhere(b *testing.B) {
	h, err := head.Start(b.Context(), head.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	token := h.JoinToken()
	var nodes []*Node
	for i := range 2 {
		c := Config{Starter: Processes{}, Resources: cpus(2), Head: &HeadConfig{Addresses: []string{h.Address()}, Token: &token}}
		if i == 1 {
			license(&c)
		}
		n, err := Start(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		defer n.Close()
		nodes = append(nodes, n)
	}
	job := id.New[id.Job]()
	f := connect(b, nodes[0].Address(), driverHello(job))
	m := oneSlot(0, job)
	m.Class.Resources = map[string]float64{"license": 0.001}
	for b.Loop() {
		m.Request++
		f.request(m)
		f.giveBack((<-f.inbox).(wire.LeaseGrant).Lease)
	}
}

// BenchmarkManyWait: a request comes and goes where many hold leases and as many wait.
func BenchmarkManyWait(b *testing.B) {
	const many = 200
	ids := id.NewGenerator([8]byte{1})
	conf := bookConfig{
		node: sched.Node{ID: id.Node{ID: ids.Next()}}, ids: ids, ready: time.Minute, idle: time.Minute, maxIdle: 4,
		patience: time.Minute, quantum: time.Minute, tellAfter: time.Minute,
	}
	k, now := newBook(conf, cpus(many), nil), time.Unix(1000, 0)
	ask := func(client clientID, slots int) {
		m := oneSlot(1, id.Job{ID: id.ID{byte(client), byte(client >> 8)}})
		m.Slots = slots
		k.request(client, &m, now)
		for out := k.take(); len(out) > 0; out = k.take() {
			for _, a := range out {
				if start, ok := a.(startWorker); ok {
					k.ready(start.worker, "/", now)
				}
			}
		}
	}
	for i := range clientID(2 * many) {
		ask(i+1, 1)
	}
	for b.Loop() {
		ask(2*many+1, 1)
		ask(2*many+1, 0)
	}
}
