// Package cellrt is what the code of cells calls that the user has not written: blocking
// operations that an interrupt ends, the value of a cell's last expression, and the registration of symbols
// for the tier that needs no compiler.
//
// A Run is one execution of a cell. Goroutines belong to the run of the goroutine that
// started them. Stopping a run closes its stop channel; whatever waits in this package then panics with
// Interrupt, which no recover() sees in the session host.
//
// # Usage
//
//	v := cellrt.Recv(ch)             // v := <-ch
//	cellrt.Lock(&mu)                 // mu.Lock()
//	case <-cellrt.StopChan(): cellrt.Stopped()   // added to a select
//	cellrt.Result(x)                 // x, the last line of a cell
//
// A stopped Recv has taken no value, a stopped Send has given none, a stopped Lock does
// not hold the lock, and a stopped CondWait holds it, as a deferred Unlock expects.
//
// # Concurrency
//
// The variables are set once, before any cell runs. All functions may be called from any
// goroutine.
//
// # Testing
//
// Set Current to a function that returns a Run of the test, and Stop it.
package cellrt

import (
	"sync/atomic"
	"unsafe"

	"mobula/internal/cellio"
)

// Interrupt is the value that a stopped goroutine panics with.
type Interrupt struct{}

// Error returns "interrupted".
func (Interrupt) Error() string { return "interrupted" }

// Run is one execution of a cell.
type Run struct {
	Cell int
	Out  cellio.Outputs // takes what is shown, nil: the cell's output
	end  *end
}

// end is how a run is stopped.
type end struct {
	stopped atomic.Bool
	stop    chan struct{}
}

// NewRun returns a run of a cell.
func NewRun(cell int) *Run { return &Run{Cell: cell, end: &end{stop: make(chan struct{})}} }

// Captured returns the same run, to be stopped with it, of goroutines whose output goes to out.
func (r *Run) Captured(out cellio.Outputs) *Run { return &Run{Cell: r.Cell, Out: out, end: r.end} }

// Stop asks all goroutines of the run to end. It reports whether this call was the first.
func (r *Run) Stop() bool {
	if r.end.stopped.Swap(true) {
		return false
	}
	close(r.end.stop)
	return true
}

// IsStopped reports whether the run has been stopped.
func (r *Run) IsStopped() bool { return r.end.stopped.Load() }

// Done is closed when the run is stopped.
func (r *Run) Done() <-chan struct{} { return r.end.stop }

// noRun is the run of goroutines that no cell has started.
var noRun = NewRun(0)

// Owner returns the owner of the calling goroutine, a *Run or nil. The session host sets it.
var Owner = func() unsafe.Pointer { return nil }

// Detach takes the calling goroutine out of its run. The session host sets it.
var Detach = func() {}

// Current returns the run that the calling goroutine belongs to. It is never nil.
func Current() *Run {
	if r := (*Run)(Owner()); r != nil {
		return r
	}
	return noRun
}

// StopChan returns the channel that is closed when the caller's run is stopped.
func StopChan() <-chan struct{} { return Current().end.stop }

// Stopped ends the calling goroutine.
func Stopped() { panic(Interrupt{}) }
