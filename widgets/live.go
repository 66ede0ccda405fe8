package widgets

import (
	"sync"
	"time"

	"mobula/display"
)

// period is the least time between two updates of an output: each is drawn anew, and makes the notebook one that is to be saved.
const period = 250 * time.Millisecond

// live shows a state that changes: the first at once, later ones at most once in a period, the last always.
type live struct {
	render func() display.Bundle // the present state; called with no lock held

	mu      sync.Mutex // guards below
	handle  *display.Handle
	shown   time.Time
	pending bool // an update is on its way
	closed  bool
	sending sync.Mutex // held while a state is made and sent, so that they arrive in order; locked before mu
}

// changed has the present state shown soon.
func (l *live) changed() {
	l.mu.Lock()
	if l.pending || l.closed {
		l.mu.Unlock()
		return
	}
	wait := period - time.Since(l.shown)
	if l.handle == nil || wait <= 0 {
		l.mu.Unlock()
		l.show()
		return
	}
	l.pending = true
	l.mu.Unlock()
	time.AfterFunc(wait, func() {
		l.mu.Lock()
		l.pending = false
		closed := l.closed
		l.mu.Unlock()
		if !closed {
			l.show()
		}
	})
}

// close shows the last state; nothing is shown after it.
func (l *live) close() {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if !closed {
		l.show()
	}
}

func (l *live) show() {
	l.sending.Lock()
	defer l.sending.Unlock()
	b := l.render()
	l.mu.Lock()
	h := l.handle
	l.shown = time.Now()
	l.mu.Unlock()
	if h != nil {
		h.Update(b)
		return
	}
	h = display.Live(b)
	l.mu.Lock()
	l.handle = h
	l.mu.Unlock()
}
