package headwire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"mobula/cluster/wire"
	"mobula/internal/frame"
)

// pair connects two peers. The second one's handler is given.
func pair(t *testing.T, handler Handler, notified func(string, json.RawMessage) error) (caller, called *Peer) {
	t.Helper()
	a, b := net.Pipe()
	conns := [2]*frame.Conn{frame.New(a), frame.New(b)}
	caller, called = NewPeer(t.Context(), conns[0], nil, nil), NewPeer(t.Context(), conns[1], handler, notified)
	var serving sync.WaitGroup
	serving.Go(func() { _ = caller.Serve() })
	serving.Go(func() { _ = called.Serve() })
	t.Cleanup(func() {
		for _, c := range conns {
			c.Abort()
		}
		serving.Wait()
	})
	return caller, called
}

// TestCalls and those like it run in a bubble: a wait without an end fails at once.
func TestCalls(t *testing.T) { synctest.Test(t, testCalls) }

func testCalls(t *testing.T) {
	var notes []string
	caller, called := pair(t, func(ctx context.Context, method string, body json.RawMessage) (any, error) {
		switch method {
		case "echo":
			return body, nil
		case "wait":
			<-ctx.Done()
			return nil, ctx.Err()
		case "wrapped":
			return nil, fmt.Errorf("outside: %w", Errorf(Exists, "inside"))
		case "notes":
			return notes, nil // the notifications came before, in order
		}
		return nil, Errorf(NotFound, "no method %s", method)
	}, func(method string, _ json.RawMessage) error {
		notes = append(notes, method)
		return nil
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if got, err := Ask(t.Context(), caller, Method[int, int]("echo"), i); got != i || err != nil {
				t.Error(i, got, err)
			}
		})
	}
	wg.Wait()
	if _, err := Ask(t.Context(), caller, Method[None, None]("x"), None{}); !HasCode(err, NotFound) || err.Error() != "no method x" {
		t.Error(err)
	}
	if _, err := Ask(t.Context(), caller, Method[None, None]("wrapped"), None{}); !HasCode(err, Exists) || err.Error() != "outside: inside" {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { waits <- caller.Call(ctx, "wait", None{}, nil) }()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, note := range []string{"a", "b", "c"} {
		if err := caller.Notify(note, None{}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := Ask(t.Context(), caller, Method[None, []string]("notes"), None{}); strings.Join(got, "") != "abc" || err != nil {
		t.Error(got, err)
	}
	if err := called.Call(t.Context(), "echo", None{}, nil); !HasCode(err, Unavailable) {
		t.Errorf("the caller takes no calls: %v", err)
	}
}

func TestEndOfConnection(t *testing.T) { synctest.Test(t, testEndOfConnection) }

func testEndOfConnection(t *testing.T) {
	begun := make(chan struct{})
	caller, called := pair(t, func(ctx context.Context, _ string, _ json.RawMessage) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}, nil)
	result := make(chan error, 1)
	go func() { result <- caller.Call(t.Context(), "wait", None{}, nil) }()
	<-begun
	called.conn.Abort()
	if err := <-result; !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if err := caller.Call(t.Context(), "wait", None{}, nil); !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
}

func TestRefuse(t *testing.T) { synctest.Test(t, testRefuse) }

func testRefuse(t *testing.T) {
	a, b := net.Pipe()
	client := frame.New(a)
	go Refuse(frame.New(b), Errorf(Denied, "no token"))
	p := NewPeer(t.Context(), client, nil, Refusal)
	if err := p.Serve(); !HasCode(err, Denied) {
		t.Error(err)
	}
	if err := p.Call(t.Context(), "x", None{}, nil); !HasCode(err, Denied) {
		t.Error(err)
	}
	client.Abort()
}

func TestTokens(t *testing.T) {
	token := NewToken(JoinToken, [32]byte{1, 2, 3})
	got, err := ParseToken(" " + token.Text() + "\n")
	if got != token || err != nil {
		t.Error(got, err)
	}
	other := token
	other.Kind = UserToken
	if token.Hash() == other.Hash() || token.Hash() == NewToken(JoinToken, token.CA).Hash() {
		t.Error("hashes are equal")
	}
	secret := strings.Split(token.Text(), "-")[2]
	for _, bad := range []string{"", "x", token.Text() + "a", token.Text()[1:], strings.ToUpper(token.Text()), strings.Replace(token.Text(), "join", "root", 1), token.Text()[:len(token.Text())-1]} {
		if _, err := ParseToken(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if text := fmt.Sprintf("%v %s", token, token); strings.Contains(text, secret) {
		t.Errorf("printed: %s", text)
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(NewToken(UserToken, [32]byte{9}).Text())
	f.Add("mobula-join--")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err == nil && token.Text() != strings.TrimSpace(text) {
			t.Errorf("%q is read as %q", text, token.Text())
		}
	})
}

func FuzzPeer(f *testing.F) {
	f.Add(wire.KindCall, []byte(`{"n":1,"m":"x","b":{}}`))
	f.Add(wire.KindReply, []byte(`{"n":1,"e":{"code":"x"}}`))
	f.Add(wire.KindNotify, []byte(`{"m":"refused","b":3}`))
	f.Add(wire.KindCancelCall, []byte(`{"n":1}`))
	a, b := net.Pipe()
	conn := frame.New(a)
	go func() { _ = frame.New(b).Serve(func(byte, []byte) error { return nil }) }()
	f.Cleanup(conn.Abort)
	f.Fuzz(func(t *testing.T, kind byte, body []byte) {
		p := NewPeer(t.Context(), conn, func(_ context.Context, _ string, body json.RawMessage) (any, error) { return body, nil }, Refusal)
		_ = p.Take(kind, body)
		_ = p.Take(kind, body)
		p.End(nil)
	})
}
