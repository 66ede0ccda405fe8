//go:build unix

package node

import (
	"context"
	"strings"
	"testing"

	"mobula/cluster/gpu"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

// TestLostDevices: a device that is lost is given to nobody until it is found again.
func TestLostDevices(t *testing.T) {
	changes := make(chan gpu.Change)
	n := startNode(t, func(c *Config) {
		c.Devices = gpu.Simulated(2)
		c.WatchDevices = func(ctx context.Context, changed func(gpu.Change)) {
			for {
				select {
				case c := <-changes:
					changed(c)
				case <-ctx.Done():
					return
				}
			}
		}
	})
	free := func(want int) {
		t.Helper()
		eventually.Holds(t, "the node offers what works", func() bool { return n.info().Free.GPU == sched.Whole(want) })
	}
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	m := oneSlot(1, job)
	m.Class.Resources = map[string]float64{"gpu": 1}
	changes <- gpu.Change{ID: "0", Event: gpu.WasLost, Why: "it fell off the bus"}
	free(1)
	f.request(m)
	g := expect[wire.LeaseGrant](f)
	if len(g.Devices) != 1 || g.Devices[0] != "1" {
		t.Errorf("given %v", g.Devices)
	}
	changes <- gpu.Change{ID: "1", Event: gpu.WasLost}
	free(0)
	m.Request = 2
	f.request(m)
	if r := expect[wire.LeaseRefused](f); !r.Infeasible || !strings.Contains(r.Reason, "do not work") {
		t.Errorf("%+v", r)
	}
	for _, c := range []gpu.Change{{ID: "0", Event: gpu.WasDegraded}, {ID: "another", Event: gpu.WasLost}, {ID: "0", Event: gpu.WasFound}} {
		changes <- c
	}
	free(1)
	m.Request = 3
	f.request(m)
	again := expect[wire.LeaseGrant](f)
	if len(again.Devices) != 1 || again.Devices[0] != "0" {
		t.Errorf("given %v", again.Devices)
	}
	f.giveBack(g.Lease) // of the device that was lost while it was held
	f.giveBack(again.Lease)
	changes <- gpu.Change{ID: "1", Event: gpu.WasFound}
	free(2)
}
