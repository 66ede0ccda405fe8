package driver

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// exitPatience is how long the node's word on how a worker ended is waited for.
const exitPatience = 3 * time.Second

// lost handles the end of the worker: it finds out why, and tries again what can be.
func (l *lease) lost(cause error) {
	d := l.d
	d.mu.Lock()
	l.closing, l.dead = true, true
	l.forget()
	d.mu.Unlock()
	exit, told := l.awaitExit(cause)
	if !told && !l.attached {
		_ = d.node.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: l.grant.Lease})) // the worker lives, and is out of reach
	}
	d.mu.Lock()
	delete(d.leases, l.grant.Lease)
	list := l.abandoned()
	actors := l.actors
	l.actors = nil
	again, failed := l.judge(list, exit)
	l.class.addFirst(again)
	d.pump(l.class)
	d.mu.Unlock()
	for _, t := range failed {
		t.resolve(wire.Payload{}, &fault.WorkerDiedError{Task: t.id(), Name: t.spec.Name, Attempts: t.attempt, Worker: l.grant.Worker,
			Reason: exit.Reason, Output: exit.Output, OutOfMemory: exit.OutOfMemory})
	}
	for a := range actors {
		a.lostWorker(exit.Reason, list)
	}
}

// awaitExit waits for the node's word on how the worker ended, for a while.
func (l *lease) awaitExit(cause error) (exit *wire.WorkerExited, told bool) {
	if !l.attached {
		select {
		case e := <-l.exited:
			return e, true
		case <-l.d.ctx.Done():
		case <-time.After(exitPatience):
		}
	}
	return &wire.WorkerExited{Reason: fmt.Sprintf("the connection to it ended (%v)", cause)}, false
}

// abandoned takes what was in flight, in the order of pushing; Driver.mu is held.
func (l *lease) abandoned() []*task {
	list := make([]*task, 0, len(l.inflight))
	for _, t := range l.inflight {
		t.lease = nil
		list = append(list, t)
	}
	l.inflight = map[id.Task]*task{}
	l.load = 0
	slices.SortFunc(list, func(a, b *task) int { return cmp.Compare(a.sequence, b.sequence) })
	return list
}

// judge says which ordinary tasks run again and which have failed. Those that the runtime's report names pay with an attempt;
// where it names none, those that may have been running do: the first, as many as there were slots. Driver.mu is held.
func (l *lease) judge(list []*task, exit *wire.WorkerExited) (again, failed []*task) {
	begun := l.slots
	for _, t := range list {
		if t.actor != nil || t.over {
			continue
		}
		suspect := begun > 0
		begun--
		if len(exit.Culprits) > 0 {
			suspect = slices.Contains(exit.Culprits, t.id())
		}
		switch {
		case suspect && t.spec.Retries >= 0 && t.attempt > t.spec.Retries, !suspect && t.reruns >= maxReruns:
			failed = append(failed, t)
			continue
		case suspect:
			l.d.events.noteError(t, wire.TaskRetried, time.Now(), l.grant.Worker, exit.Reason)
			l.d.progress.retried(t)
			t.attempt++
		default:
			t.reruns++
		}
		again = append(again, t)
	}
	return again, failed
}
