package display

import (
	"sync"
	"time"
)

// updatePeriod is the least time between two states of an Updater that are shown.
const updatePeriod = 200 * time.Millisecond

// Updater shows what changes often: its newest state within 200 ms, at most five states a second, and the last one always.
type Updater struct {
	handle   *Handle
	snapshot func() any

	mu      sync.Mutex // guards what follows and the state of the owner; held while a state is sent, so that they arrive in order
	ended   bool
	shown   time.Time // when the last state was sent
	waiting *time.Timer
}

// NewUpdater shows what snapshot returns, and then again after changes. It is called when no change is under way; what it returns is
// encoded before the next change.
func NewUpdater(snapshot func() any) *Updater {
	u := &Updater{snapshot: snapshot, shown: time.Now()}
	u.handle = Live(snapshot())
	return u
}

// ID is the display id in the protocol.
func (u *Updater) ID() string { return u.handle.ID() }

// Change calls change, which changes the state that snapshot reads; after End it does nothing. One change runs at a time.
func (u *Updater) Change(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return
	}
	change()
	if u.waiting != nil {
		return
	}
	if wait := updatePeriod - time.Since(u.shown); wait > 0 {
		u.waiting = time.AfterFunc(wait, u.flush)
		return
	}
	u.send()
}

// End makes the last change and shows its state at once. Only the first End counts.
func (u *Updater) End(change func()) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return
	}
	u.ended = true
	if u.waiting != nil {
		u.waiting.Stop() // where it runs already it finds the end
	}
	defer u.send() // also where change is stopped by an interrupt
	change()
}

func (u *Updater) flush() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.waiting = nil
	if !u.ended {
		u.send()
	}
}

// send shows the state; u.mu is held.
func (u *Updater) send() {
	u.shown = time.Now()
	u.handle.Update(u.snapshot())
}
