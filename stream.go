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
		items := stream(f, opts, func(x session.Execution) error {
			return f(x.Context(), func(item R) bool { return x.Yield(&item) == nil })
		})
		defer items.leave()
		for {
			var item R
			more, err := items.next(&item)
			if !more && err == nil || !yield(item, err) || !more {
				return
			}
		}
	}
}

// itemSource is a stream that runs; see handle.go for why it is an interface.
type itemSource interface {
	// next waits for an item and puts it where p points to. At the end more is false, and the error that of the task.
	next(p any) (more bool, err error)
	leave()
}

// items is an itemSource.
type items struct {
	queue *itemQueue
	task  *session.Object
	taken uint64
}

//go:noinline
func stream(f any, opts []Option, run session.Run) itemSource {
	s := &items{queue: newItemQueue()}
	s.task = session.ObjectOf(submitStream(f, opts, s.queue.push, run))
	s.task.Then(s.queue.close)
	return s
}

func submitStream(f any, opts []Option, onItem func(*session.Object), run session.Run) *session.ObjectHandle {
	o, err := taskOptions(opts)
	if err != nil {
		return failed(err)
	}
	s, spec, err := specOf(wire.FormStream, f, o)
	if err != nil {
		return failed(err)
	}
	spec.OnItem = onItem
	return session.HandleOf(s.Submit(spec, run))
}

func (s *items) next(p any) (more bool, err error) {
	if s.taken > 0 {
		s.task.Consumed(s.taken) // the one before
	}
	item, ok := s.queue.next(taskContext())
	if !ok {
		_, err := s.task.Result()
		return false, err
	}
	s.taken++
	return true, item.Get(taskContext(), p)
}

func (s *items) leave() { s.task.Cancel(true) }

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
