//go:build unix

package node

import (
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/id"
	"mobula/internal/sysmem"
)

func TestMemoryVerdicts(t *testing.T) {
	ids := id.NewGenerator([8]byte{1})
	small, large, young := id.Worker{ID: ids.Next()}, id.Worker{ID: ids.Next()}, id.Worker{ID: ids.Next()}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	const gb = 1 << 30
	all := []holding{{small, 1, 0, gb, at(9)}, {large, 2, 6 * gb, 7 * gb, at(1)}, {young, 3, 8 * gb, 4 * gb, at(5)}}
	over := overLimit(all)
	if len(over) != 1 || over[0].worker != large || over[0].reason != "out of memory: it held 7 GiB, and its memory limit is 6 GiB: ask for more memory, or hold less at a time" {
		t.Errorf("%+v", over)
	}
	tests := []struct {
		name string
		all  []holding
		left int64
		want id.Worker
	}{
		{"enough is left", all, gb, id.Worker{}},
		{"of those that hold much the youngest", all, gb / 2, young},
		{"of equal ones the largest", []holding{{small, 1, 0, 3 * gb, at(5)}, {large, 2, 0, 4 * gb, at(5)}}, 0, large},
		{"nobody holds anything", []holding{{small, 1, 0, 0, at(5)}}, 0, id.Worker{}},
		{"nobody", nil, 0, id.Worker{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, ok := nearEnd(tt.all, sysmem.Memory{Total: 16 * gb, Available: tt.left}, 0.95)
			if v.worker != tt.want || ok != !tt.want.IsZero() {
				t.Errorf("%+v", v)
			}
		})
	}
	v, _ := nearEnd(all, sysmem.Memory{Total: 16 * gb, Available: gb / 2}, 0.95)
	const want = "out of memory: it held 4 GiB, and of the 16 GiB that this node has 512 MiB were left (workers are stopped when more than 95% are in use): " +
		"run fewer tasks at a time by giving them a memory size, or hold less"
	if v.reason != want {
		t.Error(v.reason)
	}
}

func TestAWorkerOverItsLimitIsStopped(t *testing.T) {
	n := startNode(t, nil)
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	f.request(wire.LeaseRequest{Request: 1, Job: job, Slots: 1, Class: wire.Class{Program: "test", Resources: map[string]float64{"memory": 64 << 20}}})
	g := expect[wire.LeaseGrant](f)
	tell(t, g.Address, "hold 1")
	tell(t, g.Address, "hold 100")
	m := expect[wire.WorkerExited](f)
	if !m.OutOfMemory || m.Leases[0] != g.Lease || !strings.Contains(m.Reason, "its memory limit is 64 MiB") {
		t.Errorf("%+v", m)
	}
}

// fakeMemory says what a test wants.
type fakeMemory struct {
	mu   sync.Mutex // guards below
	left sysmem.Memory
	held map[int]int64
}

func (m *fakeMemory) Left() (sysmem.Memory, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left, nil
}

func (m *fakeMemory) Resident(pid int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held[pid], nil
}

func TestANodeNearItsEndStopsAWorker(t *testing.T) {
	memory := &fakeMemory{left: sysmem.Memory{Total: 1000, Available: 900}, held: map[int]int64{}}
	n := startNode(t, func(c *Config) { c.Memory = memory })
	job := id.New[id.Job]()
	f := connect(t, n.Address(), driverHello(job))
	var grants []wire.LeaseGrant
	for i := range 2 {
		m := oneSlot(uint64(i), job)
		m.Class.Isolated = true
		f.request(m)
		grants = append(grants, expect[wire.LeaseGrant](f))
	}
	memory.mu.Lock()
	memory.left.Available = 10
	memory.held[grants[0].PID], memory.held[grants[1].PID] = 500, 400
	memory.mu.Unlock()
	m := expect[wire.WorkerExited](f)
	memory.mu.Lock()
	memory.left.Available = 410
	memory.mu.Unlock()
	if !m.OutOfMemory || m.Worker != grants[1].Worker || !strings.Contains(m.Reason, "it held 400 B") {
		t.Errorf("%+v", m)
	}
}
