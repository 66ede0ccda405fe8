package wire

import (
	"bufio"
	"bytes"
	"slices"
	"testing"
)

// split cuts data into frames: a length byte, then so many bytes.
func split(data []byte) [][]byte {
	var frames [][]byte
	for len(data) > 0 {
		n := min(int(data[0]), len(data)-1)
		frames = append(frames, data[1:1+n])
		data = data[1+n:]
	}
	return frames
}

// FuzzDecode feeds arbitrary parts to the decoder: unsigned, signed by somebody else, and
// signed rightly. What it accepts must survive being encoded and decoded again.
func FuzzDecode(f *testing.F) {
	frames, err := NewCodec("").Encode(sample(f))
	if err != nil {
		f.Fatal(err)
	}
	var seed []byte
	for _, fr := range frames {
		seed = append(append(seed, byte(len(fr))), fr...)
	}
	f.Add(seed)
	f.Add([]byte("\x09<IDS|MSG>\x00\x02{}\x02{}\x02{}\x02{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		frames := split(data)
		if m, err := NewCodec("k").Decode(frames); err == nil {
			t.Fatalf("a message without a valid signature was accepted: %+v", m)
		}
		m, err := NewCodec("").Decode(frames)
		if err != nil {
			return
		}
		signed, err := NewCodec("k").Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		again, err := NewCodec("k").Decode(signed)
		if err != nil {
			t.Fatalf("%q was accepted, but not again once encoded: %v", data, err)
		}
		if again.Header.MsgID != m.Header.MsgID || !bytes.Equal(again.Content, m.Content) || !slices.EqualFunc(again.Buffers, m.Buffers, bytes.Equal) {
			t.Fatalf("changed by a round trip: %+v, then %+v", m, again)
		}
	})
}

// FuzzReadFrames feeds arbitrary bytes as a ZMTP stream.
func FuzzReadFrames(f *testing.F) {
	f.Add([]byte("\x01\x03abc\x00\x00"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x03abc"))
	f.Add([]byte("\x02\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x04\x07\x04PING\x00\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			frames, command, err := readFrames(r)
			if err != nil {
				return
			}
			if command {
				parseCommand(frames[0])
			}
			var b bytes.Buffer
			w := bufio.NewWriter(&b)
			if err := writeFrames(w, frames, command); err != nil {
				t.Fatal(err)
			}
			w.Flush()
			again, c, err := readFrames(bufio.NewReader(&b))
			if err != nil || c != command || !slices.EqualFunc(again, frames, bytes.Equal) {
				t.Fatalf("frames %q changed by a round trip: %q, %v", frames, again, err)
			}
		}
	})
}
