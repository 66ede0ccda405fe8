package frame

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sockets returns both ends of a connection.
func sockets(t testing.TB) (a, b *Conn) { return socketsOf(t, New) }

func socketsOf(t testing.TB, of func(net.Conn) *Conn) (a, b *Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	a, b = of(dialed), of(accepted)
	t.Cleanup(func() {
		a.Abort()
		b.Abort()
	})
	return a, b
}

func TestFramesArriveInOrder(t *testing.T) {
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) { checkFramesArriveInOrder(t, of) })
	}
}

func checkFramesArriveInOrder(t *testing.T, of func(net.Conn) *Conn) {
	a, b := socketsOf(t, of)
	sizes := []int{0, 1, 100, readSize - headSize, readSize, readSize + 1, 3 << 20, 7, 0}
	random := rand.New(rand.NewPCG(1, 2))
	var want [][]byte
	for _, n := range sizes {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		want = append(want, body)
	}
	go func() {
		for round := range 20 {
			for _, body := range want {
				if err := a.Send(byte(round), func(b []byte) []byte { return append(b, body...) }); err != nil {
					t.Error(err)
					return
				}
			}
		}
		a.Close()
	}()
	n := 0
	err := b.Serve(func(kind byte, body []byte) error {
		if int(kind) != n/len(want) || !bytes.Equal(body, want[n%len(want)]) {
			t.Fatalf("frame %d: kind %d, %d bytes", n, kind, len(body))
		}
		n++
		return nil
	})
	if !errors.Is(err, io.EOF) || n != 20*len(want) {
		t.Errorf("%d frames, %v", n, err)
	}
}

// TestSendNeverBlocks: who sends without the writer, and fills the socket's buffer, goes on at once, and order is kept.
func TestSendNeverBlocks(t *testing.T) {
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) { checkSendNeverBlocks(t, of) })
	}
}

func checkSendNeverBlocks(t *testing.T, of func(net.Conn) *Conn) {
	a, b := socketsOf(t, of)
	body := make([]byte, readSize-100)
	const frames = 200
	queued := 0
	for i := range frames {
		a.mu.Lock()
		a.sent = time.Time{} // long ago
		a.mu.Unlock()
		if err := a.Send(byte(i), func(b []byte) []byte { return append(b, body[i:]...) }); err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		queued = max(queued, a.unsent)
		a.mu.Unlock()
	}
	if queued < 2*len(body) {
		t.Errorf("at most %d bytes were waiting: the socket's buffer was never full", queued)
	}
	n := 0
	enough := errors.New("enough")
	err := b.Serve(func(kind byte, got []byte) error {
		if int(kind) != n || len(got) != len(body)-n {
			t.Errorf("frame %d: kind %d, %d bytes", n, kind, len(got))
		}
		if n++; n == frames {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestManySendersAndHandlers(t *testing.T) {
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) { checkManySendersAndHandlers(t, of) })
	}
}

func checkManySendersAndHandlers(t *testing.T, of func(net.Conn) *Conn) {
	a, b := socketsOf(t, of)
	const senders, each = 8, 2000
	go func() {
		_ = b.Serve(func(kind byte, body []byte) error { // the end of the test ends it
			return b.Send(kind, func(out []byte) []byte { return append(out, body...) })
		})
	}()
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := a.Send(byte(s), func(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, uint32(i)) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var next [senders]uint32
	total := 0
	enough := errors.New("enough")
	err := a.Serve(func(kind byte, body []byte) error {
		if got := binary.LittleEndian.Uint32(body); got != next[kind] {
			t.Errorf("sender %d: %d instead of %d", kind, got, next[kind])
		}
		next[kind]++
		if total++; total == senders*each {
			return enough
		}
		return nil
	})
	wg.Wait()
	if !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestClosed(t *testing.T) {
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) { checkClosed(t, of) })
	}
}

