//go:build !(mobulahost && linux && amd64)

package loader

import "unsafe"

// Outside a session host New fails, and none of these is reached.

func stopWorld()                                          {}
func startWorld()                                         {}
func publish(*tables)                                     {}
func register(*tables, uintptr) bool                      { return false }
func verify()                                             {}
func hostTypes() (types, etypes, text, etext uintptr)     { return 0, 0, 0, 0 }
func findItab(_, _ unsafe.Pointer) (unsafe.Pointer, bool) { return nil, false }
func reserveItabs(uintptr)                                {}
func itabTaken(unsafe.Pointer) bool                       { return false }
func addItab(unsafe.Pointer)                              {}
func refreshItabs([]uintptr)                              {}
func clearAssert(unsafe.Pointer)                          {}
func clearSwitch(unsafe.Pointer)                          {}
func typeMask(unsafe.Pointer) *byte                       { return nil }

const supported = false
