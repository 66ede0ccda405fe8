//go:build linux

package store_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/internal/sysmem"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/spill"
	"mobula/objstore/store"
	"mobula/objstore/wire"
)

func put(t *testing.T, c *client.Client, n int64) (objstore.ID, error) {
	t.Helper()
	id := id.New[objstore.ID]()
	return id, c.Put(t.Context(), id, n, func(b []byte) error { storetest.Fill(b, id); return nil }, client.Meta{Owner: objstore.Owner{Job: "j"}})
}

// memoryDisk is a disk in memory that is full at some point.
type memoryDisk struct {
	mu    sync.Mutex // guards below
	files map[string][]byte
	room  int
}

type memoryFile struct {
	*strings.Reader
	disk *memoryDisk
	name string
}

func (d *memoryDisk) Create(name string) (spill.File, error) {
	return &memoryFile{disk: d, name: name}, nil
}

func (d *memoryDisk) Open(name string) (spill.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &memoryFile{Reader: strings.NewReader(string(d.files[name]))}, nil
}

func (d *memoryDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room += len(d.files[name])
	delete(d.files, name)
	return nil
}

func (d *memoryDisk) Close() error { return nil }

func (d *memoryDisk) grow(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room += n
}

func (f *memoryFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if len(p) > f.disk.room {
		return 0, &os.PathError{Op: "write", Path: f.name, Err: syscall.ENOSPC}
	}
	f.disk.room -= len(p)
	f.disk.files[f.name] = append(f.disk.files[f.name], p...)
	return len(p), nil
}

func (f *memoryFile) Sync() error  { return nil }
func (f *memoryFile) Close() error { return nil }

var _ io.ReaderAt = (*memoryFile)(nil)

// TestFullDisk: the request fails and says why, the node lives, and goes on when there is room.
func TestFullDisk(t *testing.T) {
	disk := &memoryDisk{files: map[string][]byte{}, room: 20 * mib}
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, Disk: disk, SpillDir: "/spill", FullGrace: time.Millisecond})
	c := storetest.Connect(t, s, client.Options{})
	var ids []objstore.ID
	var err error
	for len(ids) < 100 {
		var id objstore.ID
		if id, err = put(t, c, mib); err != nil {
			break
		}
		ids = append(ids, id)
	}
	e, ok := errors.AsType[*objstore.OutOfDiskError](err)
	if !ok || e.Path != "/spill" || e.Need < mib || len(ids) < 20 {
		t.Fatalf("after %d objects: %v", len(ids), err)
	}
	disk.grow(20 * mib)
	for range 5 {
		id, err := put(t, c, mib)
		if err != nil {
			t.Fatalf("there is room on the disk again: %v", err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		o, err := c.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, mib)
		storetest.Fill(want, id)
		if string(o.Head) != string(want) {
			t.Errorf("object %s has other content", id)
		}
		o.Release()
	}
}

// TestDamagedFile: an object whose copy on disk is damaged is lost, and can be made again.
func TestDamagedFile(t *testing.T) {
	disk := &memoryDisk{files: map[string][]byte{}, room: 100 * mib}
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, Disk: disk, SpillDir: "/spill"})
	c := storetest.Connect(t, s, client.Options{})
	first, err := put(t, c, mib)
	if err != nil {
		t.Fatal(err)
	}
	state := func() objstore.State {
		for _, info := range s.List() {
			if info.ID == first {
				return info.State
			}
		}
		return objstore.Absent
	}
	for range 100 {
		if _, err := put(t, c, mib); err != nil {
			t.Fatal(err)
		}
		if state() == objstore.Spilled {
			break
		}
	}
	disk.mu.Lock()
	for _, b := range disk.files {
		for i := range b {
			b[i] ^= 1
		}
	}
	disk.mu.Unlock()
	_, err = c.Get(t.Context(), first)
	if e, ok := errors.AsType[*objstore.LostError](err); !ok || !strings.Contains(e.Reason, "checksum") {
		t.Fatal(err)
	}
	if err := c.Put(t.Context(), first, 5, func(b []byte) error { copy(b, "again"); return nil }, client.Meta{}); err != nil {
		t.Fatal(err)
	}
	other := storetest.Connect(t, s, client.Options{})
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if o, err := other.Get(t.Context(), first); err != nil || string(o.Head) != "again" {
		t.Fatal(err)
	}
}

