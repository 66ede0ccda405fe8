//go:build linux

package transfer_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/memfile"
	"mobula/objstore/store"
)

// BenchmarkFetch copies 1 GiB from another process's store, and in turn reads as much by plain TCP from the same memory into warm shared
// memory, with reads and writes of the same size. x-raw is the share of plain TCP's speed, by medians; cpu-x-raw
// compares the processor time of both processes, which other load on the machine moves less; cold is the first fetch, for which the system
// makes the memory.
func BenchmarkFetch(b *testing.B) {
	source := storetest.Start(b, "node", strconv.Itoa(gib)+" "+b.TempDir())
	defer source.Wait() // its input ends before
	defer source.In.Close()
	words := strings.Fields(source.Line(b))
	object, err := id.Parse[objstore.ID](words[2])
	if err != nil {
		b.Fatal(err)
	}
	here := newNode(b, "here", nodeConfig{store: store.Config{Capacity: 3 * gib}})
	raw := newRaw(b, words[1])
	fetch := func() {
		if err := here.fetcher.Fetch(b.Context(), object, peerAt("source", words[0])); err != nil {
			b.Fatal(err)
		}
	}
	forget := func() {
		here.client.Ref(object, -1)
		if err := here.client.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	start := time.Now()
	fetch()
	cold := time.Since(start)
	storetest.Check(b, here.client, object, gib)
	forget()
	raw.read(b)
	var plain, fetched []time.Duration
	var plainCPU, fetchedCPU time.Duration
	cpu := func() time.Duration { return ran(b, os.Getpid()) + ran(b, source.Process.Pid) }
	for b.Loop() {
		used, start := cpu(), time.Now()
		raw.read(b)
		plain = append(plain, time.Since(start))
		plainCPU += cpu() - used
		used, start = cpu(), time.Now()
		fetch()
		fetched = append(fetched, time.Since(start))
		fetchedCPU += cpu() - used
		forget()
	}
	slices.Sort(plain)
	slices.Sort(fetched)
	middle := len(plain) / 2
	b.ReportMetric(gib/1e9/cold.Seconds(), "cold-GB/s")
	b.ReportMetric(gib/1e9/plain[middle].Seconds(), "raw-GB/s")
	b.ReportMetric(gib/1e9/fetched[middle].Seconds(), "GB/s")
	b.ReportMetric(plain[middle].Seconds()/fetched[middle].Seconds(), "x-raw")
	b.ReportMetric(plainCPU.Seconds()/fetchedCPU.Seconds(), "cpu-x-raw")
}

// ran is how long the threads of a process have run.
func ran(b *testing.B, pid int) (sum time.Duration) {
	b.Helper()
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range threads {
		var ns time.Duration
		if text, err := os.ReadFile(name); err == nil { // it may have ended
			_, _ = fmt.Sscan(string(text), &ns)
		}
		sum += ns
	}
	return sum
}

type rawReader struct {
	c  net.Conn
	to []byte
}

func newRaw(b *testing.B, address string) *rawReader {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	f, err := memfile.Create(gib)
	if err != nil {
		b.Fatal(err)
	}
	m, err := f.Map()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		c.Close()
		if err := m.Unmap(); err != nil {
			b.Error(err)
		}
		f.Close()
	})
	m.Ensure(gib)
	return &rawReader{c, m.Bytes()}
}

func (r *rawReader) read(b *testing.B) {
	b.Helper()
	if _, err := r.c.Write([]byte{1}); err != nil {
		b.Fatal(err)
	}
	for at := 0; at < gib; at += rawSize {
		if _, err := io.ReadFull(r.c, r.to[at:at+rawSize]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFetchEach fetches objects one after the other, and eight at a time.
func BenchmarkFetchEach(b *testing.B) {
	for _, n := range []int{1000, 200_000, 4 * mib} {
		for _, users := range []int{1, 8} {
			b.Run(fmt.Sprintf("%d/%d", n, users), func(b *testing.B) { benchmarkEach(b, n, users) })
		}
	}
}

func benchmarkEach(b *testing.B, n, users int) {
	b.Helper()
	source := newNode(b, "source", nodeConfig{store: store.Config{Capacity: gib}})
	here := newNode(b, "here", nodeConfig{store: store.Config{Capacity: gib}})
	objects := make(chan objstore.ID, 16)
	for range cap(objects) {
		objects <- put(b, source.client, n)
	}
	b.SetBytes(int64(n))
	b.ResetTimer()
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(b.N))
	for range users {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				object := <-objects
				if err := here.fetcher.Fetch(b.Context(), object, source.peer()); err != nil {
					b.Error(err)
					return
				}
				here.client.Free(object)
				objects <- object
			}
		})
	}
	all.Wait()
}
