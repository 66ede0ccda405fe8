//go:build linux

package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
	"mobula/objstore/view"
)

const mib = 1 << 20

func connect(tb testing.TB, s *store.Store) *client.Client {
	tb.Helper()
	return storetest.Connect(tb, s, client.Options{})
}

func put(tb testing.TB, c *client.Client, n int) objstore.ID {
	tb.Helper()
	id := id.New[objstore.ID]()
	putID(tb, c, id, n)
	return id
}

func putID(tb testing.TB, c *client.Client, id objstore.ID, n int) {
	tb.Helper()
	err := c.Put(tb.Context(), id, int64(n), func(b []byte) error { storetest.Fill(b, id); return nil }, client.Meta{Owner: objstore.Owner{Job: "j", Cell: 3, Type: "[]byte"}})
	if err != nil {
		tb.Fatal(err)
	}
}

var sizes = []int{0, 1, 100, 99_000, 100_000, 200_000, mib, 3*mib + 5, 9 * mib}

func TestPutAndGet(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 256 * mib, SegmentSize: 8 * mib})
	maker, reader := connect(t, s), connect(t, s)
	for _, n := range sizes {
		id := put(t, maker, n)
		for range 2 {
			storetest.Check(t, maker, id, n)
			storetest.Check(t, reader, id, n)
		}
	}
	if got := s.Stats(); got.Objects[objstore.Sealed] != len(sizes) || got.Clients != 2 {
		t.Errorf("%+v", got)
	}
}

func TestBuffers(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 256 * mib})
	maker, reader := connect(t, s), connect(t, s)
	id := id.New[objstore.ID]()
	buffers := [][]byte{storetest.Content(id, 10), nil, storetest.Content(id, 5*mib+1), storetest.Content(id, 70_000)}
	if err := maker.PutBuffers(t.Context(), id, []byte("head"), buffers, client.Meta{}); err != nil {
		t.Fatal(err)
	}
	o, err := reader.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if string(o.Head) != "head" || len(o.Buffers) != len(buffers) {
		t.Fatalf("%q, %d buffers", o.Head, len(o.Buffers))
	}
	for i, b := range buffers {
		if !bytes.Equal(o.Buffers[i], b) {
			t.Errorf("buffer %d differs", i)
		}
	}
	if view.Live() == 0 {
		t.Error("a big object is mapped, not copied")
	}
	o.Release()
}

// TestGetWaits asks for an object before it is there.
func TestGetWaits(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	maker, reader := connect(t, s), connect(t, s)
	for _, n := range []int{10, mib} {
		id := id.New[objstore.ID]()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { storetest.Check(t, reader, id, n) })
		}
		storetest.Await(t, "the readers wait", func() bool { return s.Stats().Objects[objstore.Absent] == 1 })
		putID(t, maker, id, n)
		wg.Wait()
	}
}

func TestGetIsCancelled(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	c := connect(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with Get
		for s.Stats().Objects[objstore.Absent] == 0 {
			runtime.Gosched()
		}
		cancel()
	}()
	if _, err := c.Get(ctx, id.New[objstore.ID]()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(s.List()); n != 0 {
		t.Errorf("%d objects are left of a cancelled request", n)
	}
}

func TestReferences(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	a, b := connect(t, s), connect(t, s)
	for _, n := range []int{10, mib} {
		id := put(t, a, n)
		if err := a.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.Ref(id, 2)
		if err := b.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.Ref(id, -1)
		if err := a.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		storetest.Check(t, b, id, n)
		o, err := b.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		b.Ref(id, -2)
		_, err = b.Get(t.Context(), id)
		for err == nil { // its own pins last until the node has said that it is freed
			if err := b.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err = b.Get(t.Context(), id)
		}
		if _, ok := errors.AsType[*objstore.FreedError](err); !ok {
			t.Fatal(err)
		}
		if !bytes.Equal(o.Head, storetest.Content(id, n)) {
			t.Error("a slice of a freed object has changed")
		}
		runtime.KeepAlive(o)
	}
	storetest.Await(t, "all is freed", func() bool { return len(s.List()) == 0 })
}

// TestSlicePinsObject keeps one slice of an object that is freed while others take all memory.
func TestSlicePinsObject(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib, SegmentSize: 4 * mib})
	maker, reader := connect(t, s), connect(t, s)
	id := put(t, maker, mib)
	o, err := reader.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	slice := o.Head[1000:2000]
	o = nil
	reader.Free(id)
	for range 100 {
		maker.Ref(put(t, maker, mib), -1)
	}
	if !bytes.Equal(slice, storetest.Content(id, mib)[1000:2000]) {
		t.Fatal("the slice has changed")
	}
	runtime.KeepAlive(slice) // its last use
	storetest.Await(t, "the pin ends with the slice", func() bool { return s.Stats().Pinned == 0 })
}

