package node

import (
	"context"
	"sync"
)

// queue carries out calls that take time, one after the other, on one goroutine.
type queue struct {
	wake chan struct{} // room for one

	mu    sync.Mutex // guards below; nothing is locked after it
	calls []func(ctx context.Context)
}

func (q *queue) add(call func(ctx context.Context)) {
	q.mu.Lock()
	q.calls = append(q.calls, call)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run carries out what comes until ctx ends.
func (q *queue) run(ctx context.Context) {
	for {
		q.mu.Lock()
		calls := q.calls
		q.calls = nil
		q.mu.Unlock()
		for _, call := range calls {
			call(ctx)
		}
		if len(calls) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
	}
}
