package host

import (
	"sync"
	"time"

	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
)

const (
	stopTick    = time.Millisecond       // between attempts while something runs
	watchTick   = 100 * time.Millisecond // while all that is left waits in foreign code
	unwindGrace = 100 * time.Millisecond // for deferred calls
	tornGrace   = 250 * time.Millisecond // for a statement boundary
	idleGrace   = 20 * time.Millisecond  // for a waiting goroutine to notice the stop by itself
	busyLimit   = 5 * time.Second        // of computing in foreign code
)

// stopper ends the goroutines of stopped runs. It works as long as there are any.
type stopper struct {
	giveUp func(*cellrt.Run) // a goroutine computes for busyLimit and cannot be stopped

	mu      sync.Mutex // guards below
	running bool
	kick    chan struct{}            // asks for an attempt at once
	idle    map[uint64]chan struct{} // closed once the goroutine waits and will not stop by itself
}

// runtimeWaits are the reasons of short waits inside the runtime, which end without help.
var runtimeWaits = map[string]bool{
	"semacquire": true, "GC assist marking": true, "GC assist wait": true, "wait for GC cycle": true, "preempted": true,
	"garbage collection": true, "garbage collection scan": true, "stopping the world": true, "GC weak to strong wait": true,
}

// trouble is how long a goroutine has resisted, by reason.
type trouble struct {
	idle, unwind, torn, foreign time.Duration
	seen                        bool
	thread                      threadTime // while it is in C
}

func newStopper(giveUp func(*cellrt.Run)) *stopper {
	return &stopper{giveUp: giveUp, kick: make(chan struct{}, 1), idle: map[uint64]chan struct{}{}}
}

// start makes sure that the stopper works. What can be stopped at once has been when it returns: the
// scheduler would let a goroutine that is started for it wait for its turn among the busy ones.
func (s *stopper) start() {
	for _, g := range hook.Goroutines(nil) {
		if (*cellrt.Run)(g.Owner).IsStopped() {
			hook.Stop(g, 0)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		s.running = true
		go s.work() // ends by itself when nothing is left to stop
		return
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// abandoned returns a channel that is closed when the goroutine has been asked to stop but waits in foreign
// code; forget ends the interest.
func (s *stopper) abandoned(id uint64) (ch <-chan struct{}, forget func()) {
	c := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle[id] = c
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.idle, id)
	}
}

func (s *stopper) work() {
	troubles := map[uint64]*trouble{}
	var buf []hook.Goroutine
	last, tick := time.Now(), stopTick
	for {
		now := time.Now()
		buf = hook.Goroutines(buf)
		left, busy := s.attempt(buf, troubles, now.Sub(last))
		last = now
		if left == 0 && s.finish() {
			return
		}
		tick = min(tick*2, watchTick)
		if busy {
			tick = stopTick
		}
		select {
		case <-s.kick:
			tick = stopTick
		case <-time.After(tick):
		}
	}
}

// finish ends the work unless start was called meanwhile.
func (s *stopper) finish() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.kick:
		return false
	default:
		s.running = false
		return true
	}
}

// attempt tries to stop each goroutine once. It returns how many are left and whether any of them runs.
func (s *stopper) attempt(list []hook.Goroutine, troubles map[uint64]*trouble, passed time.Duration) (left int, busy bool) {
	for _, g := range list {
		run := (*cellrt.Run)(g.Owner)
		if !run.IsStopped() {
			continue
		}
		t := troubles[g.ID]
		if t == nil {
			t = &trouble{}
			troubles[g.ID] = t
			passed = 0
		}
		t.seen = true
		if v := s.stop(g, t, passed); v != hook.Gone {
			left++
			busy = busy || (v != hook.Waiting && v != hook.Syscall) || t.idle < idleGrace
		}
		if t.foreign > busyLimit {
			s.giveUp(run)
		}
	}
	for id, t := range troubles {
		if !t.seen {
			delete(troubles, id)
		}
		t.seen = false
	}
	return left, busy
}

func (s *stopper) stop(g hook.Goroutine, t *trouble, passed time.Duration) hook.Verdict {
	var force hook.Force
	if t.unwind > unwindGrace {
		force |= hook.ForceUnwind
	}
	if t.torn > tornGrace {
		force |= hook.ForceTorn
	}
	v, reason := hook.Stop(g, force)
	if v == hook.Waiting && runtimeWaits[reason] {
		t.idle = 0
		return hook.Pending // it goes on at once, allocating in the cell's code
	}
	switch v {
	case hook.Waiting, hook.Syscall:
		// Several looks, not one late look: the goroutine may have been woken and not run yet.
		if t.idle += min(passed, 2*stopTick); t.idle >= idleGrace {
			s.abandon(g.ID)
		}
		if v == hook.Syscall && t.thread.computes(g.Thread, passed) {
			t.foreign += passed
		} else {
			t.foreign = 0
		}
		return v
	case hook.Unwind:
		t.unwind += passed
		t.foreign = 0
	case hook.Torn:
		t.torn += passed
		t.foreign = 0
	case hook.Foreign:
		t.foreign += passed
	case hook.Stopped:
		*t = trouble{seen: true}
	}
	t.idle = 0
	return v
}

func (s *stopper) abandon(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.idle[id]; c != nil {
		close(c)
		delete(s.idle, id)
	}
}
