package frame

import (
	"net"
	"testing"
	"time"
)

// kinds are the ways to make a connection.
var kinds = map[string]func(net.Conn) *Conn{"polled": New, "blocking": newTaken}

// newTaken is NewBlocking for a socket of this process.
func newTaken(stream net.Conn) *Conn {
	if s := takeOver(stream.(*net.UnixConn)); s != nil {
		return New(s)
	}
	return New(stream)
}

// TestManyBlocking: connections beyond the bound are served as well, and the bound counts open ones.
func TestManyBlocking(t *testing.T) {
	before := blocking.Load()
	for range 2 {
		var open []*Conn
		for range maxBlocking {
			a, b := socketsOf(t, newTaken)
			go func() { // ends with the connection
				_ = b.Serve(func(kind byte, body []byte) error {
					return b.Send(kind, func(out []byte) []byte { return append(out, body...) })
				})
			}()
			open = append(open, a, b)
			if err := a.Send(7, nil); err != nil {
				t.Fatal(err)
			}
			if kind, _, err := a.in.next(); kind != 7 || err != nil {
				t.Fatalf("the answer is of kind %d, %v", kind, err)
			}
		}
		if n := blocking.Load(); n != maxBlocking {
			t.Errorf("%d connections block, of at most %d", n, maxBlocking)
		}
		for _, c := range open {
			c.Abort()
		}
		if n := blocking.Load(); n != before {
			t.Errorf("%d connections block when all are closed", n)
		}
	}
}

// TestPrompt: a read looks for the next message where single ones follow each other closely, and not after a pause or many at once.
func TestPrompt(t *testing.T) {
	if !pays {
		t.Skip("one processor")
	}
	a, b := socketsOf(t, newTaken)
	defer a.Abort()
	defer b.Abort()
	stream := a.in.from.(*blockingStream)
	turn := func(size int, before time.Duration) {
		t.Helper()
		sent := make(chan error, 1)
		go func() { // received below
			<-time.After(before)
			sent <- b.Send(7, func(out []byte) []byte { return append(out, make([]byte, size)...) })
		}()
		kind, body, err := a.in.next()
		if kind != 7 || len(body) != size || err != nil {
			t.Fatalf("%d bytes of kind %d, %v", len(body), kind, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	prompt := 0
	for range 1000 {
		if turn(10, 0); stream.prompt {
			prompt++
		}
	}
	if prompt == 0 {
		t.Error("of 1,000 messages none is prompt")
	}
	if turn(4*single, 0); stream.prompt {
		t.Error("a large message is prompt")
	}
	if turn(10, 20*pollFor); stream.prompt {
		t.Error("a late message is prompt")
	}
	if turn(10, 0); polling.Load() {
		t.Error("a read looks on after its message")
	}
}
