package worker

import (
	"context"
	"sync"
	"sync/atomic"
)

// runners are goroutines that run what they are given, one thing at a time each. Some wait for more: their stacks have grown already, and
// those who call wake one instead of starting it.
type runners struct {
	all     sync.WaitGroup
	next    chan func() // unbuffered: taken by one that waits
	waiting atomic.Int32
}

// keptRunners is how many may wait. A stack has about 8 KB.
const keptRunners = 16

func newRunners() *runners { return &runners{next: make(chan func())} }

// run has f run. f may end its goroutine (runtime.Goexit).
func (r *runners) run(ctx context.Context, f func()) {
	select {
	case r.next <- f:
	default:
		r.all.Go(func() { r.work(ctx, f) })
	}
}

func (r *runners) work(ctx context.Context, f func()) {
	for {
		f()
		if r.waiting.Add(1) > keptRunners {
			r.waiting.Add(-1)
			return
		}
		select {
		case f = <-r.next:
			r.waiting.Add(-1)
		case <-ctx.Done():
			return
		}
	}
}
