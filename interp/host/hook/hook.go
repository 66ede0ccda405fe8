// Package hook is what the session host asks of the patched standard library: who owns
// a goroutine, stopping a goroutine where it is, and the hooks for uncaught panics,
// output, input and os.Exit. The other side is in package overlay.
//
// Without the build tag mobulahost (that is, without the overlay) the same functions do nothing, so
// that everything above can be built and tested as an ordinary program; Patched tells.
//
// Stop looks where a goroutine is at one moment. One that is nearly always inside the runtime (hundreds of
// goroutines that allocate and help the collector all the time) takes many looks.
//
// # Usage
//
//	hook.Install(hook.Hooks{...})                   // once, before any owned goroutine exists
//	go func() { hook.SetOwner(p); ... }()           // goroutines started below inherit the owner
//	for _, g := range hook.Goroutines(nil) { hook.Stop(g, 0) }
//
// # Concurrency
//
// Install once. Everything else may be called from any goroutine. Hooks are called on
// the goroutine that writes, panics or exits.
//
// # Testing
//
// TestStop builds testdata/stop with the overlay and interrupts it thousands of times.
package hook

import "unsafe"

// Hooks are the callbacks into the host.
type Hooks struct {
	// StopValue is what stopped goroutines panic with. No recover() returns a value of its type.
	StopValue error
	// Panicked is called where nothing recovered a panic, with all frames in place. true ends the
	// goroutine, false the process.
	Panicked func(v any) bool
	// Write takes what is written to os.Stdout (1) and os.Stderr (2), Read serves os.Stdin; ok == false declines.
	Write func(fd int, b []byte) (n int, err error, ok bool)
	Read  func(b []byte) (n int, err error, ok bool)
	// Exit is called by os.Exit first.
	Exit func(code int)
}

// Verdict says what Stop did, or why it did nothing.
type Verdict int32

// The verdicts; the numbers are those of the patched runtime.
const (
	Gone    Verdict = iota // the goroutine has ended
	Stopped                // it panics with the stop value as soon as it runs
	Pending                // it was stopped before and has not run since
	Waiting                // it is blocked
	Syscall                // it is in a system call or in C
	Foreign                // it runs code that must not be cut off
	Unwind                 // it runs deferred calls of a panic
	Torn                   // it is between the stores of one assignment, or in a prologue
)

// Force widens where Stop may strike.
type Force int32

// The forces.
const (
	ForceUnwind Force = 1 << iota // stop deferred calls of a panic too
	ForceTorn                     // do not wait for a statement boundary
)

// Goroutine is a goroutine that has an owner.
type Goroutine struct {
	ref   uintptr
	ID    uint64
	Owner unsafe.Pointer
	Idle  bool // blocked or in a system call
	// Thread is the system's number of the thread that it holds in a system call or in C, else 0.
	Thread uint64
}

// Stop makes g panic with the stop value if that is safe where it is now: in a function of package
// main, or in a function of a package without locks and shared state that was called from there.
// reason tells what a Waiting goroutine waits for.
func Stop(g Goroutine, force Force) (v Verdict, reason string) { return stop(g.ref, g.ID, force) }

// Goroutines appends the goroutines that have an owner.
func Goroutines(buf []Goroutine) []Goroutine {
	buf = buf[:cap(buf)]
	for {
		n := goroutines(buf)
		if n <= len(buf) {
			return buf[:n]
		}
		buf = make([]Goroutine, n+n/4+16)
	}
}

// Install sets the hooks.
func Install(h Hooks) {
	installRuntime(h.StopValue, pure, h.Panicked)
	installOS(h.Write, h.Read, h.Exit)
}

// InstallOutput sets the hook of Write alone, in a process that runs no cells.
func InstallOutput(write func(fd int, b []byte) (n int, err error, ok bool)) {
	installOS(write, nil, nil)
}

// pure lists the packages whose functions hold no lock and change nothing shared.
var pure = []string{
	"fmt", "strings", "strconv", "sort", "slices", "maps", "math", "math/bits", "math/big", "math/cmplx",
	"bytes", "unicode", "unicode/utf8", "unicode/utf16", "regexp", "regexp/syntax",
	"encoding/json", "encoding/binary", "encoding/hex", "encoding/base64", "encoding/csv",
	"container/heap", "container/list", "container/ring", "cmp", "iter", "errors", "text/tabwriter", "path",
	"internal/bytealg", "internal/stringslite", "bufio", "hash/crc32", "hash/fnv", "hash/maphash", "math/rand/v2",
}
