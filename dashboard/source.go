package dashboard

import (
	"context"
	"sync"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
)

// source asks the head and the nodes for all who look, so that many cost as much as one.
type source struct {
	ctx    context.Context // of the server: an answer is for all, not only for whoever asked first
	caller headwire.Caller

	mu    sync.Mutex // guards below
	cells map[string]*cell
	tasks *inspect.TaskTracker // nil while nobody looks
}

// cell is the last answer to one question.
type cell struct {
	mu    sync.Mutex // held while it is asked
	at    time.Time  // when the answer came
	took  time.Duration
	value any
	err   error
}

// An answer is given again for as long as it was asked to be, and in any case for so many times what it has taken, so that looking takes no more than a
// small part of the cluster's time; but no longer than maxFresh.
const (
	restFactor = 10
	maxFresh   = 10 * time.Second
	askTime    = 30 * time.Second
)

func newSource(ctx context.Context, c headwire.Caller) *source {
	return &source{ctx: ctx, caller: c, cells: map[string]*cell{}}
}

// fetch answers a question, with an answer of a moment ago where that will do. Questions with one key are the same.
func fetch[V any](ctx context.Context, s *source, key string, fresh time.Duration, ask func(ctx context.Context, c headwire.Caller) (V, error)) (V, error) {
	s.mu.Lock()
	c := s.cells[key]
	if c == nil {
		c = &cell{}
		s.cells[key] = c
	}
	s.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := time.Since(c.at); c.at.IsZero() || age > min(max(fresh, restFactor*c.took), max(fresh, maxFresh)) {
		if err := context.Cause(ctx); err != nil { // whoever waited for the lock may have gone
			var none V
			return none, err
		}
		within, cancel := context.WithTimeout(s.ctx, askTime)
		begin := time.Now()
		value, err := ask(within, s.caller)
		cancel()
		c.value, c.err, c.at = value, err, time.Now()
		c.took = c.at.Sub(begin)
	}
	value, _ := c.value.(V)
	return value, c.err
}

// taskTracker follows the tasks for as long as somebody looks at them.
func (s *source) taskTracker(ctx context.Context) (*inspect.TaskTracker, error) {
	return fetch(ctx, s, "tasks", tasksFresh, func(ctx context.Context, c headwire.Caller) (*inspect.TaskTracker, error) {
		s.mu.Lock()
		t := s.tasks
		if t == nil {
			t = inspect.NewTaskTracker()
			s.tasks = t
		}
		s.mu.Unlock()
		return t, t.Refresh(ctx, c)
	})
}

// rest forgets everything: nobody looks any more.
func (s *source) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cells, s.tasks = map[string]*cell{}, nil
}
