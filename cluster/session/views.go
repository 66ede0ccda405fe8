package session

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

// viewed counts what the store has shown to this process. A view holds the store's memory until the collector finds that nobody uses it, and a
// worker's heap may take long to grow: so the collector runs after a task that has looked at much.
type viewed struct {
	bytes      atomic.Int64 // since it ran last
	collecting atomic.Bool
}

var views viewed

// muchViewed is the least in bytes for which it runs. Where more is alive, of which views are a part, half as much must have been viewed, so
// that the work stays in proportion.
const muchViewed = 64 << 20

func (v *viewed) saw(buffers [][]byte) {
	for _, b := range buffers {
		v.bytes.Add(int64(len(b)))
	}
}

// taskEnded runs the collector, on a goroutine of the given group, if that is worth it.
func (v *viewed) taskEnded(runs *sync.WaitGroup) {
	bytes := v.bytes.Load()
	if bytes < muchViewed || 2*bytes < liveHeap() || !v.collecting.CompareAndSwap(false, true) {
		return
	}
	v.bytes.Store(0)
	runs.Go(func() {
		defer v.collecting.Store(false)
		runtime.GC()
	})
}

// liveHeap is what the last collection has found, in bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(sample[0].Value.Uint64())
}
