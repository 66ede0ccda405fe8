package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func sample(tb testing.TB) *Message {
	tb.Helper()
	return &Message{
		Identities: [][]byte{[]byte("client")},
		Header:     NewHeader("session", "execute_request"),
		Parent:     json.RawMessage(`{"msg_id":"parent"}`),
		Content:    json.RawMessage(`{"code":"1 < 2 && \"ü\"","silent":false}`),
		Buffers:    [][]byte{{0, 1, 2}, nil},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, key := range []string{"", "secret"} {
		c := NewCodec(key)
		want := sample(t)
		frames, err := c.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewCodec(key).Decode(frames)
		if err != nil {
			t.Fatal(err)
		}
		if got.Header != want.Header || string(got.Content) != string(want.Content) || string(got.Metadata) != "{}" {
			t.Errorf("key %q: got %+v, want %+v", key, got, want)
		}
		if got.ParentID() != "parent" || string(got.Identities[0]) != "client" || len(got.Buffers) != 2 || !bytes.Equal(got.Buffers[0], want.Buffers[0]) {
			t.Errorf("key %q: parent, identity or buffers were lost: %+v", key, got)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	sign := NewCodec("k")
	good := func(edit func(m *Message)) [][]byte {
		m := sample(t)
		edit(m)
		frames, err := sign.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		return frames
	}
	content := func(s string) [][]byte { return good(func(m *Message) { m.Content = json.RawMessage(s) }) }
	at := func(frames [][]byte, i int, b string) [][]byte { frames[i] = []byte(b); return frames }
	plain := good(func(*Message) {})
	tests := []struct {
		name   string
		frames [][]byte
		want   error
		answer bool // the message comes with the error
	}{
		{"nothing", nil, ErrFraming, false},
		{"no delimiter", plain[2:], ErrFraming, false},
		{"truncated", plain[:6], ErrFraming, false},
		{"delimiter too late", append(make([][]byte, 100), plain...), ErrFraming, false},
		{"too many buffers", append(good(func(*Message) {}), make([][]byte, 1000)...), ErrFraming, false},
		{"short signature", at(good(func(*Message) {}), 2, "abc"), ErrSignature, false},
		{"no signature", at(good(func(*Message) {}), 2, ""), ErrSignature, false},
		{"not hexadecimal", at(good(func(*Message) {}), 2, strings.Repeat("x", 64)), ErrSignature, false},
		{"forged content", at(good(func(*Message) {}), 6, `{"code":"2"}`), ErrSignature, false},
		{"content not JSON", content(`{"code":`), ErrContent, true},
		{"content an array", content(`[1]`), ErrContent, true},
		{"content empty", content(` `), ErrContent, true},
		{"content of NUL", content("\x00\x00"), ErrContent, true},
		{"content not UTF-8", content("{\"code\":\"\xff\"}"), ErrContent, true},
		{"nested too deep", content(`{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`), ErrContent, true},
		{"header without type", good(func(m *Message) { m.Header.MsgType = "" }), ErrContent, false},
	}
	for _, tt := range tests {
		m, err := NewCodec("k").Decode(tt.frames)
		if !errors.Is(err, tt.want) || (m != nil) != tt.answer {
			t.Errorf("%s: got message %v, error %v; want error %v, message %v", tt.name, m != nil, err, tt.want, tt.answer)
		}
	}
}

func TestReplayIsRefused(t *testing.T) {
	c := NewCodec("k")
	frames, err := c.Encode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(frames); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Decode(frames); !errors.Is(err, ErrReplay) {
		t.Fatalf("a second copy of a message: %v, want %v", err, ErrReplay)
	}
	for range seenLimit { // the memory is bounded
		if err := c.remember(c.sum([][]byte{[]byte(NewID())})); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.seen) != seenLimit || len(c.ring) != seenLimit {
		t.Errorf("%d signatures are remembered, limit %d", len(c.seen), seenLimit)
	}
}

func TestUnsignedWithoutKey(t *testing.T) {
	frames, err := NewCodec("").Encode(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(frames[2]) != 0 {
		t.Errorf("signature %q without a key", frames[2])
	}
	c := NewCodec("")
	for range 2 {
		if _, err := c.Decode(frames); err != nil {
			t.Error(err)
		}
	}
}

func TestConnectionInfo(t *testing.T) {
	tests := []struct {
		info ConnectionInfo
		ok   bool
		want Endpoint
	}{
		{ConnectionInfo{IP: "127.0.0.1", ShellPort: 5}, true, Endpoint{"tcp", "127.0.0.1:5"}},
		{ConnectionInfo{IP: "::1", Transport: "tcp", ShellPort: 5}, true, Endpoint{"tcp", "[::1]:5"}},
		{ConnectionInfo{IP: "/run/k", Transport: "ipc", ShellPort: 5}, true, Endpoint{"unix", "/run/k-5"}},
		{ConnectionInfo{}, false, Endpoint{}},
		{ConnectionInfo{IP: "x", Transport: "udp"}, false, Endpoint{}},
		{ConnectionInfo{IP: "x", Key: "k", SignatureScheme: "hmac-md5"}, false, Endpoint{}},
		{ConnectionInfo{IP: "x", HBPort: 70000}, false, Endpoint{}},
	}
	for _, tt := range tests {
		err := tt.info.validate()
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.info, err)
		} else if err == nil && tt.info.Shell() != tt.want {
			t.Errorf("%+v: shell at %v, want %v", tt.info, tt.info.Shell(), tt.want)
		}
	}
}
