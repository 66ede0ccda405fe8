package driver

import "sync"

// Gate bounds how many of the tasks that were submitted with it are under way.
type Gate struct {
	limit int

	mu      sync.Mutex // guards below
	inside  int
	waiting []func()
}

// NewGate returns a gate that lets limit tasks in, at least one.
func NewGate(limit int) *Gate { return &Gate{limit: max(1, limit)} }

// enter calls f when the task may begin. The task leaves by itself when it has ended.
func (g *Gate) enter(t *task, f func()) {
	if g == nil {
		f()
		return
	}
	t.Then(g.leave)
	g.mu.Lock()
	if g.inside >= g.limit {
		g.waiting = append(g.waiting, f)
		g.mu.Unlock()
		return
	}
	g.inside++
	g.mu.Unlock()
	f()
}

func (g *Gate) leave() {
	g.mu.Lock()
	if len(g.waiting) == 0 {
		g.inside--
		g.mu.Unlock()
		return
	}
	next := g.waiting[0]
	g.waiting = g.waiting[1:]
	g.mu.Unlock()
	next()
}
