package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// workerState is where a worker is in its life.
type workerState int

const (
	workerStarting workerState = iota // its process was asked for, but it does not accept connections yet
	workerReady
	workerEnding // it was told to end, and takes no more leases
)

var workerStates = [...]string{"starting", "ready", "ending"}

func (s workerState) String() string { return workerStates[s] }

// worker is a process, as the book sees it.
type worker struct {
	id      id.Worker
	class   wire.Class
	key     string // of a shared one
	shared  bool
	devices []string
	state   workerState
	pid     int
	address string
	leases  map[id.Lease]*lease
	since   time.Time // it was asked for
	idle    time.Time // it has been without leases since
	limit   int64     // bytes of memory, of a worker of its own; 0 for none
	bundle  *sched.BundleKey
}

// ended says how a worker process ended.
type ended struct {
	reason      string
	outOfMemory bool
	killed      bool // from outside, by SIGKILL: that says nothing of the program
	culprits    []id.Task
	output      string // the end of what it wrote to stderr
}

// start asks for a worker process.
func (b *book) start(c *class, devices []string, now time.Time) *worker {
	w := &worker{
		id: id.Worker{ID: b.conf.ids.Next()}, class: c.worker(), shared: !c.dedicated, devices: devices, leases: map[id.Lease]*lease{},
		since: now, idle: now, bundle: c.bundle,
	}
	if w.shared {
		w.key = c.key
		b.shared[w.key] = w
	} else {
		w.limit = c.resources.Memory
	}
	b.workers[w.id] = w
	b.out = append(b.out, startWorker{w.id, w.class, devices})
	return w
}

// prestart starts a shared worker of a program that was registered, so that the first task finds it.
func (b *book) prestart(program string, now time.Time) {
	c, err := parseClass(wire.Class{Program: program})
	if err == nil && b.shared[c.key] == nil {
		b.start(c, nil, now)
	}
}

// join puts a lease on a worker.
func (b *book) join(l *lease, devices []string, now time.Time) {
	var w *worker
	if !l.class.dedicated {
		w = b.shared[l.class.key]
	}
	if w == nil {
		w = b.start(l.class, devices, now)
	}
	l.worker = w
	w.leases[l.id] = l
	if w.state == workerReady {
		b.grant(l, now)
	}
}

// leave takes a lease off its worker. A worker of its own ends with it.
func (b *book) leave(l *lease, now time.Time) {
	w := l.worker
	delete(w.leases, l.id)
	if len(w.leases) > 0 || w.state == workerEnding {
		return
	}
	w.idle = now
	if !w.shared {
		b.stop(w, "")
		return
	}
	b.trim()
}

// stop tells a worker to end.
func (b *book) stop(w *worker, reason string) {
	b.condemn(w.id)
	b.out = append(b.out, stopWorker{w.id, reason})
}

// condemn takes no new leases on a worker that is about to be killed.
func (b *book) condemn(which id.Worker) {
	if w := b.workers[which]; w != nil && w.state != workerEnding {
		w.state = workerEnding
		if b.shared[w.key] == w {
			delete(b.shared, w.key)
		}
	}
}

// started notes the process of a worker.
func (b *book) started(which id.Worker, pid int) {
	if w := b.workers[which]; w != nil {
		w.pid = pid
	}
}

// ready takes a WorkerReady: those who wait for the worker get their leases.
func (b *book) ready(which id.Worker, address string, now time.Time) {
	w := b.workers[which]
	if w == nil || w.state != workerStarting {
		return
	}
	w.state, w.address = workerReady, address
	delete(b.failed, w.key)
	for _, l := range w.sortedLeases() {
		b.grant(l, now)
	}
	b.schedule(now)
}

