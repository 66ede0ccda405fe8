package driver

import (
	"sync"
	"sync/atomic"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// ActorSpec is what an actor is.
type ActorSpec struct {
	Form        wire.Form // FormActor or FormTryActor
	Name        string
	Closure     wire.Payload // the constructor
	Class       wire.Class
	Values      *wire.Payload // see Spec
	Parts       int
	Depth       int
	Cell        int
	Inputs      []*Object
	Keep        any
	Concurrency int // calls at a time; 0 is 1
	Restarts    int // how often it is made again after its worker has ended; below 0: without end
}

// Actor is a value that lives in a worker.
type Actor struct {
	identity atomic.Pointer[id.Actor] // another's, where that has the name already
	d        *Driver
	spec     ActorSpec
	attached bool              // another driver made it
	created  int64             // ms since 1970
	again    func(life uint64) // has the cluster's next life reached; see named.go

	mu       sync.Mutex // guards below
	lease    *lease     // where it is; nil while it is made or made again
	made     *task      // the constructor's run
	waiting  []*task    // calls until it has a place
	restarts int
	calls    int  // that have not ended
	released bool // nobody holds it: it ends after its calls
	killed   bool
	life     uint64 // of one that the cluster makes: the last that was reached
	gone     error
}

// makeRetries is how often a constructor is tried again whose worker has ended.
const makeRetries = 3

// NewActor starts to make an actor. Calls may follow at once.
func (d *Driver) NewActor(s ActorSpec) *Actor {
	a := d.actor(id.New[id.Actor](), s)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.make()
	return a
}

func (d *Driver) actor(identity id.Actor, s ActorSpec) *Actor {
	a := &Actor{d: d, spec: s, created: time.Now().UnixMilli()}
	a.identity.Store(&identity)
	return a
}

// ID is the actor's identity.
func (a *Actor) ID() id.Actor { return *a.identity.Load() }

// diedOf is the failure of calls.
func (a *Actor) diedOf(reason string) *fault.ActorDiedError {
	return &fault.ActorDiedError{Actor: a.ID(), Name: a.spec.Name, Reason: reason}
}

// make runs the constructor, again if it must; a.mu is held.
func (a *Actor) make() {
	if a.again != nil {
		a.again(a.life)
		return
	}
	t := a.made
	if t == nil || t.Ready() {
		t = &task{d: a.d, actor: a, attempt: 1 + a.restarts, spec: Spec{Form: a.spec.Form, Name: a.spec.Name, Closure: a.spec.Closure, Class: a.spec.Class, Values: a.spec.Values, Parts: a.spec.Parts,
			Depth: a.spec.Depth, Cell: a.spec.Cell, Inputs: a.spec.Inputs, Keep: a.spec.Keep}}
		t.ID, t.task = id.New[id.Object](), t
		a.made = t
	}
	a.d.later(func() {
		t.Then(func() { a.wasMade(t) })
		a.d.whenReady(t, func() { a.d.enqueue(t) })
	})
}

// Made is ready when the constructor has run; its failure is that of all calls.
func (a *Actor) Made() *Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &a.made.Object
}

// wasMade hears that a constructor has ended.
func (a *Actor) wasMade(t *task) {
	err := t.failure()
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.made == t {
		died := a.diedOf("its constructor failed: " + err.Error())
		died.Err = err
		a.end(died)
	}
}

// placed hears that the constructor was pushed on a lease: the calls that wait follow it.
func (a *Actor) placed(l *lease) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	if l.dead || a.gone != nil {
		return // lostWorker, or end, sees to the calls
	}
	a.lease = l
	for _, t := range a.waiting {
		if !t.over {
			l.push(t)
		}
	}
	a.waiting = nil
}

