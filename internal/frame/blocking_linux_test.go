package frame

import (
	"net"
	"testing"
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
