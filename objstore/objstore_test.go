package objstore

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"mobula/internal/id"
)

func TestLayout(t *testing.T) {
	tests := []struct {
		head    int64
		buffers []int64
		size    int64
	}{
		{0, nil, 64},
		{100, nil, 164},
		{0, []int64{10}, 74},
		{10, []int64{5000, 0, 4096, 64}, 4*Page + 64},
	}
	for _, tt := range tests {
		l, err := NewLayout(tt.head, tt.buffers)
		if err != nil {
			t.Fatal(err)
		}
		if l.Size() != tt.size {
			t.Errorf("%+v: %d bytes, want %d", tt, l.Size(), tt.size)
		}
		object := make([]byte, l.Size())
		head, buffers := l.Format(object)
		for i, b := range buffers {
			if int64(len(b)) != tt.buffers[i] {
				t.Errorf("buffer %d has %d bytes", i, len(b))
			}
			for j := range b {
				b[j] = byte(i + 1)
			}
		}
		copy(head, strings.Repeat("h", len(head)))
		head2, buffers2, err := Parse(object)
		if err != nil || !bytes.Equal(head, head2) || !reflect.DeepEqual(buffers, buffers2) {
			t.Errorf("%+v: read back other parts, %v", tt, err)
		}
	}
	for _, bad := range [][]int64{{-1}, {1 << 62}, {maxSize, maxSize, maxSize}, make([]int64, maxBuffers+1)} {
		if _, err := NewLayout(0, bad); err == nil {
			t.Errorf("%d buffers of %d are accepted", len(bad), bad[0])
		}
	}
}

func FuzzParse(f *testing.F) {
	l, err := NewLayout(10, []int64{100, 5000})
	if err != nil {
		f.Fatal(err)
	}
	object := make([]byte, l.Size())
	l.Format(object)
	f.Add(object)
	f.Add(object[:30])
	f.Add([]byte("mbo1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, buffers, err := Parse(b)
		if err != nil {
			return
		}
		n := len(head)
		for _, p := range buffers {
			n += len(p)
		}
		if n > len(b) {
			t.Errorf("parts of %d bytes in an object of %d", n, len(b))
		}
	})
}

func TestErrorsBetweenProcesses(t *testing.T) {
	id := id.New[ID]()
	for _, want := range []error{
		&FullError{Need: 1, Capacity: 2, Holders: []Holder{{Owner{"j", 3, "T"}, 4, 5}}},
		&OutOfMemoryError{Need: 3, Available: 2, Kept: 1},
		&OutOfDiskError{Path: "/p", Need: 1, Spilt: 2, Cause: "no space"},
		&LostError{ID: id, Reason: "evicted"}, &FreedError{ID: id}, ErrClosed, errors.New("something else"),
	} {
		got := UnmarshalError(MarshalError(fmt.Errorf("wrapped: %w", want)))
		if !strings.HasSuffix(got.Error(), want.Error()) {
			t.Errorf("%v arrives as %v", want, got)
		}
		if _, plain := errors.AsType[*otherError](got); !plain && !reflect.DeepEqual(got, want) {
			t.Errorf("%#v arrives as %#v", want, got)
		}
	}
	for _, bad := range []string{"", "{", "{}"} {
		if UnmarshalError([]byte(bad)) == nil {
			t.Errorf("%q is no error", bad)
		}
	}
}

func TestFullErrorNamesHolders(t *testing.T) {
	e := &FullError{Need: 5 << 20, Capacity: 1 << 30, Busy: 1 << 29, Holders: []Holder{{Owner{"train", 7, "[]float64"}, 3 << 20, 2}, {Owner{}, 1, 1}}}
	want := "biggest holders: 3 MiB in 2 objects (train, cell 7, []float64), 1 B in 1 objects (no job, unknown type); free objects"
	if !strings.Contains(e.Error(), want) {
		t.Error(e)
	}
	e.Job, e.Quota = "train", 10<<20
	if !strings.Contains(e.Error(), "job train has reached its quota of 10 MiB") {
		t.Error(e)
	}
	if State(99).String() != "state 99" || Spilled.String() != "spilled" {
		t.Error("names of states")
	}
}
