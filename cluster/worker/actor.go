package worker

import (
	"sync"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

// actor is a value with a mailbox.
type actor struct {
	w     *Worker
	maker *conn // it ends with that connection
	// devices are the GPUs that its constructor was given: calls may come by other connections.
	devices []string

	mu          sync.Mutex // guards below
	value       any
	concurrency int
	running     int
	ready       bool
	failed      bool // its constructor
	queue       fifo[*Task]
	active      map[*Task]bool
}

// create runs an actor's constructor; calls that arrive meanwhile wait.
func (w *Worker) create(t *Task) {
	a := &actor{w: w, maker: t.conn, devices: t.Devices, concurrency: max(1, int(t.Concurrency)), active: map[*Task]bool{}}
	w.mu.Lock()
	w.actors[t.Actor] = a
	w.mu.Unlock()
	w.start(func() {
		t.run(w.exec, func(out Outcome) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.value, a.ready, a.failed = out.Actor, true, out.Failure != nil
			a.startLocked()
		})
	})
}

// call queues a call.
func (w *Worker) call(t *Task) {
	w.mu.Lock()
	a := w.actors[t.Actor]
	w.mu.Unlock()
	if a == nil {
		t.refuse(wire.StatusActorGone, nil)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.queue.push(t)
	a.startLocked()
}

// kill forgets an actor. Calls that wait fail; one that runs is canceled.
func (w *Worker) kill(actor id.Actor) {
	w.mu.Lock()
	a := w.actors[actor]
	delete(w.actors, actor)
	w.mu.Unlock()
	if a == nil {
		return
	}
	a.mu.Lock()
	waiting := a.queue.takeAll()
	for t := range a.active {
		t.cancelNow()
	}
	a.mu.Unlock()
	for _, t := range waiting {
		t.refuse(wire.StatusActorGone, nil)
	}
}

// startLocked starts as many runners as there is work and concurrency for; a.mu is held.
func (a *actor) startLocked() {
	if !a.ready {
		return
	}
	for n := a.queue.len(); n > 0 && a.running < a.concurrency; n-- {
		a.running++
		a.w.startLoop(a.work)
	}
}

// work runs calls until none waits.
func (a *actor) work() {
	for {
		a.mu.Lock()
		t, ok := a.queue.pop()
		if !ok {
			a.running--
			a.mu.Unlock()
			return
		}
		if a.failed {
			a.mu.Unlock()
			t.refuse(wire.StatusActorGone, nil) // the driver has been told why
			continue
		}
		t.State, t.Devices = a.value, a.devices
		a.active[t] = true
		a.mu.Unlock()
		t.run(a.w.exec, func(Outcome) {
			a.mu.Lock()
			defer a.mu.Unlock()
			delete(a.active, t)
		})
	}
}

// fifo is a queue that reuses its memory.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(v T) {
	if q.head > 64 && q.head*2 > len(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v)
}

func (q *fifo[T]) pop() (v T, ok bool) {
	if q.len() == 0 {
		return v, false
	}
	v = q.items[q.head]
	var zero T
	q.items[q.head] = zero
	q.head++
	return v, true
}

// takeAll empties the queue.
func (q *fifo[T]) takeAll() []T {
	all := q.items[q.head:]
	q.items, q.head = nil, 0
	return all
}
