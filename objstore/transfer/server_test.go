//go:build linux

package transfer

import (
	"bytes"
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
)

// conversation is the other end of a server, and an object that it has.
func conversation(t *testing.T, c ServerConfig) (s *Server, stream net.Conn, object objstore.ID, ended chan error) {
	t.Helper()
	c.Client = storetest.Connect(t, storetest.Open(t, store.Config{Capacity: 64 << 20}), client.Options{})
	object = id.New[objstore.ID]()
	if err := c.Client.Put(t.Context(), object, 3*ChunkSize, func([]byte) error { return nil }, client.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := c.Client.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = NewServer(c)
	ours, theirs := net.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	ended, gone := make(chan error, 1), make(chan struct{})
	go func() { // the cleanup waits for it
		defer close(gone)
		ended <- s.Serve(ctx, theirs)
	}()
	t.Cleanup(func() {
		cancel()
		ours.Close()
		<-gone
	})
	return s, ours, object, ended
}

func ask(t *testing.T, stream net.Conn, m *message) *message {
	t.Helper()
	if err := writeMessage(stream, m); err != nil {
		t.Fatal(err)
	}
	return next(t, stream)
}

func next(t *testing.T, stream net.Conn) *message {
	t.Helper()
	m, err := readMessage(stream)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBusyServerSaysSo: who waits for a turn hears that the server lives, and one who goes away meanwhile gives his turn up.
func TestBusyServerSaysSo(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		s, stream, object, ended := conversation(t, ServerConfig{Transfers: 1, Stall: 450 * time.Millisecond})
		if _, err := s.slots.take(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		found := ask(t, stream, &message{kind: kindAsk, id: object})
		if found.kind != kindFound || found.size <= 3*ChunkSize {
			t.Fatalf("%+v", found)
		}
		send := &message{kind: kindSend, id: object, size: found.size}
		if m := ask(t, stream, send); m.kind != kindWait {
			t.Fatalf("%+v", m)
		}
		for range 5 {
			if m := next(t, stream); m.kind != kindWait {
				t.Fatalf("%+v", m)
			}
		}
		if leaves {
			stream.Close()
			if err := <-ended; err != nil || len(s.slots.queue) != 0 {
				t.Errorf("%v, %d wait", err, len(s.slots.queue))
			}
			continue
		}
		s.slots.give(1)
		m := next(t, stream)
		for m.kind == kindWait {
			m = next(t, stream)
		}
		if m.kind != kindData || m.offset != 0 || m.size != found.size {
			t.Errorf("%+v", m)
		}
		stream.Close()
		<-ended
		if s.slots.free != 1 || s.pinned.free != defaultBytes {
			t.Error("a transfer that broke keeps its shares")
		}
	}
}

// TestStalledReader: an end that does not read holds no turn for ever.
func TestStalledReader(t *testing.T) {
	s, stream, object, ended := conversation(t, ServerConfig{Stall: 300 * time.Millisecond})
	found := ask(t, stream, &message{kind: kindAsk, id: object})
	m := ask(t, stream, &message{kind: kindSend, id: object, size: found.size})
	for m.kind == kindWait {
		m = next(t, stream)
	}
	if m.kind != kindData {
		t.Fatalf("%+v", m)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := s.Stats(); got.Running != 0 || got.Failed != 1 || s.pinned.free != defaultBytes {
		t.Errorf("%+v", got)
	}
}

// TestNonsense: what is no request ends the stream with an error, and allocates nothing to speak of.
func TestNonsense(t *testing.T) {
	wait := (&message{kind: kindWait}).encode()
	huge := bytes.Clone(wait)
	copy(huge[4:], []byte{0xff, 0xff, 0xff, 0xff})
	other := bytes.Clone(wait)
	other[2]++
	for what, b := range map[string][]byte{"not a request": wait, "huge": huge, "version": other, "http": []byte("GET / HTTP/1.1\r\nHost: node\r\n\r\n")} {
		_, stream, _, ended := conversation(t, ServerConfig{})
		_, _ = stream.Write(b) // it may not read all
		if err := <-ended; !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, stream, object, _ := conversation(t, ServerConfig{})
	m := ask(t, stream, &message{kind: kindSend, id: object, size: 5})
	if _, ok := errors.AsType[*objstore.LostError](objstore.UnmarshalError(m.text)); m.kind != kindFail || !ok {
		t.Errorf("%+v", m)
	}
}
