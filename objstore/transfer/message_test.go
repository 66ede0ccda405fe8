package transfer

import (
	"bytes"
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

var samples = []message{
	{kind: kindAsk, id: objstore.ID{ID: id.ID{1, 2}}},
	{kind: kindFound, id: objstore.ID{ID: id.ID{15: 1}}, size: 1 << 40, owner: objstore.Owner{Job: "train", Cell: -3, Type: "map[string]int"}},
	{kind: kindSend, id: objstore.ID{ID: id.ID{9}}, offset: 3 * ChunkSize, size: 3*ChunkSize + 1, sum: 0xdeadbeef},
	{kind: kindWait},
	{kind: kindFail, text: []byte(`{"Closed":true}`)},
}

func TestMessages(t *testing.T) {
	for _, m := range samples {
		b := m.encode()
		r := bytes.NewReader(append(b, "object"...))
		got, err := readMessage(r)
		if err != nil || !reflect.DeepEqual(*got, m) || r.Len() != len("object") {
			t.Errorf("%+v: %+v, %v, %d bytes are left", m, got, err, r.Len())
		}
		for i := range b {
			damaged := bytes.Clone(b)
			damaged[i] ^= 0x10
			if _, err := readMessage(bytes.NewReader(damaged)); err == nil {
				t.Errorf("%+v with byte %d changed is accepted", m, i)
			}
			if _, err := readMessage(bytes.NewReader(b[:i])); err == nil || i > 0 && errors.Is(err, io.EOF) {
				t.Errorf("%+v of %d bytes: %v", m, i, err)
			}
		}
	}
	long := message{kind: kindFail, owner: objstore.Owner{Job: strings.Repeat("j", 1<<20)}, text: make([]byte, 1<<20)}
	got, err := readMessage(bytes.NewReader(long.encode()))
	if err != nil || len(got.owner.Job) != labelMost || objstore.UnmarshalError(got.text) == nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzMessage: what is accepted is written as it was read, so that no two texts mean the same; what is refused is damaged or cut off.
func FuzzMessage(f *testing.F) {
	for _, m := range samples {
		f.Add(m.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b))
		if err == nil {
			if m.offset < 0 || m.size < m.offset {
				t.Errorf("%+v", m)
			}
			if again := m.encode(); !bytes.HasPrefix(b, again) {
				t.Errorf("%x is written as %x", b, again)
			}
		} else if !errors.Is(err, errDamaged) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		// The checksum keeps most inputs from the parser of bodies: it is fed by hand, too.
		if len(b) > messageHead+bodyFixed && len(b) <= messageMost {
			if m, err := parseBody(kindFound, b[messageHead:]); err == nil {
				if again := m.encode(); !bytes.Equal(again[messageHead:len(again)-4], b[messageHead:]) {
					t.Errorf("%x is written as %x", b[messageHead:], again)
				}
			}
		}
	})
}

func TestChunks(t *testing.T) {
	b := make([]byte, 2*ChunkSize+77)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	const before = 7 // a checksum of what came before
	sums, stop := sumAhead(b, before)
	defer stop()
	sum := uint32(before)
	for from := 0; from < len(b); from += ChunkSize {
		end := min(from+ChunkSize, len(b))
		var out bytes.Buffer
		if err := writeChunk(&out, b[from:end], sums); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, end-from)
		var err error
		if sum, err = readChunk(&out, got, sum); err != nil || out.Len() != 0 || !bytes.Equal(got, b[from:end]) {
			t.Fatal(err)
		}
	}
	if want := crc32.Update(before, castagnoli, b); sum != want {
		t.Errorf("%x, not %x", sum, want)
	}
	_, never := sumAhead(b, before)
	never() // although nobody has taken a sum
}

// TestLimit: never more than all are taken, those who give up hold nobody up, and in the end all is there.
func TestLimit(t *testing.T) {
	l := newLimit(10)
	var used atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		r := rand.New(rand.NewPCG(1, uint64(i)))
		all.Go(func() {
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if r.IntN(3) == 0 {
					go cancel() // at some moment; it ends at once
				}
				n, err := l.take(ctx, r.Int64N(15))
				if err == nil {
					if now := used.Add(n); now > 10 {
						t.Errorf("%d are taken", now)
					}
					used.Add(-n)
					l.give(n)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if l.free != 10 || len(l.queue) != 0 {
		t.Errorf("%d of 10 are free, %d wait", l.free, len(l.queue))
	}
}
