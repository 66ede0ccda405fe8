// Package eventually waits in tests for what nothing tells of. Only tests import it.
//
// # Usage
//
//	eventually.Holds(t, "the worker ends", func() bool { return !lives(pid) })
//
// # Concurrency
//
// The condition is asked by the goroutine of its test, which Holds may end.
//
// # Testing
//
// A condition that holds the third time.
package eventually

import (
	"runtime"
	"testing"
	"time"
)

// Patience bounds the wait for what must come: other tests share the machine.
const Patience = 30 * time.Second

// pause is the time between two looks.
const pause = 2 * time.Millisecond

// Holds waits until the condition does. Where it never does the test ends, with all goroutines, which show what hangs.
func Holds(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			all := make([]byte, 1<<20)
			t.Fatalf("not within %v: %s\n%s", Patience, what, all[:runtime.Stack(all, true)])
		}
	}
}
