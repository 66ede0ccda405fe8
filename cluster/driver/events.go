package driver

import (
	"errors"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// maxNoted bounds the events between two reports: where tasks are many and short, lists show a part of them.
const maxNoted = 4096

// eventLog collects what became of tasks, for the node's lists and the timeline.
type eventLog struct {
	mu   sync.Mutex // guards below; nothing is locked after it
	list []wire.TaskEvent
	free []wire.TaskEvent // room for the next list
}

// note records that a task has entered a state.
func (l *eventLog) note(t *task, state wire.TaskState, at time.Time, worker id.Worker) {
	t.listed.Store(!state.Ended())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxNoted {
		return
	}
	l.list = append(l.list, wire.TaskEvent{Task: t.id(), Name: t.spec.Name, State: state, Nanos: at.UnixNano(), Worker: worker, Attempt: uint64(t.attempt)})
}

// ended records how an attempt ended that ran for so long.
func (l *eventLog) ended(t *task, state wire.TaskState, took time.Duration, worker id.Worker) {
	now := time.Now()
	l.note(t, wire.TaskRunning, now.Add(-took), worker)
	l.note(t, state, now, worker)
}

// resolved records the end of a task that no worker has reported.
func (l *eventLog) resolved(t *task, err error) {
	if !t.listed.Load() {
		return
	}
	state := wire.TaskFailed
	if _, ok := errors.AsType[*fault.CanceledError](err); ok {
		state = wire.TaskCanceled
	}
	l.note(t, state, time.Now(), id.Worker{})
}

// take returns what was noted since the last time.
func (l *eventLog) take() []wire.TaskEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list, l.free = l.free, nil
	return list
}

// reuse takes back what take has returned.
func (l *eventLog) reuse(list []wire.TaskEvent) {
	clear(list)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free = list[:0]
}

// tell sends the node what it asks for.
func (d *Driver) tell(m wire.Report) {
	d.report()
	var out wire.Reported
	if m.Actors {
		out.Actors = d.ownActors()
	}
	_ = d.node.Send(wire.KindReported, wire.JSON(out)) // without the node nobody asks
}

// ownActors lists the actors that have a worker and live for this driver, as many as are told.
func (d *Driver) ownActors() (list []wire.OwnedActor) {
	workers := map[*Actor]id.Worker{}
	d.mu.Lock()
	for _, l := range d.leases {
		for a := range l.actors {
			if !l.attached && len(workers) < wire.MaxOwnedActors {
				workers[a] = l.grant.Worker
			}
		}
	}
	d.mu.Unlock()
	for a, worker := range workers {
		a.mu.Lock()
		if a.gone == nil && a.made != nil {
			list = append(list, wire.OwnedActor{ID: a.ID(), Class: a.spec.Name, Alive: a.made.Ready(), Restarts: a.restarts, Worker: worker, Created: a.created})
		}
		a.mu.Unlock()
	}
	return list
}

// report sends what was noted to the node.
func (d *Driver) report() {
	if list := d.events.take(); len(list) > 0 {
		m := wire.Events{Job: d.conf.Job, List: list}
		_ = d.node.Send(wire.KindEvents, m.Append) // without the node nobody asks
		d.events.reuse(list)
	}
}
