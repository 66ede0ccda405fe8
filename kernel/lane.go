package kernel

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"mobula/kernel/wire"
)

// After a cell failed, the requests that its client sent before it could know are still
// arriving. They are waited for until none came for settleQuiet, at most settleMax.
const (
	settleQuiet = 10 * time.Millisecond
	settleMax   = 100 * time.Millisecond
)

// errInterrupted is the cause with which the context of an interrupted cell ends.
var errInterrupted = errors.New("interrupted")

// lanes are the main shell (id "") and its subshells.
type lanes struct {
	k   *Kernel
	mu  sync.Mutex // guards all
	all map[string]*lane
}

// lane runs the cells of one shell in order, on its own goroutine.
type lane struct {
	k       *Kernel
	stop    chan struct{} // closed when the subshell is deleted
	arrived chan struct{} // capacity 1: something was queued
	mu      sync.Mutex    // guards what follows
	queue   []*request
	running context.CancelCauseFunc // of the cell that runs, or nil
	busy    *request                // that cell between its busy and its idle, or nil
	removed bool
}

func newLanes(k *Kernel) *lanes {
	ls := &lanes{k: k, all: make(map[string]*lane)}
	ls.add("")
	return ls
}

func (ls *lanes) add(id string) {
	l := &lane{k: ls.k, stop: make(chan struct{}), arrived: make(chan struct{}, 1)}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.all[id] = l
	ls.k.wg.Go(l.run)
}

// create starts a subshell and returns its id.
func (ls *lanes) create() string {
	id := wire.NewID()
	ls.add(id)
	return id
}

// remove ends a subshell after the cell that it runs; cells in its queue are aborted.
func (ls *lanes) remove(id string) bool {
	ls.mu.Lock()
	l := ls.all[id]
	if l == nil || id == "" {
		ls.mu.Unlock()
		return false
	}
	delete(ls.all, id)
	ls.mu.Unlock()
	close(l.stop)
	return true
}

// list returns the ids of the subshells.
func (ls *lanes) list() []string {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ids := slices.Sorted(maps.Keys(ls.all))
	return append([]string{}, ids[1:]...) // the first is the main shell's ""
}

// interrupt ends the cells that run, in all shells.
func (ls *lanes) interrupt() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.all {
		l.interrupt()
	}
}

// execute queues a cell on the shell that its header names.
func (ls *lanes) execute(r *request) {
	id := ""
	if r.Header.SubshellID != nil {
		id = *r.Header.SubshellID
	}
	ls.mu.Lock()
	l := ls.all[id]
	ls.mu.Unlock()
	if l == nil || !l.push(r) {
		r.around(func() { r.fail("SubshellError", "there is no subshell \""+id+"\": it was deleted or never created") })
	}
}

func (l *lane) push(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removed {
		return false
	}
	l.queue = append(l.queue, r)
	select {
	case l.arrived <- struct{}{}:
	default:
	}
	return true
}

func (l *lane) run() {
	for {
		if r, ctx, end := l.next(); r != nil {
			behind := l.k.execute(ctx, l, r)
			end()
			abort(behind)
			continue
		}
		select {
		case <-l.arrived:
		case <-l.k.ctx.Done():
			return
		case <-l.stop:
			l.mu.Lock()
			l.removed = true
			l.mu.Unlock()
			abort(l.takeAll())
			return
		}
	}
}

// next takes the first request and makes it the one that an interrupt ends, in one step.
func (l *lane) next() (*request, context.Context, func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 || l.k.ctx.Err() != nil {
		return nil, nil, nil
	}
	r := l.queue[0]
	l.queue = l.queue[1:]
	ctx, cancel := context.WithCancelCause(l.k.ctx)
	l.running = cancel
	return r, ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.running = nil
		cancel(nil)
	}
}

func (l *lane) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running != nil {
		l.running(errInterrupted)
	}
}

// setBusy notes whose busy was published; nil before its idle is.
func (l *lane) setBusy(r *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = r
}

// remind publishes the busy of the main shell's cell again. Front ends take the last status for
// the kernel's, and the idle of a request that was served beside a cell would hide that it runs.
func (ls *lanes) remind() {
	ls.mu.Lock()
	l := ls.all[""]
	ls.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock() // so that it cannot come after the cell's idle
	if l.busy != nil {
		l.busy.status("busy")
	}
}

// settle waits for requests that are on their way.
func (l *lane) settle(ctx context.Context) {
	quiet, enough := time.NewTimer(settleQuiet), time.NewTimer(settleMax)
	defer quiet.Stop()
	defer enough.Stop()
	for {
		select {
		case <-l.arrived:
			quiet.Reset(settleQuiet)
		case <-quiet.C:
			return
		case <-enough.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// takeAll empties the queue.
func (l *lane) takeAll() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.queue
	l.queue = nil
	return queue
}

// abort answers requests without running them.
func abort(queue []*request) {
	for _, r := range queue {
		r.around(func() {
			r.reply(object{
				"status": "aborted", "execution_count": r.k.count.Load(),
				"ename": "Aborted", "evalue": "a cell before this one failed", "traceback": []string{},
				"user_expressions": object{}, "payload": []any{},
			})
		})
	}
}
