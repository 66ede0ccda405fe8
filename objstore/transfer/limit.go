package transfer

import (
	"context"
	"slices"
	"sync"
)

// limit is an amount that users share, first come first served.
type limit struct {
	all int64

	mu    sync.Mutex // guards below
	free  int64
	queue []*turn
}

// turn waits for a share.
type turn struct {
	n     int64
	ready chan struct{}
}

func newLimit(all int64) *limit { return &limit{all: all, free: all} }

// take waits for n, or for all where n is more, and returns how much is to be given back.
func (l *limit) take(ctx context.Context, n int64) (taken int64, err error) {
	n = min(n, l.all)
	l.mu.Lock()
	if len(l.queue) == 0 && n <= l.free {
		l.free -= n
		l.mu.Unlock()
		return n, nil
	}
	t := &turn{n, make(chan struct{})}
	l.queue = append(l.queue, t)
	l.mu.Unlock()
	select {
	case <-t.ready:
		return n, nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.queue, t); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	} else {
		l.free += n
	}
	l.serve() // the next may be smaller
	return 0, context.Cause(ctx)
}

func (l *limit) give(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free += n
	l.serve()
}

// serve lets those go whose turn it is. l.mu must be held.
func (l *limit) serve() {
	for len(l.queue) > 0 && l.queue[0].n <= l.free {
		l.free -= l.queue[0].n
		close(l.queue[0].ready)
		l.queue = l.queue[1:]
	}
}
