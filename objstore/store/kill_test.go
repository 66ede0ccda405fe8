//go:build linux

package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
)

const mib = 1 << 20

func TestMain(m *testing.M) {
	storetest.Main(m, map[string]func(socket string) error{"client": beClient})
}

// sizeOf derives the size of an object from its ID.
func sizeOf(id objstore.ID) int { return storetest.SizeOf(id, mib+100_000) }

func rightContent(b []byte, id objstore.ID) error {
	if len(b) != sizeOf(id) {
		return fmt.Errorf("object %s has %d bytes, not %d", id, len(b), sizeOf(id))
	}
	return storetest.Right(b, id)
}

// beClient puts objects and says so, and reads those that it is told of, until it is killed.
func beClient(socket string) error {
	c, err := storetest.Dial(socket)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	failed := make(chan error, 2)
	wg.Go(func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var id objstore.ID
			if err := id.UnmarshalText(lines.Bytes()); err != nil {
				failed <- err
				return
			}
			if err := readOne(c, id); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	})
	go func() { // ends with the process
		for {
			id := id.New[objstore.ID]()
			err := c.Put(context.Background(), id, int64(sizeOf(id)), func(b []byte) error { storetest.Fill(b, id); return nil }, client.Meta{})
			if err == nil {
				err = c.Sync(context.Background())
			}
			if err != nil {
				failed <- err
				return
			}
			fmt.Println(id)
		}
	}()
	err = <-failed
	return err
}

func readOne(c *client.Client, id objstore.ID) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	o, err := c.Get(ctx, id)
	if _, freed := errors.AsType[*objstore.FreedError](err); freed {
		return nil
	}
	if err != nil {
		return err
	}
	return rightContent(o.Head, id)
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestKilledClients kills client processes while they write and read; nothing of them stays but what the node holds,
// and that is right.
func TestKilledClients(t *testing.T) {
	files, goroutines := openFiles(t), runtime.NumGoroutine()
	spillDir := t.TempDir()
	s, err := store.Open(store.Config{Capacity: 64 * mib, SegmentSize: 2 * mib, SpillDir: spillDir, SpillBatch: 2 * mib})
	if err != nil {
		t.Fatal(err)
	}
	socket, stop := storetest.Listen(t, s)
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	r := rand.New(rand.NewPCG(1, 1))
	var known []objstore.ID
	for range rounds {
		known = killSome(t, s, socket, r, known)
		if used := s.Stats().Used; used > 64*mib {
			t.Fatalf("%d bytes are used", used)
		}
	}
	storetest.Await(t, "all clients are gone", func() bool { return s.Stats().Clients == 0 })
	if got := s.Stats(); got.Pinned != 0 || got.Reserved > storetest.RestoringSegment(2*mib) || got.Waiting != 0 {
		t.Errorf("killed clients hold something: %+v", got)
	}
	checkAll(t, s)
	for _, info := range s.List() {
		s.Free(info.ID)
	}
	storetest.Await(t, "nothing is left", func() bool {
		got := s.Stats()
		return len(s.List()) == 0 && got.SpilledBytes == 0 && got.Busy <= storetest.RestoringSegment(2*mib)
	})
	stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(spillDir, "node-*")); len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
	storetest.Await(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	storetest.Await(t, "files are closed", func() bool { return openFiles(t) <= files })
}

// killSome lets three processes work together until a random moment.
func killSome(t *testing.T, s *store.Store, socket string, r *rand.Rand, known []objstore.ID) []objstore.ID {
	t.Helper()
	var children []*storetest.Process
	for range 3 {
		children = append(children, storetest.Start(t, "client", socket))
	}
	for range 5 + r.IntN(25) {
		c := children[r.IntN(len(children))]
		if !c.Out.Scan() {
			break // it has failed: told below
		}
		var id objstore.ID
		if err := id.UnmarshalText(c.Out.Bytes()); err != nil {
			t.Fatal(err)
		}
		s.AddRef(id, 1)
		known = append(known, id)
		fmt.Fprintln(children[r.IntN(len(children))].In, known[r.IntN(len(known))])
	}
	for _, c := range children {
		c.Kill(t)
	}
	return known
}

// checkAll reads everything that the node holds.
func checkAll(t *testing.T, s *store.Store) {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(conn, client.Options{})
	defer c.Close()
	n := 0
	for _, info := range s.List() {
		if info.Refs == 0 || info.State == objstore.Lost {
			t.Errorf("%+v is left", info)
		}
		o, err := c.Get(t.Context(), info.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := rightContent(o.Head, info.ID); err != nil {
			t.Error(err)
		}
		o.Release()
		n++
	}
	t.Logf("%d objects, %+v", n, s.Stats())
}
