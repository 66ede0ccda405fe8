//go:build linux

package client_test

import (
	"bytes"
	"errors"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
)

// TestCopyAsItLies takes the bytes of objects from one store and puts them into another, header and all.
func TestCopyAsItLies(t *testing.T) {
	from, to := connect(t, storetest.Open(t, store.Config{Capacity: 64 * mib})), connect(t, storetest.Open(t, store.Config{Capacity: 64 * mib}))
	for _, n := range sizes {
		object := put(t, from, n)
		if err := from.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := from.Pin(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		info, err := from.Stat(t.Context(), object)
		if err != nil || info.Size != int64(len(p.Whole)) || info.State != objstore.Sealed || info.Owner.Cell != 3 {
			t.Errorf("%+v, %v", info, err)
		}
		w, err := to.CreateCopy(t.Context(), object, int64(len(p.Whole)), client.Meta{Owner: info.Owner})
		if err != nil {
			t.Fatal(err)
		}
		w.Ensure(int64(len(p.Whole)))
		copy(w.Whole, p.Whole)
		p.Release()
		p.Release()
		if err := w.Seal(); err != nil {
			t.Fatal(err)
		}
		storetest.Check(t, to, object, n)
	}
}

// TestCopyOfRubbish: what has no header of an object is not sealed.
func TestCopyOfRubbish(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	c := connect(t, s)
	for _, n := range []int64{5, 50_000, 500_000, 9 * mib} {
		w, err := c.CreateCopy(t.Context(), id.New[objstore.ID](), n, client.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Seal(); err == nil {
			t.Errorf("%d bytes of rubbish are an object", n)
		}
		w.Abort()
	}
	if _, err := c.CreateCopy(t.Context(), id.New[objstore.ID](), 0, client.Meta{}); err == nil {
		t.Error("no bytes are an object")
	}
	storetest.Await(t, "nothing is left", func() bool { return len(s.List()) == 0 && s.Stats().Objects[objstore.Writing] == 0 })
}

// TestPinDoesNotWait: what is not here, or not finished, is lost as far as this node goes.
func TestPinDoesNotWait(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	maker, c := connect(t, s), connect(t, s)
	unfinished := id.New[objstore.ID]()
	w, err := maker.Create(t.Context(), unfinished, 20*mib, nil, client.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for what, object := range map[string]objstore.ID{"unknown": id.New[objstore.ID](), "unfinished": unfinished} {
		if _, err := c.Pin(t.Context(), object); !lost(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if info, err := c.Stat(t.Context(), unfinished); err != nil || info.State != objstore.Writing {
		t.Errorf("%+v, %v", info, err)
	}
	w.Abort()
	object := put(t, maker, mib)
	if err := maker.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	maker.Free(object)
	if err := maker.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Pin(t.Context(), object); err == nil {
		t.Error("a freed object is pinned")
	}
	if info, err := c.Stat(t.Context(), object); err != nil || info.State != objstore.Absent {
		t.Errorf("a freed object is absent: %+v, %v", info, err)
	}
}

func lost(err error) bool {
	_, ok := errors.AsType[*objstore.LostError](err)
	return ok
}

// TestPinnedStays: an object that is freed while others take all memory stays as it is until it is released.
func TestPinnedStays(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib, SegmentSize: 4 * mib})
	maker, c := connect(t, s), connect(t, s)
	for _, n := range []int{mib, 5 * mib} {
		object := put(t, maker, n)
		if err := maker.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		p, err := c.Pin(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		before := bytes.Clone(p.Whole)
		c.Free(object)
		for range 60 {
			maker.Ref(put(t, maker, mib), -1)
		}
		if !bytes.Equal(p.Whole, before) {
			t.Fatal("a pinned object has changed")
		}
		p.Release()
		storetest.Await(t, "the memory is free again", func() bool { return s.Stats().Pinned <= mib })
	}
}

// TestCloseWaitsForPinned: the bytes are there until Release, also of a client that is being closed.
func TestCloseWaitsForPinned(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 32 * mib})
	maker, c := connect(t, s), connect(t, s)
	object := put(t, maker, mib)
	if err := maker.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := c.Pin(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }() // received below
	for again, err := c.Pin(t.Context(), object); !errors.Is(err, objstore.ErrClosed); again, err = c.Pin(t.Context(), object) {
		if err != nil {
			t.Fatal(err)
		}
		again.Release()
	}
	o, err := maker.Get(t.Context(), object)
	if err != nil || !bytes.Contains(p.Whole, o.Head) {
		t.Error("the bytes have gone")
	}
	p.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}
