package session

import (
	"context"
	"sync/atomic"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/program"
)

// Host is what a session host, in which the cells of a notebook run, gives to the sessions of its process.
type Host struct {
	Program program.Program
	Path    string   // the executable that workers run
	Env     []string // NAME=value, for workers
	// Address says where the notebook's cluster is; it starts one where there is none.
	Address func(ctx context.Context, config []byte) (string, error)
	// Cell is the cell that the calling goroutine belongs to.
	Cell func() int
	// OnLog shows what tasks write; OnPending, why they wait.
	OnLog     func(wire.Log)
	OnPending func(reason string)
	// OnBusy is told of a cell whose tasks can be followed, see Session.Progress. nil: nobody follows them.
	OnBusy func(cell int)
	// Stop is closed when the cell that the calling goroutine belongs to is interrupted; Stopped ends the goroutine then.
	Stop    func() <-chan struct{}
	Stopped func()
	// Apart runs a function that starts goroutines which are not the cell's, and waits for it.
	Apart func(f func())
	// Captures tells what the user calls the variables that a func literal captures, in order; nil where that is not known.
	Captures func(entry uintptr) []Capture
	// TaskName names a task after the function that it runs.
	TaskName func(entry uintptr) string
}

var host atomic.Pointer[Host]

// SetHost makes this process a session host.
func SetHost(h *Host) { host.Store(h) }

// Hosted returns the session host that this process is, nil in others.
func Hosted() *Host { return host.Load() }

// cellHere is the cell of a notebook for which the calling goroutine works, 0 for none.
func cellHere() int {
	if t := worker.Current(); t != nil {
		return int(t.Cell)
	}
	if h := Hosted(); h != nil && h.Cell != nil {
		return h.Cell()
	}
	return 0
}

// Interruptible returns a context that ends with ctx, and when the cell that the calling goroutine belongs to is
// interrupted. leave is called when the wait is over; it ends the goroutine of an interrupted cell.
func Interruptible(ctx context.Context) (c context.Context, leave func()) {
	h := Hosted()
	if h == nil || h.Stop == nil {
		return ctx, func() {}
	}
	stop := h.Stop()
	c, cancel := context.WithCancel(ctx)
	left := make(chan struct{})
	go func() { // ends with leave
		select {
		case <-stop:
			cancel()
		case <-left:
		}
	}()
	return c, func() {
		close(left)
		cancel()
		select {
		case <-stop:
			h.Stopped()
		default:
		}
	}
}
