//go:build unix

package node

import (
	"testing"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// BenchmarkLease: from the request to the grant on a worker that is ready.
func BenchmarkLease(b *testing.B) {
	n, err := Start(b.Context(), Config{Starter: Processes{}, Resources: cpus(2)})
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
