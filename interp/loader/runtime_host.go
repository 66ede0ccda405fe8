//go:build mobulahost && linux && amd64

package loader

import "unsafe"

// These are defined in package runtime of the session host (see package overlay).

//go:linkname stopWorld
func stopWorld()

//go:linkname startWorld
func startWorld()

//go:linkname publish
func publish(t *tables)

//go:linkname register
func register(t *tables, size uintptr) bool

//go:linkname verify
func verify()

//go:linkname hostTypes
func hostTypes() (types, etypes, text, etext uintptr)

//go:linkname findItab
func findItab(inter, typ unsafe.Pointer) (m unsafe.Pointer, fresh bool)

//go:linkname reserveItabs
func reserveItabs(n uintptr)

//go:linkname itabTaken
func itabTaken(m unsafe.Pointer) bool

//go:linkname addItab
func addItab(m unsafe.Pointer)

//go:linkname refreshItabs
func refreshItabs(types []uintptr)

//go:linkname clearAssert
func clearAssert(s unsafe.Pointer)

//go:linkname clearSwitch
func clearSwitch(s unsafe.Pointer)

//go:linkname typeMask
func typeMask(t unsafe.Pointer) *byte

const supported = true
