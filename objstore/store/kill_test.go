//go:build linux

package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/store"
	"mobula/objstore/wire"
)

const mib = 1 << 20

// clientSocket names the socket of the store in processes that are clients.
const clientSocket = "OBJSTORE_TEST_SOCKET"

func TestMain(m *testing.M) {
	if path := os.Getenv(clientSocket); path != "" {
		if err := beClient(path); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// sizeOf derives the size of an object from its ID: a third of them inline, shared, and with a segment of their own.
func sizeOf(id objstore.ID) int {
	sum := crc32.ChecksumIEEE(id.ID[:])
	n := int(sum & 0xffff)
	switch (sum >> 16) % 3 {
	case 0:
		return n
	case 1:
		return 100_000 + n*4
	}
	return mib + 100_000 + n*16
}

func fill(b []byte, id objstore.ID) {
	for i := range b {
		b[i] = id.ID[i%16] + byte(i>>4)
	}
}

func rightContent(b []byte, id objstore.ID) error {
	want := make([]byte, sizeOf(id))
	fill(want, id)
	if !bytes.Equal(b, want) {
		return fmt.Errorf("object %s of %d bytes has other content", id, len(want))
	}
	return nil
}

// beClient puts objects and says so, and reads those that it is told of, until it is killed.
func beClient(path string) error {
	conn, err := wire.Dial(path)
	if err != nil {
		return err
	}
	c := client.New(conn, client.Options{})
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
			err := c.Put(context.Background(), id, int64(sizeOf(id)), func(b []byte) error { fill(b, id); return nil }, client.Meta{})
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

// child is a client process.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err bytes.Buffer
}

func startChild(t *testing.T, socket string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), clientSocket+"="+socket)
	c.cmd.Stderr = &c.err
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// await looks again and again until done.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
		runtime.GC()
	}
}

func listen(t *testing.T, s *store.Store) (socket string, stop func()) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "store")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListener(ctx, l) }() // stop waits for it
	return socket, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
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
	socket, stop := listen(t, s)
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
	await(t, "all clients are gone", func() bool { return s.Stats().Clients == 0 })
	if got := s.Stats(); got.Pinned != 0 || got.Reserved > 3*mib || got.Waiting != 0 {
		t.Errorf("killed clients hold something: %+v", got)
	}
	checkAll(t, s)
	for _, info := range s.List() {
		s.Free(info.ID)
	}
	await(t, "nothing is left", func() bool {
		got := s.Stats()
		return len(s.List()) == 0 && got.SpilledBytes == 0 && got.Busy <= 3*mib
	})
	stop()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(spillDir, "node-*")); len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
	await(t, "goroutines have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
	await(t, "files are closed", func() bool { return openFiles(t) <= files })
}

// killSome lets three processes work together until a random moment.
func killSome(t *testing.T, s *store.Store, socket string, r *rand.Rand, known []objstore.ID) []objstore.ID {
	t.Helper()
	var children []*child
	for range 3 {
		children = append(children, startChild(t, socket))
	}
	for range 5 + r.IntN(25) {
		c := children[r.IntN(len(children))]
		if !c.out.Scan() {
			break // it has failed: told below
		}
		var id objstore.ID
		if err := id.UnmarshalText(c.out.Bytes()); err != nil {
			t.Fatal(err)
		}
		s.AddRef(id, 1)
		known = append(known, id)
		fmt.Fprintln(children[r.IntN(len(children))].in, known[r.IntN(len(known))])
	}
	for _, c := range children {
		if err := c.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.cmd.Wait() // killed
		if text := c.err.String(); strings.Contains(text, "client:") || c.cmd.ProcessState.Exited() {
			t.Fatalf("a client has failed: %s", text)
		}
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
