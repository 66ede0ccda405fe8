// Package client is how a process uses its node's object store: it writes objects straight into shared segments, reads them by
// views that the collector tracks, and says which objects it still refers to.
//
// Putting up to the size of a shared segment's half costs no round trip to the node but when a segment or the budget for
// small objects is used up. What this process has made, or read lately, is read without asking the node. So a small object
// that another process has freed may still be read where it was made.
//
// # Usage
//
//	c := client.New(conn, client.Options{})
//	err := c.PutBuffers(ctx, id, head, [][]byte{matrix}, client.Meta{Owner: owner})
//	o, err := c.Get(ctx, id)   // waits until the object is there
//	use(o.Head, o.Buffers)     // slices stay good for as long as anyone has them
//	c.Ref(id, -1)              // the reference that the put has made
//	err = c.Close()
//
// # Concurrency
//
// All methods may be called from any goroutine; a Writer belongs to one. Lock order: Client.mu before an Outbox's; nothing blocks under it.
// The goroutines of a client end in Close.
//
// # Testing
//
// Against a store in the same process, and with processes that are killed.
package client

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"sync"
	"time"

	"mobula/objstore"
	"mobula/objstore/wire"
)

// Options are a client's; the zero value has the defaults.
type Options struct {
	InlineMax int64 // bytes up to which objects live in the node's heap; 100 KB
	// OnPressure is called when the node runs short of memory, and should collect garbage; nil: the collector runs, and waits
	// for the finalizers of views.
	OnPressure func()
	// IdlePins is how many objects stay pinned when nobody here uses them, until the node runs short; 1024.
	IdlePins int
	// CacheBytes bounds the small objects made here that are kept for being read here; 16 MiB.
	CacheBytes int64
}

// Client is a process's connection to the store of its node.
type Client struct {
	opt     Options
	conn    wire.Conn
	out     *wire.Outbox
	hello   chan struct{}  // shared is known
	shared  int64          // the size of shared segments, set before hello is closed
	done    chan struct{}  // receiving has ended
	stop    chan struct{}  // Close: the writer ends
	reads   sync.WaitGroup // that use descriptors or mappings of segments
	workers sync.WaitGroup // receive, the writer, rounds of collection

	mu       sync.Mutex // guards below
	seq      uint64
	calls    map[uint64]*call
	segments map[uint64]*segment
	lease    *lease
	credit   int64
	refills  [2]chan struct{} // by need: closed when the request for more is answered
	pins     map[objstore.ID]*pin
	idle     *list.List // pins without users, the oldest first
	made     cache
	writers  int        // that are neither sealed nor aborted
	trash    []*segment // to be closed without the lock
	gone     error
	closed   bool
	round    bool // a collection is running
}

// New returns a client on a connection, which it takes over.
func New(conn wire.Conn, o Options) *Client {
	o.InlineMax = min(cmp.Or(o.InlineMax, 100_000), wire.MaxMessage/2)
	o.IdlePins = cmp.Or(o.IdlePins, 1024)
	o.CacheBytes = cmp.Or(o.CacheBytes, 16<<20)
	c := &Client{
		opt: o, conn: conn, out: wire.NewOutbox(conn), hello: make(chan struct{}), done: make(chan struct{}), stop: make(chan struct{}),
		calls: map[uint64]*call{}, segments: map[uint64]*segment{}, pins: map[objstore.ID]*pin{}, idle: list.New(), made: newCache(o.CacheBytes),
	}
	if c.opt.OnPressure == nil {
		c.opt.OnPressure = collectGarbage
	}
	c.workers.Go(c.receive)
	c.workers.Go(func() { c.out.Run(c.stop) })
	return c
}

// Close ends the connection; the node drops what this process holds there. Slices of objects stay good. It waits for
// what is Pinned to be released.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.dropIdle()
	c.mu.Unlock()
	c.reads.Wait()
	c.mu.Lock()
	clean := len(c.pins) == 0 && c.writers == 0 && c.gone == nil
	c.mu.Unlock()
	if clean {
		c.unmapAll() // before the node gives the segments to others
		if c.out.Send(&wire.Message{Kind: wire.Bye}) == nil {
			c.awaitEnd()
		}
	}
	c.conn.Close()
	close(c.stop)
	c.workers.Wait()
	c.unmapAll()
	return nil
}

// byeWait bounds how long the node may take to close the connection.
const byeWait = 2 * time.Second

// awaitEnd lets the node close the connection: what it has not read would be lost if this process did.
func (c *Client) awaitEnd() {
	timer := time.NewTimer(byeWait)
	defer timer.Stop()
	select {
	case <-c.done:
	case <-timer.C:
	}
}

// Done is closed when the node has gone, or after Close.
func (c *Client) Done() <-chan struct{} { return c.done }

// Sync returns when all that was said before has taken effect in the node.
func (c *Client) Sync(ctx context.Context) error {
	_, err := c.call(ctx, &wire.Message{Kind: wire.Sync})
	return err
}

// Ref counts n more references of this process, or fewer where n is negative. An object without references is freed.
func (c *Client) Ref(id objstore.ID, n int) {
	if n != 0 {
		c.out.Queue(&wire.Message{Kind: wire.Ref, ID: id, Count: int64(n)})
	}
}

// Free removes an object whatever references it has. Slices of it stay good.
func (c *Client) Free(id objstore.ID) {
	c.forget(id)
	c.out.Queue(&wire.Message{Kind: wire.Free, ID: id})
}

// SetReplaceable says whether an object has copies elsewhere or lineage: then it may be evicted instead of spilled.
func (c *Client) SetReplaceable(id objstore.ID, yes bool) {
	m := &wire.Message{Kind: wire.Mark, ID: id}
	if yes {
		m.Flags = wire.Replaceable
	}
	c.out.Queue(m)
}

// call is a request that waits for its answer.
type call struct {
	kind   wire.Kind
	id     objstore.ID
	orphan bool // nobody waits any more
	answer chan answer
}

type answer struct {
	m   wire.Message // Data is a copy
	pin *pin         // of an object in a segment, with a user for the receiver
	err error
}

// call sends a request and waits.
func (c *Client) call(ctx context.Context, m *wire.Message) (answer, error) {
	p := &call{kind: m.Kind, id: m.ID, answer: make(chan answer, 1)}
	c.mu.Lock()
	if err := c.usable(); err != nil {
		c.mu.Unlock()
		return answer{}, err
	}
	c.seq++
	m.Seq = c.seq
	c.calls[m.Seq] = p
	c.mu.Unlock()
	if err := c.out.Send(m); err != nil {
		c.conn.Close() // receive learns of it, and answers
	}
	select {
	case a := <-p.answer:
		return a, a.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	if c.calls[m.Seq] == nil { // the answer came just now
		c.mu.Unlock()
		a := <-p.answer
		return a, a.err
	}
	p.orphan = true
	c.mu.Unlock()
	c.out.Queue(&wire.Message{Kind: wire.Cancel, Target: m.Seq, ID: m.ID})
	return answer{}, context.Cause(ctx)
}

// usable tells why the client is of no use. c.mu must be held.
func (c *Client) usable() error {
	if c.closed {
		return objstore.ErrClosed
	}
	return c.gone
}

// fail answers all that waits, when the connection has ended.
func (c *Client) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = &objstore.NodeGoneError{Cause: err.Error()}
	for seq, p := range c.calls {
		delete(c.calls, seq)
		if !p.orphan {
			p.answer <- answer{err: cmp.Or(c.usable(), errors.New("no answer"))}
		}
	}
	c.out.Close(c.gone)
}
