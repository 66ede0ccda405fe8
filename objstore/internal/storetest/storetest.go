//go:build linux

package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"net"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/store"
	"mobula/objstore/wire"
)

// Open opens a store; all must be given back when the test ends.
func Open(tb testing.TB, c store.Config) *store.Store {
	tb.Helper()
	if c.SpillDir == "" {
		c.SpillDir = tb.TempDir()
	}
	s, err := store.Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// Connect returns a client of a store in this process.
func Connect(tb testing.TB, s *store.Store, o client.Options) *client.Client {
	tb.Helper()
	conn, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	c := client.New(conn, o)
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// Listen serves client processes at a socket until stop, which the end of the test calls too.
func Listen(tb testing.TB, s *store.Store) (socket string, stop func()) {
	tb.Helper()
	socket = filepath.Join(tb.TempDir(), "s") // short: the paths of sockets are bounded
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // stop waits for it
		defer close(ended)
		if err := s.ServeListener(ctx, l); err != nil {
			tb.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-ended
	}
	tb.Cleanup(stop)
	return socket, stop
}

// Dial returns a client of the store that listens at a socket.
func Dial(socket string) (*client.Client, error) {
	conn, err := wire.Dial(socket)
	if err != nil {
		return nil, err
	}
	return client.New(conn, client.Options{}), nil
}

// Await looks again and again, collecting garbage, until done.
func Await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(end) {
			tb.Fatalf("not within 30 s: %s", what)
		}
		runtime.GC()
	}
}

// SizeOf derives the size of an object from its ID: a third of them inline, in shared segments, and in segments of their own, which alone bytes
// must be enough for.
func SizeOf(id objstore.ID, alone int) int {
	sum := crc32.ChecksumIEEE(id.ID[:])
	n := int(sum & 0xffff)
	switch (sum >> 16) % 3 {
	case 0:
		return n
	case 1:
		return 100_000 + n*4
	}
	return alone + n*16
}

// Fill writes what an object with this ID holds.
func Fill(b []byte, id objstore.ID) {
	word := binary.LittleEndian.Uint64(id.ID[:]) ^ binary.LittleEndian.Uint64(id.ID[8:])
	for ; len(b) >= 8; b = b[8:] {
		word = word*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b, word)
	}
	for i := range b {
		b[i] = byte(word >> (8 * i))
	}
}

// Content is what an object of n bytes with this ID holds.
func Content(id objstore.ID, n int) []byte {
	b := make([]byte, n)
	Fill(b, id)
	return b
}

// Right says what is wrong with an object's bytes.
func Right(b []byte, id objstore.ID) error {
	if string(b) != string(Content(id, len(b))) {
		return fmt.Errorf("object %s of %d bytes has other content", id, len(b))
	}
	return nil
}

// Check reads an object of n bytes by a client.
func Check(tb testing.TB, c *client.Client, id objstore.ID, n int) {
	tb.Helper()
	o, err := c.Get(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	if len(o.Head) != n {
		tb.Fatalf("%d bytes, not %d", len(o.Head), n)
	}
	if err := Right(o.Head, id); err != nil {
		tb.Fatal(err)
	}
	o.Release()
}

// RestoringSegment bounds the segment into which a node restores objects, and which it keeps, in bytes: a free one may be bigger than what is asked
// for by a quarter and a step.
func RestoringSegment(segmentSize int64) int64 { return segmentSize + segmentSize/4 + segmentSize/16 }
