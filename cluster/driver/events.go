package driver

import (
	"errors"
	"strings"
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
	lost [wire.TaskStates]uint64
}

// note records that a task has entered a state.
func (l *eventLog) note(t *task, state wire.TaskState, at time.Time, worker id.Worker) {
	l.noteError(t, state, at, worker, "")
}

// noteError is note with why an attempt failed.
func (l *eventLog) noteError(t *task, state wire.TaskState, at time.Time, worker id.Worker, why string) {
	t.listed.Store(!state.Ended())
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxNoted {
		l.lost[state]++
		return
	}
	if len(why) > wire.MaxEventError {
		why = strings.ToValidUTF8(why[:wire.MaxEventError], "") // it may have been cut in a letter
	}
	l.list = append(l.list, wire.TaskEvent{Task: t.id(), Name: t.spec.Name, State: state, Nanos: at.UnixNano(), Worker: worker, Attempt: uint64(t.attempt), Error: why})
}

// ended records how an attempt ended.
func (l *eventLog) ended(t *task, m *wire.Result, worker id.Worker) {
	now, why := time.Now(), ""
	if m.Failure != nil {
		why = m.Failure.Message
	}
	l.note(t, wire.TaskRunning, now.Add(-time.Duration(m.Nanos)), worker)
	l.noteError(t, stateOf(m.Status), now, worker, why)
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
	l.noteError(t, state, time.Now(), id.Worker{}, err.Error())
}

// take returns what was noted since the last time, and counts what was not.
func (l *eventLog) take() (list []wire.TaskEvent, lost [wire.TaskStates]uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list, lost = l.list, l.lost
	l.list, l.free, l.lost = l.free, nil, [wire.TaskStates]uint64{}
	return list, lost
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
	if list, lost := d.events.take(); len(list) > 0 {
		m := wire.Events{Job: d.conf.Job, List: list, Dropped: lost}
		_ = d.node.Send(wire.KindEvents, m.Append) // without the node nobody asks
		d.events.reuse(list)
	}
}
