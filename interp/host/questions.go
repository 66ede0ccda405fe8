package host

import "sync"

// questions are what the kernel was asked and has not answered. The zero value has none.
type questions[T any] struct {
	mu    sync.Mutex // guards below
	next  uint64
	waits map[uint64]chan T
}

// ask returns the token of a new question, and where its answer comes. end is called when nobody waits for it any more.
func (q *questions[T]) ask() (token uint64, answer <-chan T, end func()) {
	c := make(chan T, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next++
	token = q.next
	if q.waits == nil {
		q.waits = map[uint64]chan T{}
	}
	q.waits[token] = c
	return token, c, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.waits, token)
	}
}

// reply answers a question, if somebody waits for it.
func (q *questions[T]) reply(token uint64, answer T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if c := q.waits[token]; c != nil {
		c <- answer // has room: a token is answered once
		delete(q.waits, token)
	}
}
