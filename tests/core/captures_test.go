package core

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"mobula"
)

// TestCapturesAreShared: many tasks that capture one large array run where the store has room for a few copies of it; what one of them, or the
// program between two submissions, writes is not seen by the others.
func TestCapturesAreShared(t *testing.T) {
	const size, tasks = 16 * mib, 30
	disk := &smallDisk{dir: t.TempDir()} // it is full
	connectTo(t, 5*size, disk)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	data := block(3, size)
	gate := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := mobula.Go(func() error { _, err := os.ReadFile(gate); return err }) // so all are submitted before one runs
	look := func(i int) uint64 {
		if err := opened.Value(); err != nil {
			panic(err)
		}
		data[i]++
		return data[i]
	}
	check := func(how string, refs []mobula.Ref[uint64], first uint64) {
		t.Helper()
		got, err := mobula.All(ctx, refs)
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		for i, v := range got {
			want := data[i] + 1
			if i == 0 {
				want = first
			}
			if v != want {
				t.Errorf("%s: task %d sees %d, not %d", how, i, v, want)
			}
		}
	}
	indices := make([]int, tasks)
	for i := range indices {
		indices[i] = i
	}
	mapped := mobula.Map(indices, look)
	var looped []mobula.Ref[uint64]
	for i := range indices {
		looped = append(looped, mobula.Go(func() uint64 { return look(i) }))
	}
	if err := os.WriteFile(gate, nil, 0); err != nil {
		t.Fatal(err)
	}
	check("Map", mapped, data[0]+1)
	check("Go in a loop", looped, data[0]+1)
	was := data[0]
	before := mobula.Go(func() uint64 { return look(0) })
	data[0] = 1000
	after := mobula.Go(func() uint64 { return look(0) })
	data[0] = was
	check("before a change", []mobula.Ref[uint64]{before}, was+1)
	check("after a change", []mobula.Ref[uint64]{after}, 1001)
}

// TestCapturesAreSharedOnThreeNodes: an array goes to another node once, and each task sees it whole.
func TestCapturesAreSharedOnThreeNodes(t *testing.T) {
	onThreeNodes(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const size = 8 * mib
	data := block(5, size)
	indices := make([]int, 24)
	refs := mobula.Map(indices, func(int) string {
		if err := wrong(data, 5, size); err != nil {
			return err.Error()
		}
		return fmt.Sprint(len(data))
	}, mobula.Spread())
	got, err := mobula.All(ctx, refs)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range got {
		if s != fmt.Sprint(size/8) {
			t.Errorf("task %d: %s", i, s)
		}
	}
}
