package node

import (
	"context"
	"fmt"
	"os"
	"time"

	"mobula/internal/bytesize"
	"mobula/internal/id"
	"mobula/internal/sysmem"
)

// Memory tells how much memory is left and how much a process holds; sysmem.System is this machine's.
type Memory interface {
	Left() (sysmem.Memory, error)
	Resident(pid int) (int64, error)
}

// memoryPeriod is how often memory is looked at.
const memoryPeriod = 250 * time.Millisecond

// significant: only workers that hold at least this part of what the largest holds are stopped for the node's sake. The end of a
// small one would bring nothing.
const significant = 2

// holding is what a worker process holds.
type holding struct {
	worker   id.Worker
	pid      int
	limit    int64 // bytes, 0 for none
	held     int64
	youngest time.Time // of its leases
}

// victim is a worker to stop, and why.
type victim struct {
	worker id.Worker
	reason string
}

// overLimit lists the workers that hold more than they may.
func overLimit(all []holding) (found []victim) {
	for _, h := range all {
		if h.limit > 0 && h.held > h.limit {
			found = append(found, victim{h.worker, fmt.Sprintf("out of memory: it held %s, and its memory limit is %s: ask for more memory, or hold less at a time",
				bytesize.Format(h.held), bytesize.Format(h.limit))})
		}
	}
	return found
}

// nearEnd chooses the worker to stop when less than a part of all memory is left: of those that hold much, the one with the youngest lease,
// which loses least; of equal ones the largest.
func nearEnd(all []holding, left sysmem.Memory, most float64) (victim, bool) {
	if used := float64(left.Total - left.Available); used <= most*float64(left.Total) {
		return victim{}, false
	}
	largest := int64(0)
	for _, h := range all {
		largest = max(largest, h.held)
	}
	var best *holding
	for i := range all {
		h := &all[i]
		if h.held == 0 || h.held < largest/significant {
			continue
		}
		if best == nil || h.youngest.After(best.youngest) || h.youngest.Equal(best.youngest) && h.held > best.held {
			best = h
		}
	}
	if best == nil {
		return victim{}, false
	}
	return victim{best.worker, fmt.Sprintf(
		"out of memory: it held %s, and of the %s that this node has %s were left (workers are stopped when more than %.0f%% are in use): run fewer tasks at a time by giving them a memory size, or hold less",
		bytesize.Format(best.held), bytesize.Format(left.Total), bytesize.Format(left.Available), 100*most)}, true
}

// watchMemory stops workers that hold more than they may, and one after the other while the node is near its end.
func (n *Node) watchMemory(ctx context.Context) {
	tick := time.NewTicker(memoryPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.checkMemory()
		}
	}
}

func (n *Node) checkMemory() {
	workers, ending := n.holdings()
	if len(workers) == 0 {
		return
	}
	left, err := n.conf.Memory.Left()
	near := err == nil && float64(left.Total-left.Available) > n.conf.MemoryUse*float64(left.Total)
	for i := range workers {
		if near || workers[i].limit > 0 {
			workers[i].held, _ = n.conf.Memory.Resident(workers[i].pid) // 0 when it has just ended
		}
	}
	victims := overLimit(workers)
	if near && len(victims) == 0 && !ending { // what the last one held comes back first
		if v, ok := nearEnd(workers, left, n.conf.MemoryUse); ok {
			victims = append(victims, v)
		}
	}
	for _, v := range victims {
		n.logger.Warn("a worker is stopped", "worker", v.worker, "reason", v.reason)
		n.kill(v.worker, v.reason)
	}
}

// holdings lists the workers with processes of their own, and says whether one is being stopped for lack of memory.
func (n *Node) holdings() (all []holding, ending bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range n.book.sortedWorkers() {
		p := n.procs[w.id]
		if w.pid == 0 || w.pid == os.Getpid() || p == nil {
			continue
		}
		if p.outOfMemory {
			ending = true
			continue
		}
		h := holding{worker: w.id, pid: w.pid, limit: w.limit}
		for _, l := range w.leases {
			if l.since.After(h.youngest) {
				h.youngest = l.since
			}
		}
		all = append(all, h)
	}
	return all, ending
}
