//go:build unix

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"reflect"
	"sync"
	"syscall"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
)

var samples = []Message{
	{Kind: Lease, Seq: 1},
	{Kind: Put, ID: objstore.ID{ID: id.ID{1, 2}}, Data: []byte("abc"), Owner: objstore.Owner{Job: "j", Cell: -3, Type: "map[string]int"}, Flags: Replaceable},
	{Kind: Seal, ID: objstore.ID{ID: id.ID{15: 9}}, Segment: 1 << 60, Offset: 1 << 50, Size: 77, Flags: Pin | Alone},
	{Kind: Ref, ID: objstore.ID{ID: id.ID{7}}, Count: -1},
	{Kind: Cancel, Target: 12},
	{Kind: Reply, Seq: 3, Segment: 4, Extent: 32 << 20, Size: 100},
	{Kind: Bye},
}

func TestRoundTrip(t *testing.T) {
	for _, m := range samples {
		got, fds, err := decode(m.Append(nil)[4:])
		if err != nil || fds != 0 || !reflect.DeepEqual(got, m) {
			t.Errorf("%+v: %+v, %v", m, got, err)
		}
	}
}

// FuzzDecode: what is accepted encodes to the same bytes, so that no two encodings mean the same.
func FuzzDecode(f *testing.F) {
	for _, m := range samples {
		f.Add(m.Append(nil)[4:])
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, fds, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("%v", err)
			}
			return
		}
		if m.Offset < 0 || m.Size < 0 || m.Extent < 0 {
			t.Errorf("negative: %+v", m)
		}
		again := m.Append(nil)[4:]
		again[1] = byte(fds)
		if !bytes.Equal(again, b) {
			t.Errorf("%x decodes to %+v, which encodes to %x", b, m, again)
		}
	})
}

func pair(t *testing.T) (a, b Conn) {
	t.Helper()
	a, b, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestDescriptors sends files between other messages, from many goroutines: each arrives with its message.
func TestDescriptors(t *testing.T) {
	a, b := pair(t)
	out := NewOutbox(a)
	const senders, each = 4, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				m := &Message{Kind: Reply, Seq: uint64(s*each + i + 1), Data: make([]byte, i*11)}
				if i%3 == 0 {
					m.FDs = []int{textFile(t, m.Seq)}
				}
				if err := out.Send(m); err != nil {
					t.Error(err)
				}
			}
		})
	}
	in := NewReader(b)
	last := map[uint64]uint64{}
	for range senders * each {
		m, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		sender, i := (m.Seq-1)/each, (m.Seq-1)%each
		if last[sender] > m.Seq || len(m.Data) != int(i)*11 || (len(m.FDs) == 1) != (i%3 == 0) {
			t.Fatalf("message %d: %d bytes, %d descriptors", m.Seq, len(m.Data), len(m.FDs))
		}
		last[sender] = m.Seq
		for _, fd := range m.FDs {
			f := os.NewFile(uintptr(fd), "received")
			text := make([]byte, 8)
			if _, err := f.ReadAt(text, 0); err != nil || binary.LittleEndian.Uint64(text) != m.Seq {
				t.Fatalf("message %d has the file of message %d, %v", m.Seq, binary.LittleEndian.Uint64(text), err)
			}
			f.Close()
		}
	}
	wg.Wait()
}

// textFile returns a descriptor of a file that holds a number.
func textFile(t *testing.T, n uint64) int {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Error(err)
		return -1
	}
	defer f.Close()
	if err := binary.Write(f, binary.LittleEndian, n); err != nil {
		t.Error(err)
	}
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Error(err)
	}
	return fd
}

func TestEnds(t *testing.T) {
	t.Run("closed", func(t *testing.T) {
		a, b := pair(t)
		a.Close()
		if _, err := NewReader(b).Next(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	})
	t.Run("cut off", func(t *testing.T) {
		a, b := pair(t)
		m := Message{Kind: Put, Data: make([]byte, 100)}
		if err := a.Write(m.Append(nil)[:50], nil); err != nil {
			t.Fatal(err)
		}
		a.Close()
		if _, err := NewReader(b).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	t.Run("too long", func(t *testing.T) {
		a, b := pair(t)
		if err := a.Write([]byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := NewReader(b).Next(); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("descriptors that have not come", func(t *testing.T) {
		a, b := pair(t)
		bytes := (&Message{Kind: Bye}).Append(nil)
		bytes[5] = 3
		if err := a.Write(bytes, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := NewReader(b).Next(); !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
	t.Run("the peer has gone", func(t *testing.T) {
		a, b := pair(t)
		b.Close()
		out := NewOutbox(a)
		if err := out.Send(&Message{Kind: Bye}); err == nil {
			t.Error("a message for nobody is sent")
		}
		fd := textFile(t, 1)
		out.Queue(&Message{Kind: Reply, FDs: []int{fd}})
		if err := syscall.Close(fd); !errors.Is(err, syscall.EBADF) {
			t.Error("the descriptor of a message that is dropped must be closed")
		}
	})
}

func TestQueueIsWritten(t *testing.T) {
	a, b := pair(t)
	out, stop := NewOutbox(a), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { out.Run(stop) })
	const n = 1000
	for i := range n {
		out.Queue(&Message{Kind: Ref, Count: int64(i + 1)})
	}
	in := NewReader(b)
	for i := range n {
		if m, err := in.Next(); err != nil || m.Count != int64(i+1) {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	close(stop)
	wg.Wait()
	if out.Pending() != 0 {
		t.Error("bytes are left")
	}
}
