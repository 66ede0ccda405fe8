package wire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

var loopback = Endpoint{Network: "tcp", Address: "127.0.0.1:0"}

func dial(t *testing.T, s zmq4.Socket, at net.Addr) zmq4.Socket {
	t.Helper()
	if err := s.Dial("tcp://" + at.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func recv(t *testing.T, s zmq4.Socket) [][]byte {
	t.Helper()
	m, err := s.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m.Frames
}

func echoRouter(t *testing.T) *Router {
	t.Helper()
	var r *Router
	ready := make(chan struct{})
	r, err := ListenRouter("shell", loopback, slog.New(slog.DiscardHandler), func(frames [][]byte) {
		<-ready
		r.Send(frames)
	})
	if err != nil {
		t.Fatal(err)
	}
	close(ready)
	t.Cleanup(func() { r.Close() })
	return r
}

func TestRouterAnswersTheSender(t *testing.T) {
	r := echoRouter(t)
	for _, id := range []string{"a", "b", ""} {
		c := dial(t, zmq4.NewDealer(t.Context(), zmq4.WithID(zmq4.SocketIdentity(id))), r.Addr())
		for i := range 100 {
			want := fmt.Sprintf("%s-%d", id, i)
			if err := c.SendMulti(zmq4.NewMsgFrom([]byte(want), nil, []byte("x"))); err != nil {
				t.Fatal(err)
			}
			if got := recv(t, c); len(got) != 3 || string(got[0]) != want || len(got[1]) != 0 {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	}
	if r.Send([][]byte{[]byte("nobody"), []byte("x")}) {
		t.Error("a message to an unknown client was taken")
	}
}

func TestRouterTakesBigMessages(t *testing.T) {
	r := echoRouter(t)
	c := dial(t, zmq4.NewDealer(t.Context()), r.Addr())
	big := bytes.Repeat([]byte("0123456789abcdef"), 50<<20/16)
	if err := c.SendMulti(zmq4.NewMsgFrom([]byte("head"), big)); err != nil {
		t.Fatal(err)
	}
	if got := recv(t, c); !bytes.Equal(got[1], big) {
		t.Error("50 MB came back changed")
	}
}

// A client that says nothing, one that talks rubbish, one whose frame header lies about the
// length, one whose metadata lies: none may disturb the next.
func TestRouterSurvivesBadClients(t *testing.T) {
	r := echoRouter(t)
	greeting := make([]byte, greetingSize)
	greeting[0], greeting[9], greeting[10] = 0xff, 0x7f, 3
	copy(greeting[12:], "NULL")
	ready := append([]byte("\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"), 0)
	ready = ready[:2+int(ready[1])]
	huge := binary.BigEndian.AppendUint64([]byte{flagLong}, 1<<40)
	for name, bytes := range map[string][]byte{
		"silent":           nil,
		"rubbish":          []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n                                         "),
		"huge handshake":   append(bytes.Clone(greeting), binary.BigEndian.AppendUint64([]byte{flagLong | flagCommand}, 1<<40)...),
		"lying metadata":   append(bytes.Clone(greeting), []byte("\x04\x0a\x05READY\x0bSoc")...),
		"huge frame":       append(append(bytes.Clone(greeting), ready...), huge...),
		"reserved flags":   append(append(bytes.Clone(greeting), ready...), 0xf0, 1, 'x'),
		"truncated header": append(append(bytes.Clone(greeting), ready...), flagLong, 0, 0),
	} {
		raw, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		raw.Write(bytes)
		if name != "silent" { // the others must be cut off, which ends the copy
			raw.(*net.TCPConn).CloseWrite()
			raw.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.Copy(io.Discard, raw); err != nil {
				if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
					t.Errorf("%s: the connection was kept", name)
				}
			}
		}
		t.Cleanup(func() { raw.Close() })
	}
	c := dial(t, zmq4.NewDealer(t.Context()), r.Addr())
	if err := c.SendMulti(zmq4.NewMsgFrom([]byte("still there?"))); err != nil {
		t.Fatal(err)
	}
	if got := recv(t, c); string(got[0]) != "still there?" {
		t.Errorf("got %q", got)
	}
}

func publisher(t *testing.T) *Publisher {
	t.Helper()
	p, err := ListenPublisher(loopback, slog.New(slog.DiscardHandler), func(topic string) [][]byte {
		return [][]byte{[]byte(topic), []byte("welcome")}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func TestPublisherWelcomesAndKeepsOrder(t *testing.T) {
	p := publisher(t)
	all := dial(t, zmq4.NewSub(t.Context()), p.Addr())
	some := dial(t, zmq4.NewSub(t.Context()), p.Addr())
	for sub, topic := range map[zmq4.Socket]string{all: "", some: "k.status"} {
		if err := sub.SetOption(zmq4.OptionSubscribe, topic); err != nil {
			t.Fatal(err)
		}
		if got := recv(t, sub); string(got[0]) != topic || string(got[1]) != "welcome" {
			t.Fatalf("the first message after subscribing to %q is %q", topic, got)
		}
	}
	const n = 20000
	go func() {
		for i := range n {
			p.Publish([][]byte{[]byte("k.stream"), fmt.Append(nil, i)})
			if i%100 == 0 {
				p.Publish([][]byte{[]byte("k.status"), fmt.Append(nil, i)})
			}
		}
	}()
	for i := range n {
		if got := recv(t, all); string(got[1]) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, got)
		}
		if i%100 == 0 {
			recv(t, all)
			if got := recv(t, some); string(got[0]) != "k.status" || string(got[1]) != fmt.Sprint(i) {
				t.Fatalf("status %d is %q", i, got)
			}
		}
	}
}

// A stopped subscriber delays only who asks to wait for it.
func TestDrainWaitsForSlowSubscribers(t *testing.T) {
	p := publisher(t)
	raw, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	greeting := make([]byte, greetingSize)
	greeting[0], greeting[9], greeting[10] = 0xff, 0x7f, 3
	copy(greeting[12:], "NULL")
	hello := append(greeting, []byte("\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB\x00\x01\x01")...)
	if _, err := raw.Write(hello); err != nil {
		t.Fatal(err)
	}
	welcome := make([]byte, greetingSize+1)
	if _, err := io.ReadFull(raw, welcome); err != nil {
		t.Fatal(err)
	}
	other := dial(t, zmq4.NewSub(t.Context()), p.Addr())
	other.SetOption(zmq4.OptionSubscribe, "")
	recv(t, other)
	block := make([]byte, 1<<20)
	for range 128 {
		p.Publish([][]byte{[]byte("s"), block})
	}
	for range 128 {
		recv(t, other)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p.Drain(ctx)
	if ctx.Err() == nil {
		t.Fatal("Drain did not wait for 128 MB that nobody reads")
	}
	go io.Copy(io.Discard, raw)
	p.Drain(t.Context())
}

func TestCloseFlushes(t *testing.T) {
	p := publisher(t)
	sub := dial(t, zmq4.NewSub(t.Context()), p.Addr())
	sub.SetOption(zmq4.OptionSubscribe, "")
	recv(t, sub)
	const n = 1000
	for i := range n {
		p.Publish([][]byte{[]byte("k"), fmt.Append(nil, i)})
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got := recv(t, sub); string(got[1]) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, got)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	h, err := ListenHeartbeat(loopback, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	c := dial(t, zmq4.NewReq(t.Context()), h.Addr())
	for range 3 {
		if err := c.Send(zmq4.NewMsgString("ping")); err != nil {
			t.Fatal(err)
		}
		if got := recv(t, c); string(got[0]) != "ping" {
			t.Errorf("got %q", got)
		}
	}
}
