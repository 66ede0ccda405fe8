// Package store is the object store of a node: it owns the segments, the index that decides about them, and the objects on
// disk, and serves the client processes of the node.
//
// # Usage
//
//	s, err := store.Open(store.Config{Capacity: 8 << 30, SpillDir: "/var/tmp/mobula"})
//	go s.Serve(ctx, conn)      // once for each client process
//	conn, err := s.Connect()   // a connection for this process itself
//	s.AddRef(id, 1)            // the node holds what its owners elsewhere hold
//	err = s.Close()
//
// # Concurrency
//
// All methods may be called from any goroutine. One lock guards the index; nothing that may block happens under it: segments are made
// and given back by one worker in the order of the decisions, files are written and read by others, and messages are
// queued for clients that do not read. Lock order: Store.mu before an Outbox's.
//
// # Testing
//
// Real processes are killed while they put and get; the disk is replaced by one that is full. Tests of package client
// use a Store over a socket pair.
package store

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mobula/internal/sysmem"
	"mobula/objstore"
	"mobula/objstore/index"
	"mobula/objstore/memfile"
	"mobula/objstore/spill"
)

// Config says how much a store may hold. Zero fields have the defaults that are named.
type Config struct {
	Capacity     int64            // bytes of memory; required
	SegmentSize  int64            // of segments that objects share; 32 MiB, less in a small store
	High, Low    float64          // shares of Capacity: spilling starts above, and ends below; 0.8, 0.6
	SpillBatch   int64            // bytes in a spill file, at least; 8 MiB
	JobQuota     map[string]int64 // bytes in memory, by job
	DefaultQuota int64            // of jobs that are not named; 0: no bound
	SpillDir     string           // required unless Disk is given
	SpillSync    bool             // fsync spill files
	Disk         spill.FS         // tests; nil: SpillDir
	Spillers     int              // files that are written and read at the same time; 2
	// FullGrace is how long a request waits for readers to let go, after all that the store can do; 2 s.
	FullGrace time.Duration
	// CollectWait is how long clients may take to collect garbage before spilling starts; 500 ms.
	CollectWait time.Duration
	// Memory says how much memory the machine has; nil: the system does.
	Memory func() (sysmem.Memory, error)
	Log    *slog.Logger // nil: none
}

// Bounds of DefaultCapacity in bytes, and its share; as Ray's object_store_memory.
const (
	minCapacity   = 75e6
	maxCapacity   = 200e9
	capacityShare = 0.3
)

// DefaultCapacity is the Capacity for a machine that has so much memory left: 30 % of it, but 75 MB at least and 200 GB at most.
func DefaultCapacity(m sysmem.Memory) int64 {
	return int64(max(minCapacity, min(maxCapacity, capacityShare*float64(m.Available))))
}

func (c Config) withDefaults() (Config, error) {
	if c.Capacity <= 0 {
		return c, errors.New("open an object store: a capacity is needed")
	}
	// A client has a shared segment at any time: they must stay small against the whole.
	segment := max(c.Capacity/16&^(1<<20-1), 1<<20)
	c.SegmentSize = cmp.Or(c.SegmentSize, min(32<<20, segment))
	c.FullGrace = cmp.Or(c.FullGrace, 2*time.Second)
	c.CollectWait = cmp.Or(c.CollectWait, 500*time.Millisecond)
	c.Spillers = cmp.Or(c.Spillers, 2)
	if c.Memory == nil {
		c.Memory = sysmem.System.Left
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Store is a node's objects.
type Store struct {
	conf Config
	disk *spill.Disk

	serving sync.WaitGroup // calls of Serve
	workers sync.WaitGroup // goroutines of the store itself
	closing chan struct{}
	memory  *jobs // segments, in order
	io      *jobs // spilling and restoring

	mu      sync.Mutex // guards below
	index   *index.Index
	files   map[index.SegmentID]*memfile.File
	inline  map[objstore.ID][]byte
	clients map[index.ClientID]*peer
	last    index.ClientID
	current *peer // whose message is being handled
	asked   map[*peer]struct{}
	round   int // of Collect
	closed  bool
}

// Open makes a store. Its memory is taken from the system as objects come.
func Open(c Config) (*Store, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	disk, err := spill.Open(spill.Config{Dir: c.SpillDir, Sync: c.SpillSync, FS: c.Disk})
	if err != nil {
		return nil, err
	}
	s := &Store{
		conf: c, disk: disk, closing: make(chan struct{}), memory: newJobs(true), io: newJobs(false),
		index: index.New(index.Config{
			Capacity: c.Capacity, SegmentSize: c.SegmentSize, High: c.High, Low: c.Low, SpillBatch: c.SpillBatch,
			MaxSpills: c.Spillers, JobQuota: c.JobQuota, DefaultQuota: c.DefaultQuota,
		}),
		files: map[index.SegmentID]*memfile.File{}, inline: map[objstore.ID][]byte{}, clients: map[index.ClientID]*peer{}, asked: map[*peer]struct{}{},
	}
	s.workers.Go(s.memory.run)
	for range c.Spillers {
		s.workers.Go(s.io.run)
	}
	return s, nil
}

// Close ends all connections, waits for what runs, and gives everything back to the system. What clients have mapped stays theirs.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	for _, p := range s.clients {
		p.conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	s.memory.close()
	s.io.close()
	s.workers.Wait()
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, s.disk.Close())...)
}

// update changes the index and carries out what it decides.
func (s *Store) update(change func(*index.Index)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	change(s.index)
	s.act()
}

// AddRef counts n more references of the node itself, fewer where n is negative.
func (s *Store) AddRef(id objstore.ID, n int) {
	s.update(func(x *index.Index) { x.AddRef(index.Node, id, n) })
}

// Free removes an object whatever references it has.
func (s *Store) Free(id objstore.ID) { s.update(func(x *index.Index) { x.Free(id) }) }

// SetReplaceable says whether an object has copies elsewhere or lineage: then it may be evicted instead of spilled.
func (s *Store) SetReplaceable(id objstore.ID, yes bool) {
	s.update(func(x *index.Index) { x.SetReplaceable(id, yes) })
}

// Stats returns the figures of the store.
func (s *Store) Stats() objstore.Stats {
	s.mu.Lock()
	stats := s.index.Stats()
	s.mu.Unlock()
	d := s.disk.Stats()
	stats.SpilledBytes, stats.SpillFiles, stats.SpilledTotal, stats.Restored = d.Bytes, d.Files, d.Written, d.Restored
	return stats
}

// List returns all objects, the biggest first.
func (s *Store) List() []objstore.Info {
	s.mu.Lock()
	all := slices.Collect(s.index.Objects())
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b objstore.Info) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), a.ID.Compare(b.ID.ID))
	})
	return all
}

// later calls f after a time, unless the store is closed before.
func (s *Store) later(after time.Duration, f func(*index.Index)) {
	s.workers.Go(func() {
		timer := time.NewTimer(after)
		defer timer.Stop()
		select {
		case <-timer.C:
			s.update(f)
		case <-s.closing:
		}
	})
}
