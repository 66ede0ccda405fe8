package worker

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// processors keeps GOMAXPROCS at what the worker needs: the CPUs that are leased, or as many as tasks and calls run at a time. A process
// that has more than it needs spends the time of others on looking for work: with two for one task after the other, a round trip takes
// twice as long.
type processors struct {
	most    int32 // the machine's; 0: GOMAXPROCS is left alone
	running atomic.Int32
	peak    atomic.Int32 // of running since the last look, about
	now     atomic.Int32 // GOMAXPROCS

	mu     sync.Mutex // guards leased, and changes of now
	leased float64
}

// patience is for how long fewer must have been needed before there are fewer.
const patience = time.Second

// own says that the process is the worker's.
func (p *processors) own() {
	p.most = int32(runtime.NumCPU())
	p.set(1)
}

func (p *processors) set(n int32) {
	p.now.Store(n)
	runtime.GOMAXPROCS(int(n))
}

// begin counts something that runs, end one less.
func (p *processors) begin() {
	n := p.running.Add(1)
	if p.most == 0 {
		return
	}
	if n > p.peak.Load() {
		p.peak.Store(n)
	}
	if n > p.now.Load() && n <= p.most {
		p.raise(n)
	}
}

func (p *processors) end() { p.running.Add(-1) }

func (p *processors) raise(n int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > p.now.Load() {
		p.set(n)
	}
}

// lease counts CPUs that a lease brings, or takes away.
func (p *processors) lease(cpus float64) {
	p.mu.Lock()
	p.leased += cpus
	n := p.need()
	p.mu.Unlock()
	if p.most > 0 && n > p.now.Load() {
		p.raise(n)
	}
}

// need is how many the leases ask for; p.mu is held.
func (p *processors) need() int32 {
	return max(1, min(p.most, int32(math.Ceil(p.leased-1e-9))))
}

// watch lowers the number while fewer are needed, until ctx ends.
func (p *processors) watch(ctx context.Context) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.lower()
		}
	}
}

func (p *processors) lower() {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := max(p.need(), min(p.peak.Swap(p.running.Load()), p.most))
	if n < p.now.Load() {
		p.set(n)
	}
}
