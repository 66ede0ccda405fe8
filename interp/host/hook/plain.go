//go:build !mobulahost

package hook

import "unsafe"

// Patched reports whether this process has the patched standard library.
const Patched = false

// Owner returns the owner of the calling goroutine.
func Owner() unsafe.Pointer { return nil }

// SetOwner sets the owner of the calling goroutine and of those that it will start.
func SetOwner(unsafe.Pointer) {}

// ID returns 0.
func ID() uint64 { return 0 }

func stop(uintptr, uint64, Force) (Verdict, string)                                              { return Foreign, "" }
func goroutines([]Goroutine) int                                                                 { return 0 }
func installRuntime(any, []string, func(any) bool)                                               {}
func installOS(func(int, []byte) (int, error, bool), func([]byte) (int, error, bool), func(int)) {}
