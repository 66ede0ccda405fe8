package store

import "sync"

// jobs are functions that workers call in the order in which they came.
type jobs struct {
	mu     sync.Mutex // guards below
	some   sync.Cond
	queue  []func()
	closed bool
	drain  bool // what is left is done after close, not dropped
}

func newJobs(drain bool) *jobs {
	j := &jobs{drain: drain}
	j.some.L = &j.mu
	return j
}

func (j *jobs) add(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, f)
	j.some.Signal()
}

// run calls jobs until close.
func (j *jobs) run() {
	for {
		j.mu.Lock()
		for len(j.queue) == 0 && !j.closed {
			j.some.Wait()
		}
		if j.closed && (!j.drain || len(j.queue) == 0) {
			j.mu.Unlock()
			return
		}
		f := j.queue[0]
		j.queue[0] = nil
		j.queue = j.queue[1:]
		j.mu.Unlock()
		f()
	}
}

func (j *jobs) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	j.some.Broadcast()
}
