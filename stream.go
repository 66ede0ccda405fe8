package mobula

import (
	"context"
	"iter"
	"sync"

	"mobula/cluster/session"
	"mobula/cluster/wire"
)

// Stream runs f as a task and yields what it yields, while it runs. The task begins when the iteration does, and is canceled when that is left.
// yield reports whether more is wanted. The task's failure is the error of the last pair. The task runs at most a few hundred
// items ahead. It is not tried again once an item was delivered unless it yields the same items again.
func Stream[R any](f func(ctx context.Context, yield func(R) bool) error, opts ...Option) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		q := newItemQueue()
		task := submit[R](wire.FormStream, f, opts, q.push, func(x *session.Execution) error {
			return f(x.Context(), func(item R) bool { return x.Yield(&item) == nil })
		})
		object := task.handle.Object
		object.Then(q.close)
		defer object.Cancel(true)
		for n := uint64(1); ; n++ {
			next, ok := q.next(taskContext())
			if !ok {
				break
			}
			var item R
			err := next.Get(taskContext(), &item)
			if !yield(item, err) {
				return
			}
			object.Consumed(n)
		}
		if _, err := object.Result(); err != nil {
			var zero R
			yield(zero, err)
		}
	}
}

// itemQueue holds the items of a stream until they are taken.
type itemQueue struct {
	mu     sync.Mutex // guards below
	items  []*session.Object
	closed bool
	ready  chan struct{} // room for one
}

func newItemQueue() *itemQueue { return &itemQueue{ready: make(chan struct{}, 1)} }

func (q *itemQueue) push(item *session.Object) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	q.signal()
}

func (q *itemQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

func (q *itemQueue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// wait returns when something has happened; false where ctx ends first.
func (q *itemQueue) wait(ctx context.Context) bool {
	defer session.Blocked()()
	ctx, leave := session.Interruptible(ctx)
	defer leave()
	select {
	case <-q.ready:
		return true
	case <-ctx.Done():
		return false
	}
}

// next waits for an item; it is false when there are no more.
func (q *itemQueue) next(ctx context.Context) (*session.Object, bool) {
	for {
		q.mu.Lock()
		if len(q.items) > 0 {
			item := q.items[0]
			q.items = q.items[1:]
			q.mu.Unlock()
			return item, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return nil, false
		}
		if !q.wait(ctx) {
			return nil, false
		}
	}
}
