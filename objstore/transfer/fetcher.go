package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"mobula/objstore"
	"mobula/objstore/client"
)

// Peer is another node.
type Peer struct {
	Name string // of the node, unique: connections to it are kept and used again
	// Dial opens a stream that the node's Server serves.
	Dial func(ctx context.Context) (net.Conn, error)
	// Near returns a client of the node's store, if the node is on this machine: objects are then copied from memory to memory. It stays
	// the caller's. Where it is nil, or fails, they come over a stream.
	Near func(ctx context.Context) (*client.Client, error)
}

// FetcherConfig says how much a fetcher does at once. Zero fields have the defaults that are named.
type FetcherConfig struct {
	Client    *client.Client // of this node's store; stays the caller's
	Transfers int            // objects that are fetched at the same time; 8
	Memory    int64          // bytes that are taken for unfinished objects, or one object where it is bigger; 1 GiB
	Stall     time.Duration  // how long a chunk may take before the other node counts as gone; 30 s
	Tries     int            // connections in a row that bring nothing before the other node counts as gone; 3
	Idle      int            // connections that are kept for a node; 4
	IdleFor   time.Duration  // how long; 1 min
}

// Fetcher copies objects of other nodes into the store of this one.
type Fetcher struct {
	conf   FetcherConfig
	slots  *limit
	memory *limit
	pool   *pool
	stats  counters
	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	runs   sync.WaitGroup // of flights

	mu      sync.Mutex // guards below
	flights map[objstore.ID]*flight
	closed  bool
}

// NewFetcher returns a fetcher.
func NewFetcher(c FetcherConfig) *Fetcher {
	c.Transfers = cmp.Or(c.Transfers, defaultTransfers)
	c.Memory = cmp.Or(c.Memory, defaultBytes)
	c.Stall = cmp.Or(c.Stall, defaultStall)
	c.Tries = cmp.Or(c.Tries, 3)
	f := &Fetcher{
		conf: c, slots: newLimit(int64(c.Transfers)), memory: newLimit(c.Memory), flights: map[objstore.ID]*flight{},
		pool: newPool(cmp.Or(c.Idle, 4), cmp.Or(c.IdleFor, time.Minute)),
	}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	return f
}

// Stats returns the figures of the fetcher.
func (f *Fetcher) Stats() Stats { return f.stats.stats() }

// Close ends what is under way, and all connections.
func (f *Fetcher) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel(ErrClosed)
	f.runs.Wait()
	f.pool.close()
	return nil
}

// Forget closes the connections that are kept for a node: it has left the cluster.
func (f *Fetcher) Forget(peer string) { f.pool.forget(peer) }

// flight is a transfer for all who ask for its object. It holds a reference of the client until all have theirs.
type flight struct {
	peer   string
	users  int // guarded by Fetcher.mu
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // set before done is closed
}

// Fetch copies an object of another node into this one's store, unless it is there already, and adds a reference of the client. When it
// returns all clients of the node can read the copy. The end of ctx gives the transfer up, if nobody else wants it.
//
// Errors are a PeerGoneError where the node cannot be reached, a PeerError where it says that it has no such object, and
// those of this node's store.
func (f *Fetcher) Fetch(ctx context.Context, id objstore.ID, from Peer) error {
	for {
		t, mine, err := f.join(id, from)
		if err != nil {
			return fmt.Errorf("fetch object %s: %w", id, err)
		}
		again, err := f.await(ctx, id, t)
		f.leave(id, t)
		switch {
		case again: // the copy has gone in the meantime
		case err != nil && !mine && t.peer != from.Name && isPeers(err): // it was another node that has failed
		case err != nil:
			return fmt.Errorf("fetch object %s: %w", id, err)
		default:
			return nil
		}
	}
}

// isPeers tells whether a failure is the other node's, not of this one.
func isPeers(err error) bool {
	_, gone := errors.AsType[*PeerGoneError](err)
	_, said := errors.AsType[*PeerError](err)
	return gone || said
}

// await waits for the end of a transfer, and adds a reference to what it has brought.
func (f *Fetcher) await(ctx context.Context, id objstore.ID, t *flight) (again bool, err error) {
	select {
	case <-t.done:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	if t.err != nil {
		return false, t.err
	}
	return f.share(ctx, id)
}

// share adds a reference to an object that is here; again tells that it is not.
func (f *Fetcher) share(ctx context.Context, id objstore.ID) (again bool, err error) {
	f.conf.Client.Ref(id, 1)
	info, err := f.conf.Client.Stat(ctx, id)
	if err != nil || !here(info.State) {
		f.conf.Client.Ref(id, -1)
		return err == nil, err
	}
	return false, nil
}

// join returns the transfer of an object, and tells whether it was started for the caller. leave follows.
func (f *Fetcher) join(id objstore.ID, from Peer) (t *flight, mine bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false, ErrClosed
	}
	if t := f.flights[id]; t != nil {
		t.users++
		return t, false, nil
	}
	ctx, cancel := context.WithCancelCause(f.ctx)
	t = &flight{peer: from.Name, users: 1, cancel: cancel, done: make(chan struct{})}
	f.flights[id] = t
	f.runs.Go(func() {
		t.err = f.fetch(ctx, id, from)
		f.mu.Lock()
		f.remove(id, t) // who comes from now on looks for himself
		unwanted := t.users == 0
		close(t.done)
		f.mu.Unlock()
		cancel(nil)
		if unwanted && t.err == nil {
			f.conf.Client.Ref(id, -1)
		}
	})
	return t, true, nil
}

// leave ends what the last user leaves: the transfer, or its reference.
func (f *Fetcher) leave(id objstore.ID, t *flight) {
	f.mu.Lock()
	t.users--
	last, ended := t.users == 0, false
	select {
	case <-t.done:
		ended = true
	default:
		if last {
			f.remove(id, t)
		}
	}
	f.mu.Unlock()
	switch {
	case last && !ended:
		t.cancel(context.Canceled)
	case last && t.err == nil:
		f.conf.Client.Ref(id, -1)
	}
}

// remove lets nobody join a transfer any more. f.mu must be held.
func (f *Fetcher) remove(id objstore.ID, t *flight) {
	if f.flights[id] == t {
		delete(f.flights, id)
	}
}

// fetch is a transfer, with all its connections. It ends with a reference.
func (f *Fetcher) fetch(ctx context.Context, id objstore.ID, from Peer) error {
	info, err := f.conf.Client.Stat(ctx, id)
	if err != nil {
		return err
	}
	if here(info.State) {
		if again, err := f.share(ctx, id); !again {
			return err
		}
	}
	if _, err := f.slots.take(ctx, 1); err != nil {
		return err
	}
	defer f.slots.give(1)
	f.stats.running.Add(1)
	defer f.stats.running.Add(-1)
	c := &copying{f: f, id: id, from: from}
	defer c.drop()
	if err := c.run(ctx); err != nil {
		f.stats.failed.Add(1)
		return err
	}
	f.stats.objects.Add(1)
	return nil
}
