//go:build linux

package client_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
)

const gib = 1 << 30

// BenchmarkMemcpy is what the benchmarks of puts are held against.
func BenchmarkMemcpy(b *testing.B) {
	for _, n := range []int{mib, gib} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, dst := storetest.Content(objstore.ID{}, n), make([]byte, n)
			copy(dst, src)
			b.SetBytes(int64(n))
			for b.Loop() {
				copy(dst, src)
			}
		})
	}
}

// BenchmarkPut puts and frees, so that the memory is warm.
func BenchmarkPut(b *testing.B) {
	for _, n := range []int{100, 10_000, 99_000, mib, gib} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := storetest.Open(b, store.Config{Capacity: 3 * gib})
			c := connect(b, s)
			src := storetest.Content(objstore.ID{}, n)
			one := func() {
				id := id.New[objstore.ID]()
				if err := c.PutBuffers(b.Context(), id, nil, [][]byte{src}, client.Meta{}); err != nil {
					b.Fatal(err)
				}
				c.Ref(id, -1)
			}
			for range 3 + 64*mib/n { // until all segments that it takes turns with are there
				one()
			}
			if err := c.Sync(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(n))
			for b.Loop() {
				one()
			}
		})
	}
}

// BenchmarkGet reads an object that this client has made, and one that another has made, which the node is asked for
// each time.
func BenchmarkGet(b *testing.B) {
	for _, n := range []int{100, 50_000, 200_000, gib} {
		for _, who := range []string{"own", "node"} {
			b.Run(fmt.Sprintf("%d/%s", n, who), func(b *testing.B) { benchmarkGet(b, n, who) })
		}
	}
}

func benchmarkGet(b *testing.B, n int, who string) {
	b.Helper()
	s := storetest.Open(b, store.Config{Capacity: 3 * gib})
	maker := connect(b, s)
	id := put(b, maker, n)
	if err := maker.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	reader := maker
	if who == "node" {
		reader = storetest.Connect(b, s, client.Options{IdlePins: -1})
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		o, err := reader.Get(b.Context(), id)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		o.Release()
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "us-median")
}
