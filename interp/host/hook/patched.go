//go:build mobulahost

package hook

import "unsafe"

// Patched reports whether this process has the patched standard library.
const Patched = true

// Owner returns the owner of the calling goroutine.
func Owner() unsafe.Pointer

// SetOwner sets the owner of the calling goroutine and of those that it will start.
func SetOwner(unsafe.Pointer)

// ID returns the number of the calling goroutine.
func ID() uint64

func stop(ref uintptr, id uint64, force Force) (Verdict, string)
func goroutines([]Goroutine) int
func installRuntime(stop any, pure []string, panicked func(any) bool)
func installOS(write func(int, []byte) (int, error, bool), read func([]byte) (int, error, bool), exit func(int))
