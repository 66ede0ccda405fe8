package sched

import (
	"encoding/binary"
	"fmt"
	"testing"

	"mobula/internal/id"
)

func number16(n int) (i id.ID) {
	binary.BigEndian.PutUint64(i[8:], uint64(n+1))
	return i
}

// bigCluster has 2,000 nodes of 64 CPU, every fourth with 8 GPU.
func bigCluster(used bool) *Snapshot {
	snap := &Snapshot{Patience: Patience{Passes: 100}}
	for i := range 2000 {
		total := Resources{CPU: Whole(64), Memory: 256 << 30}
		if i%4 == 0 {
			total.GPU = Whole(8)
		}
		n := Node{ID: id.Node{ID: number16(i)}, Name: fmt.Sprintf("node-%d", i), Pool: NewPool(total, nil), Labels: map[string]string{"zone": string(rune('a' + i%3))}}
		if used {
			n.Pool.take(Resources{CPU: total.CPU, GPU: total.GPU}, n.Pool.pick(total.GPU), Holders{Tasks: 1})
		}
		snap.Nodes = append(snap.Nodes, n)
	}
	return snap
}

// longQueue has n requests of several shapes and 10 jobs.
func longQueue(n int) []Request {
	queue := make([]Request, n)
	for i := range queue {
		q := Request{ID: id.Lease{ID: number16(i)}, Job: id.Job{ID: number16(i % 10)}, Resources: Resources{CPU: One}, Local: id.Node{ID: number16(i % 2000)}}
		switch i % 8 {
		case 0:
			q.Resources.GPU = One
		case 1:
			q.Resources.GPU = One / 4
		case 2:
			q.Strategy.Kind = Spread
		case 3:
			q.Selector = Selector{{"zone", Equal, []string{"b"}}}
		case 4:
			q.Locality = []Stored{{id.Node{ID: number16(i * 7 % 2000)}, 10 << 20}}
		case 5:
			q.Resources.Memory = int64(i%50) << 28
		}
		queue[i] = q
	}
	return queue
}

func BenchmarkDecide(b *testing.B) {
	for _, used := range []bool{false, true} {
		name := map[bool]string{false: "idle", true: "full"}[used]
		b.Run(name+"-2000x10000", func(b *testing.B) {
			snap, queue := bigCluster(used), longQueue(10_000)
			placed := 0
			for b.Loop() {
				placed = len(Decide(snap, queue).Placed)
			}
			b.ReportMetric(float64(placed), "placed")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/10_000, "us/request")
		})
	}
}

func BenchmarkDecideOne(b *testing.B) {
	snap, queue := bigCluster(false), longQueue(1)
	snap.Nodes = snap.Nodes[:1]
	b.ReportAllocs()
	for b.Loop() {
		Decide(snap, queue)
	}
}

func BenchmarkLedger(b *testing.B) {
	l := NewLedger(Resources{CPU: Whole(64)}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Acquire(lease(1), Resources{CPU: One}, nil); err != nil {
			b.Fatal(err)
		}
		if err := l.Release(lease(1)); err != nil {
			b.Fatal(err)
		}
	}
}