// TestSpill puts far more than the capacity, and reads it all back.
func TestSpill(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib, SegmentSize: 4 * mib, SpillBatch: mib})
	c := connect(t, s)
	reader := connect(t, s)
	ids := map[objstore.ID]int{}
	total := 0
	for i := 0; total < 96*mib; i++ {
		n := []int{50_000, 300_000, mib, 3 * mib}[i%4]
		ids[put(t, c, n)] = n
		total += n
		if used := s.Stats().Used; used > 32*mib {
			t.Fatalf("%d bytes are used", used)
		}
	}
	if got := s.Stats(); got.SpilledBytes < 64*mib {
		t.Errorf("%+v", got)
	}
	for id, n := range ids {
		storetest.Check(t, reader, id, n)
		if used := s.Stats().Used; used > 32*mib {
			t.Fatalf("%d bytes are used", used)
		}
	}
	for id := range ids {
		c.Ref(id, -1)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	storetest.Await(t, "the disk is empty", func() bool { return s.Stats().SpilledBytes == 0 && s.Stats().SpillFiles == 0 })
}

func TestFull(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib, SegmentSize: 4 * mib, FullGrace: time.Millisecond})
	c := connect(t, s)
	var kept []*client.Object
	put := func() error {
		id := id.New[objstore.ID]()
		err := c.Put(t.Context(), id, 5*mib, func([]byte) error { return nil }, client.Meta{Owner: objstore.Owner{Job: "train", Cell: 7, Type: "[]float64"}})
		if err != nil {
			return err
		}
		o, err := c.Get(t.Context(), id)
		kept = append(kept, o)
		return err
	}
	var err error
	for err == nil && len(kept) < 20 {
		err = put()
	}
	e, ok := errors.AsType[*objstore.FullError](err)
	if !ok || len(e.Holders) == 0 || e.Holders[0].Owner.Cell != 7 || e.Pinned < 20*mib {
		t.Fatal(err)
	}
	if !strings.Contains(err.Error(), "train, cell 7, []float64") {
		t.Error(err)
	}
	for _, o := range kept {
		o.Release()
	}
	if err := put(); err != nil {
		t.Errorf("after the readers have let go: %v", err)
	}
	kept[len(kept)-1].Release()
	if _, ok := errors.AsType[*objstore.FullError](c.Put(t.Context(), id.New[objstore.ID](), 100*mib, nil, client.Meta{})); !ok {
		t.Error("an object that is bigger than the store must fail at once")
	}
}

func TestConcurrentClients(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 48 * mib, SegmentSize: 2 * mib, SpillBatch: mib})
	var wg sync.WaitGroup
	ids := make(chan objstore.ID, 1000)
	const n = 150_000
	for range 3 {
		c := connect(t, s)
		for range 3 {
			wg.Go(func() {
				for range 60 {
					id := put(t, c, n)
					ids <- id
					storetest.Check(t, c, <-ids, n)
				}
			})
		}
	}
	wg.Wait()
}

func TestClosedClient(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib})
	c := connect(t, s)
	id := put(t, c, mib)
	o, err := c.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(o.Head, storetest.Content(id, mib)) {
		t.Error("slices stay good after Close")
	}
	if _, err := c.Get(t.Context(), id); !errors.Is(err, objstore.ErrClosed) {
		t.Error(err)
	}
	storetest.Await(t, "what the client held is gone", func() bool { return len(s.List()) == 0 })
}

func TestNodeGone(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib})
	c := connect(t, s)
	known := put(t, c, mib)
	o, err := c.Get(t.Context(), known)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan error, 1)
	go func() { // ends with the store
		_, err := c.Get(context.Background(), id.New[objstore.ID]())
		waits <- err
	}()
	storetest.Await(t, "the request waits", func() bool { return s.Stats().Objects[objstore.Absent] == 1 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, ok := errors.AsType[*objstore.NodeGoneError](<-waits); !ok {
		t.Error("a request that waits must learn that the node has gone")
	}
	if !bytes.Equal(o.Head, storetest.Content(known, mib)) {
		t.Error("slices stay good when the node has gone")
	}
	if err := c.Put(t.Context(), id.New[objstore.ID](), mib, func([]byte) error { return nil }, client.Meta{}); err == nil {
		t.Error("a put without a node")
	}
	runtime.KeepAlive(fmt.Sprint(o.Head[0]))
}
