//go:build linux

package view

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"mobula/objstore/memfile"
)

// object makes a file whose byte at i is pattern(i), and its mapping.
func object(tb testing.TB, size int64) (*memfile.File, []byte) {
	tb.Helper()
	f, err := memfile.Create(size)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	m, err := f.Map()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = m.Unmap() })
	b := m.Bytes()
	for i := range b {
		b[i] = pattern(i)
	}
	return f, b
}

func pattern(i int) byte { return byte(i*7 + i>>12 + 1) }

// await collects garbage until done.
func await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			tb.Fatalf("%s: not after 20 s of garbage collection", what)
		}
		runtime.GC()
		runtime.Gosched()
	}
}

func TestSubSliceKeepsTheView(t *testing.T) {
	f, shared := object(t, 1<<20)
	for _, size := range []int64{MinSize, MinSize + 1, 100_000, 1<<20 - 4095, 1 << 20} {
		var released atomic.Int32
		v, err := Map(f.Fd(), 0, size, func() { released.Add(1) })
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(v.Bytes(), shared[:size]) || int64(cap(v.Bytes())) != size {
			t.Fatalf("%d bytes: content or capacity differs", size)
		}
		sub := v.Bytes()[50_000:50_010]
		v = nil
		for range 5 {
			runtime.GC()
		}
		if released.Load() != 0 {
			t.Fatal("released while a slice lives")
		}
		sub[0] = 99
		if shared[50_000] != pattern(50_000) || sub[1] != pattern(50_001) {
			t.Fatal("a write has reached the object, or content is wrong")
		}
		runtime.KeepAlive(sub)
		await(t, "release", func() bool { return released.Load() == 1 })
	}
	await(t, "no views", func() bool { return Live() == 0 })
}

func TestReleaseNow(t *testing.T) {
	f, _ := object(t, 1<<20)
	released := 0
	v, err := Map(f.Fd(), 4096, MinSize, func() { released++ })
	if err != nil {
		t.Fatal(err)
	}
	b := v.Bytes()
	v.Release()
	v.Release()
	if released != 1 || Live() != 0 {
		t.Fatalf("released %d times, %d views", released, Live())
	}
	if b[0] != 0 {
		t.Error("a slice that is left must read as zeros")
	}
}

func TestRefusals(t *testing.T) {
	f, _ := object(t, 1<<20)
	for _, c := range []struct{ offset, size int64 }{{0, MinSize - 1}, {100, MinSize}} {
		if _, err := Map(f.Fd(), c.offset, c.size, nil); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	live.Store(MaxViews)
	_, err := Map(f.Fd(), 0, MinSize, nil)
	live.Store(0)
	if !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
}

func TestFailingCalls(t *testing.T) {
	f, _ := object(t, 1<<20)
	real, fails := mmap, 0
	mmap = func(at unsafe.Pointer, size uintptr, flags, fd int, offset int64) error {
		if fails > 0 {
			fails--
			return syscall.ENOMEM
		}
		return real(at, size, flags, fd, offset)
	}
	defer func() { mmap = real }()
	fails = 1
	if _, err := Map(f.Fd(), 0, MinSize, nil); !errors.Is(err, syscall.ENOMEM) || Live() != 0 {
		t.Fatalf("%v, %d views", err, Live())
	}
	released := false
	v, err := Map(f.Fd(), 0, MinSize, func() { released = true })
	if err != nil {
		t.Fatal(err)
	}
	fails = 1
	v.Release()
	if released || Live() != 1 || stuck.count.Load() != 1 {
		t.Fatal("a view whose pages could not be put back is not released")
	}
	v = nil
	for range 3 {
		runtime.GC()
	}
	retryStuck()
	if !released || Live() != 0 {
		t.Fatal("the next call tries again")
	}
}

// TestHeapStaysClean lets views come and go while the allocator reuses their blocks: fresh memory must be zero, and ordinary
// memory must keep its content.
func TestHeapStaysClean(t *testing.T) {
	const size = 8 << 20
	f, shared := object(t, size)
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			var kept [][]byte
			var junk [][]byte
			for round := range rounds {
				n := MinSize + r.Int64N(size/2-MinSize)
				off := r.Int64N((size-n)/4096+1) * 4096
				v, err := Map(f.Fd(), off, n, func() {})
				if err != nil {
					t.Error(err)
					return
				}
				at := r.Int64N(n)
				kept = append(kept, v.Bytes()[at:])
				if v.Bytes()[at] != pattern(int(off+at)) {
					t.Error("content")
				}
				v.Bytes()[at] = pattern(int(off + at))
				if round%7 == 0 {
					v.Release()
					kept = kept[:len(kept)-1]
				}
				if len(kept) > 5 {
					kept = kept[:0:0]
				}
				b := make([]byte, n)
				for i := 0; i < len(b); i += 512 {
					if b[i] != 0 {
						t.Errorf("dirty memory from the allocator at %d of %d", i, n)
						return
					}
					b[i] = byte(g + 1)
				}
				junk = append(junk, b)
				if len(junk) > 4 {
					for _, b := range junk {
						for i := 0; i < len(b); i += 512 {
							if b[i] != byte(g+1) {
								t.Error("ordinary memory has changed")
								return
							}
						}
					}
					junk = junk[:0:0]
				}
				if round%20 == 0 {
					debug.FreeOSMemory()
				}
			}
		})
	}
	wg.Wait()
	await(t, "no views", func() bool { return Live() == 0 })
	for i := range shared {
		if shared[i] != pattern(i) {
			t.Fatal("the object has changed")
		}
	}
}

// TestMappingsAreJoined proves that views leave no mapping behind.
func TestMappingsAreJoined(t *testing.T) {
	f, _ := object(t, 1<<20)
	mappings := func() int {
		maps, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(maps), "\n")
	}
	before := mappings()
	var views []*View
	for range 500 {
		v, err := Map(f.Fd(), 0, MinSize, func() {})
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	during := mappings()
	for _, v := range views {
		v.Release()
	}
	after := mappings()
	t.Logf("%d mappings before, %d with 500 views, %d after", before, during, after)
	if during < before+400 || after > before+50 {
		t.Error("released views must be joined to the heap around them")
	}
}

func TestClasses(t *testing.T) {
	seen := map[int]int64{}
	for size := int64(MinSize); size < 1<<40; size += 1 + size/31 {
		i, bytes := class(size)
		if bytes < size || bytes > size+size/4+1 || i < 0 || i >= len(pools) {
			t.Fatalf("%d: class %d of %d bytes", size, i, bytes)
		}
		if b, ok := seen[i]; ok && b != bytes {
			t.Fatalf("class %d has blocks of %d and %d bytes", i, b, bytes)
		}
		seen[i] = bytes
		if j, same := class(bytes); j != i || same != bytes {
			t.Fatalf("%d is the size of class %d and falls into %d", bytes, i, j)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	for _, size := range []int64{64 << 10, 1 << 20, 1 << 30} {
		for _, release := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/release=%v", size, release), func(b *testing.B) { benchmarkMap(b, size, release) })
		}
	}
}

func benchmarkMap(b *testing.B, size int64, release bool) {
	b.Helper()
	f, err := memfile.Create(size)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		v, err := Map(f.Fd(), 0, size, func() {})
		if errors.Is(err, ErrTooMany) { // finalizers are behind
			runtime.GC()
			continue
		}
		took = append(took, time.Since(start))
		if err != nil {
			b.Fatal(err)
		}
		if release {
			v.Release()
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "us-median")
	b.ReportMetric(float64(took[len(took)*9/10].Nanoseconds())/1000, "us-p90")
}