// workerEnded takes the end of a worker, planned or not.
func (b *book) workerEnded(which id.Worker, how ended, now time.Time) {
	w := b.workers[which]
	if w == nil {
		return
	}
	w.state = workerEnding
	delete(b.workers, which)
	if b.shared[w.key] == w {
		delete(b.shared, w.key)
	}
	told := map[clientID]*wire.WorkerExited{}
	var order []clientID
	var orphans []*lease
	for _, l := range w.sortedLeases() {
		if !l.granted {
			orphans = append(orphans, l)
			continue
		}
		b.end(l, now)
		m := told[l.from.client]
		if m == nil {
			m = &wire.WorkerExited{Worker: which, Reason: how.reason, OutOfMemory: how.outOfMemory, Culprits: how.culprits, Output: how.output}
			told[l.from.client] = m
			order = append(order, l.from.client)
		}
		m.Leases = append(m.Leases, l.id)
	}
	for _, c := range order {
		b.send(c, wire.KindWorkerExited, *told[c])
	}
	b.startAgain(w, orphans, how, now)
	b.schedule(now)
}

// startAgain starts another worker for the leases that waited for one, or after several tries tells their clients.
func (b *book) startAgain(w *worker, orphans []*lease, how ended, now time.Time) {
	if len(orphans) == 0 {
		return
	}
	failed := 0
	if w.shared {
		b.failed[w.key]++
		failed = b.failed[w.key]
	} else {
		orphans[0].tries++
		failed = orphans[0].tries
	}
	allowed := tries
	if how.killed {
		allowed = triesKilled
	}
	if failed < allowed {
		for _, l := range orphans {
			b.join(l, w.devices, now)
		}
		return
	}
	delete(b.failed, w.key)
	reason := fmt.Sprintf("its worker process could not be started, in %d tries: %s", failed, how.reason)
	if how.output != "" {
		reason += "\n" + how.output
	}
	for _, l := range orphans {
		if b.leases[l.id] == nil {
			continue // dropped with its demand
		}
		d := b.demands[l.from]
		b.end(l, now)
		if d != nil {
			b.drop(d, reason, now)
		}
	}
}

// drop refuses a request whose worker cannot be started.
func (b *book) drop(d *demand, reason string, now time.Time) {
	d.want = 0
	b.withdraw(d, d.coming, now)
	b.recall(d, d.away)
	b.remove(d)
	b.send(d.client, wire.KindLeaseRefused, wire.LeaseRefused{Request: d.number, Reason: reason})
}

// deny refuses what a request still wants, which can never be had here. What is coming stays.
func (b *book) deny(d *demand, reason string) {
	d.want = 0
	b.send(d.client, wire.KindLeaseRefused, wire.LeaseRefused{Request: d.number, Reason: reason, Infeasible: true})
	b.forget(d)
}

// tickWorkers ends workers that do not get ready, and those that nobody has needed for a while.
func (b *book) tickWorkers(now time.Time) {
	for _, w := range b.sortedWorkers() {
		switch {
		case w.state == workerStarting && now.Sub(w.since) >= b.conf.ready:
			b.stop(w, fmt.Sprintf("it was not ready within %v", b.conf.ready))
		case w.state == workerReady && len(w.leases) == 0 && now.Sub(w.idle) >= b.conf.idle:
			b.stop(w, "")
		}
	}
	b.trim()
}

// trim ends the longest idle of too many idle workers: each new environment of a program brings another one.
func (b *book) trim() {
	var idle []*worker
	for _, w := range b.shared {
		if w.state == workerReady && len(w.leases) == 0 {
			idle = append(idle, w)
		}
	}
	if len(idle) <= b.conf.maxIdle {
		return
	}
	slices.SortFunc(idle, func(x, y *worker) int { return cmp.Or(x.idle.Compare(y.idle), x.id.Compare(y.id.ID)) })
	for _, w := range idle[:len(idle)-b.conf.maxIdle] {
		b.stop(w, "")
	}
}

func (b *book) sortedWorkers() []*worker {
	return slices.SortedFunc(maps.Values(b.workers), func(x, y *worker) int { return x.id.Compare(y.id.ID) })
}

func (w *worker) sortedLeases() []*lease {
	return slices.SortedFunc(maps.Values(w.leases), func(x, y *lease) int { return cmp.Compare(x.order, y.order) })
}