// Call runs a closure on the actor, after the calls that were made before.
func (a *Actor) Call(s Spec) *Object {
	t := &task{d: a.d, spec: s, actor: a, attempt: 1}
	t.ID, t.task = id.New[id.Object](), t
	a.d.progress.begin(t)
	a.mu.Lock()
	a.calls++
	a.mu.Unlock()
	if len(t.spec.Inputs) == 0 {
		a.send(t)
	} else {
		a.d.whenReady(t, func() { a.send(t) })
	}
	return &t.Object
}

func (a *Actor) send(t *task) {
	if err := a.trySend(t); err != nil {
		t.resolve(wire.Payload{}, err)
	}
}

func (a *Actor) trySend(t *task) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone != nil {
		return a.gone
	}
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	switch {
	case a.d.ended != nil:
		return a.d.ended
	case a.lease == nil || a.lease.dead:
		a.waiting = append(a.waiting, t)
	default:
		a.lease.push(t)
	}
	return nil
}

// end marks the actor as gone, and fails the calls that wait or are under way; a.mu is held.
func (a *Actor) end(err error) {
	if a.gone != nil {
		return
	}
	a.gone = err
	list := a.waiting
	l := a.lease
	a.waiting, a.lease = nil, nil
	a.spec.Inputs, a.spec.Keep = nil, nil
	if !a.made.Ready() {
		list = append(list, a.made)
	}
	busy, forget := a.calls > 0, !a.attached || a.killed
	a.d.later(func() {
		if l != nil {
			list = append(list, l.dismiss(a, busy, forget)...)
		}
		for _, t := range list {
			t.resolve(wire.Payload{}, err)
		}
	})
}

// dismiss takes an actor off the lease, and has the worker forget it. It returns the calls that were under way, where it is busy.
func (l *lease) dismiss(a *Actor, busy, forget bool) (under []*task) {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if forget {
		m := wire.KillActor{Actor: a.ID()}
		_ = l.conn.Send(wire.KindKillActor, m.Append) // without its worker it is gone anyway
	}
	delete(l.actors, a)
	l.heard = time.Now()
	if !busy {
		return nil
	}
	for _, t := range l.inflight {
		if t.actor == a {
			t.over = true
			under = append(under, t)
		}
	}
	return under
}

func (a *Actor) died() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone != nil {
		return a.gone
	}
	return a.diedOf("its worker does not have it any more")
}

// Kill ends the actor at once: calls that run or wait fail.
func (a *Actor) Kill() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.killed = true
	a.end(a.diedOf("it was killed"))
}

// Release ends the actor when its calls have ended: nobody can make any more.
func (a *Actor) Release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.released = true
	a.endReleased()
}

func (a *Actor) endReleased() {
	if a.released && a.calls == 0 {
		a.end(a.diedOf("nothing refers to it any more"))
	}
}

// settled hears that a call has ended.
func (a *Actor) settled() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls--
	a.endReleased()
}

// lostWorker hears that the actor's worker has ended, with the calls that were under way there.
func (a *Actor) lostWorker(reason string, under []*task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lease = nil
	died := a.diedOf("its worker ended: " + reason)
	var resend, lost []*task
	again := a.gone == nil && (a.spec.Restarts < 0 || a.restarts < a.spec.Restarts)
	if !a.made.Ready() {
		a.made.attempt++ // 1 and the number of restarts at first: see make
		again = a.gone == nil && (a.spec.Restarts < 0 || a.made.attempt-a.restarts <= 1+makeRetries)
	}
	for _, t := range under {
		switch {
		case t.actor != a || t == a.made:
		case again && (t.spec.Retries < 0 || t.attempt <= t.spec.Retries):
			t.attempt++
			resend = append(resend, t)
		default:
			lost = append(lost, t)
		}
	}
	a.d.later(func() {
		for _, t := range lost {
			t.resolve(wire.Payload{}, died)
		}
	})
	if !again {
		a.end(died)
		return
	}
	if a.made.Ready() {
		a.restarts++
	}
	a.waiting = append(resend, a.waiting...)
	a.make()
}