// TestMachineIsOutOfMemory: the store does not take what the machine has not.
func TestMachineIsOutOfMemory(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 1 << 40, SegmentSize: 8 * mib, Memory: func() (sysmem.Memory, error) {
		return sysmem.Memory{Total: 1 << 30, Available: 100 * mib}, nil
	}})
	c := storetest.Connect(t, s, client.Options{})
	if _, err := put(t, c, 2*mib); err != nil {
		t.Error(err)
	}
	_, err := put(t, c, 1<<36)
	if e, ok := errors.AsType[*objstore.OutOfMemoryError](err); !ok || e.Available != 100*mib {
		t.Error(err)
	}
	if _, err := put(t, c, mib); err != nil {
		t.Error(err)
	}
}

// TestClientsCollectGarbage: at the watermark the node asks before it spills.
func TestClientsCollectGarbage(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, CollectWait: time.Minute})
	asked := make(chan struct{}, 1000)
	c := storetest.Connect(t, s, client.Options{OnPressure: func() { asked <- struct{}{} }})
	for range 20 {
		if _, err := put(t, c, mib); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) == 0 || s.Stats().SpilledTotal == 0 {
		t.Errorf("asked %d times, spilled %d bytes", len(asked), s.Stats().SpilledTotal)
	}
}

// TestSilentClient: a client that does not answer holds nobody up.
func TestSilentClient(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 16 * mib, SegmentSize: mib, CollectWait: time.Millisecond})
	silent, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c := storetest.Connect(t, s, client.Options{})
	for range 40 {
		if _, err := put(t, c, mib); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBrokenClient: what breaks the protocol is cut off, and others do not notice.
func TestBrokenClient(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	for _, m := range []wire.Message{
		{Kind: wire.Gone},
		{Kind: wire.Put, ID: objstore.ID{ID: id.ID{1}}, Data: []byte("without a budget")},
		{Kind: wire.Seal, ID: objstore.ID{ID: id.ID{1}}, Segment: 7, Size: 10},
		{Kind: wire.Seal, ID: objstore.ID{ID: id.ID{1}}, Size: 10},
	} {
		node, broken, err := wire.Pair()
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background(), node) }() // received below
		if err := broken.Write(m.Append(nil), nil); err != nil {
			t.Fatal(err)
		}
		if err := <-served; err == nil {
			t.Errorf("%+v is accepted", m)
		}
		broken.Close()
	}
	if got := s.Stats(); got.Clients != 0 || got.Busy != 0 {
		t.Errorf("%+v", got)
	}
}

func TestNodeHolds(t *testing.T) {
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	c := storetest.Connect(t, s, client.Options{})
	id, err := put(t, c, mib)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.AddRef(id, 1)
	c.Close()
	storetest.Await(t, "the client is gone", func() bool { return s.Stats().Clients == 0 })
	if all := s.List(); len(all) != 1 || all[0].Refs != 1 || all[0].Owner.Job != "j" || all[0].Pins != 0 {
		t.Errorf("%+v", all)
	}
	s.AddRef(id, -1)
	if len(s.List()) != 0 {
		t.Error("the last reference was dropped")
	}
}

func TestClosed(t *testing.T) {
	if _, err := store.Open(store.Config{}); err == nil {
		t.Error("a store without capacity")
	}
	s := storetest.Open(t, store.Config{Capacity: 64 * mib})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Connect(); !errors.Is(err, objstore.ErrClosed) {
		t.Error(err)
	}
	s.Free(id.New[objstore.ID]())
}
