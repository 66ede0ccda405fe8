package core

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"mobula"
)

// BenchmarkObjects: putting and getting slices of floats, against copying them in memory. -bench Objects -benchtime 20x
func BenchmarkObjects(b *testing.B) {
	if err := mobula.Connect(b.Context(), mobula.Config{CPUs: 1, Store: 6 << 30}); err != nil {
		b.Fatal(err)
	}
	defer mobula.Close()
	for _, size := range []int{1 << 20, 64 << 20, 1 << 30} {
		name := fmt.Sprint(size>>20, "MiB")
		from := make([]float32, size/4)
		for i := range from {
			from[i] = float32(i)
		}
		b.Run("memcpy/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			to := make([]float32, size/4)
			copy(to, from) // the system gives its pages
			for b.Loop() {
				copy(to, from)
			}
		})
		b.Run("memcpy to new memory/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				to := make([]float32, size/4)
				copy(to, from)
				runtime.KeepAlive(to)
				b.StopTimer()
				debug.FreeOSMemory()
				b.StartTimer()
			}
		})
		b.Run("put/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if r := mobula.Put(from); !r.Ready() {
					b.Fatal("it waits")
				}
				b.StopTimer()
				runtime.GC() // the store gets it back
				b.StartTimer()
			}
		})
		r := mobula.Put(from)
		b.Run("get/"+name, func(b *testing.B) {
			for b.Loop() {
				if got, err := r.Get(b.Context()); err != nil || len(got) != size/4 {
					b.Fatal(len(got), err)
				}
				b.StopTimer()
				runtime.GC()
				b.StartTimer()
			}
		})
		b.Run("get and read/"+name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				got, err := r.Get(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				total := float32(0)
				for i := 0; i < len(got); i += 16 {
					total += got[i]
				}
				runtime.KeepAlive(total)
			}
		})
	}
}