func checkClosed(t *testing.T, of func(net.Conn) *Conn) {
	a, b := socketsOf(t, of)
	b.Abort()
	if err := a.Serve(func(byte, []byte) error { return nil }); err == nil {
		t.Error("the end of the connection went unnoticed")
	}
	if err := a.Send(1, nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if err := a.Throttle(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestThrottle(t *testing.T) {
	for name, of := range kinds {
		t.Run(name, func(t *testing.T) { checkThrottle(t, of) })
	}
}

func checkThrottle(t *testing.T, of func(net.Conn) *Conn) {
	a, b := socketsOf(t, of)
	big := make([]byte, highWater)
	for range 2 {
		if err := a.Send(1, func(b []byte) []byte { return append(b, big...) }); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := a.Throttle(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody reads, and yet: %v", err)
	}
	go func() { _ = b.Serve(func(byte, []byte) error { return nil }) }() // the end of the test ends it
	if err := a.Throttle(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTooLarge(t *testing.T) {
	a, _ := sockets(t)
	if err := a.Send(1, func(b []byte) []byte { return append(b, make([]byte, MaxBody+1)...) }); err == nil || !strings.Contains(err.Error(), "object store") {
		t.Error(err)
	}
	if err := a.Send(1, nil); err != nil {
		t.Error("the connection is lost:", err)
	}
}

func TestHandshake(t *testing.T) {
	a, b := sockets(t)
	var peers [2]Hello
	var wg sync.WaitGroup
	for i, c := range []*Conn{a, b} {
		wg.Go(func() {
			peer, version, err := c.Handshake(t.Context(), Hello{Role: []string{"driver", "node"}[i], Build: "1.0", PID: i + 1})
			if err != nil || version != maxVersion {
				t.Error(version, err)
			}
			peers[i] = peer
		})
	}
	wg.Wait()
	if peers[0].Role != "node" || peers[1].Role != "driver" || peers[1].PID != 1 {
		t.Errorf("%+v", peers)
	}
}

func TestHandshakeRefused(t *testing.T) {
	for text, frames := range map[string]string{
		"another protocol": "\x05\x00\x00\x00\x01abcd",
		"use the same":     string(helloFrame(`{"Min":7,"Max":9,"Role":"node","Build":"2.0"}`)),
		"does not speak":   string(helloFrame(`not json`)),
		"EOF":              "\x09\x00",
	} {
		mine, theirs := net.Pipe()
		c := New(mine)
		go func() { _, _ = io.Copy(io.Discard, theirs) }() // ends with the pipe
		go func() {
			_, _ = theirs.Write([]byte(frames))
			theirs.Close()
		}()
		if _, _, err := c.Handshake(t.Context(), Hello{Role: "driver", Build: "1.0"}); err == nil || !strings.Contains(err.Error(), strings.Replace(text, "another protocol", "does not speak", 1)) {
			t.Errorf("%s: %v", text, err)
		}
		c.Abort()
	}
	a, _ := sockets(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := a.Handshake(ctx, Hello{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func helloFrame(body string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+1))
	return append(append(b, handshakeFor), body...)
}

// FuzzServe: damaged streams end with an error, and cost no more memory than they have bytes.
func FuzzServe(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x07\x05\x00\x00\x00\x01abcd"))
	f.Add([]byte("\xff\xff\xff\x03\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &reader{from: bytes.NewReader(data)}
		total := 0
		for {
			_, body, err := r.next()
			if err != nil {
				break
			}
			total += headSize + len(body)
		}
		if total > len(data) || cap(r.buf) > 2*max(growAtOnce, len(data))+readSize {
			t.Errorf("%d bytes of frames from %d, a buffer of %d", total, len(data), cap(r.buf))
		}
	})
}

func echo(b *testing.B, of func(net.Conn) *Conn, window int) {
	b.Helper()
	x, y := socketsOf(b, of)
	go func() {
		_ = y.Serve(func(kind byte, body []byte) error { // the end of the benchmark ends it
			return y.Send(kind, func(out []byte) []byte { return append(out, body...) })
		})
	}()
	body := make([]byte, 100)
	got := make(chan struct{}, window)
	go func() {
		_ = x.Serve(func(byte, []byte) error { // the end of the benchmark ends it
			got <- struct{}{}
			return nil
		})
	}()
	inFlight := 0
	for b.Loop() {
		if inFlight == window {
			<-got
			inFlight--
		}
		inFlight++
		if err := x.Send(1, func(out []byte) []byte { return append(out, body...) }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	for name, of := range kinds {
		for _, window := range []int{1, 64, 4096} {
			b.Run(fmt.Sprintf("%s/%d", name, window), func(b *testing.B) { echo(b, of, window) })
		}
	}
}
