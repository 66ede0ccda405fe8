package loader

import (
	"fmt"
	"unsafe"
)

// arena is a reserved range of addresses that is filled from its start. view differs
// from base for text, which is written through a second mapping.
type arena struct {
	name       string
	base, view uintptr
	cur, limit uintptr // bytes from base
	writable   uintptr // bytes from base; the rest is reserved only
}

// growStep is how much more of an arena becomes writable at a time, in bytes.
const growStep = 256 << 10

// alloc returns the address of n zeroed bytes.
func (a *arena) alloc(n uintptr, align uintptr) (uintptr, error) {
	start := up(a.cur, max(align, 1))
	end := start + n
	if end > a.limit || end < start {
		return 0, fmt.Errorf("the session's memory for %s is full (%d MB): restart the session", a.name, a.limit>>20)
	}
	if end > a.writable {
		to := min(up(end, growStep), a.limit)
		if err := protectRW(a.base+a.writable, to-a.writable); err != nil {
			return 0, fmt.Errorf("get memory for %s: %w", a.name, err)
		}
		a.writable = to
	}
	a.cur = end
	return a.base + start, nil
}

// truncate gives back everything behind a former cur.
func (a *arena) truncate(cur uintptr) {
	clear(bytesAt(a.view+cur, a.cur-cur))
	a.cur = cur
}

// bytes returns writable memory behind an address of the arena.
func (a *arena) bytes(addr, n uintptr) []byte { return bytesAt(addr-a.base+a.view, n) }

// append copies b into the arena and returns its offset.
func (a *arena) append(b []byte, align uintptr) (uint32, error) {
	p, err := a.alloc(uintptr(len(b)), align)
	if err != nil {
		return 0, err
	}
	copy(a.bytes(p, uintptr(len(b))), b)
	return uint32(p - a.base), nil
}

func up(x, a uintptr) uintptr { return (x + a - 1) &^ (a - 1) }

// pointer is for addresses outside the Go heap.
func pointer(a uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&a)) }

func bytesAt(a, n uintptr) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(pointer(a)), int(n))
}

// The image's arenas.
const (
	aText  = iota
	aRO    // types, strings, funcdata; stays writable, as method tables grow
	aNames // function names
	aFiles
	aCU
	aPC
	aFuncs
	aFtab
	aBuckets
	aNoptr
	aData
	aMask
	numArenas
)

// image is the memory of everything that was loaded.
type image struct {
	arenas [numArenas]arena
	nfunc  int
	header uintptr // pcHeader
}

// layout lists the arenas in address order with their sizes in bytes.
var layout = [numArenas]struct {
	name string
	size uintptr
}{
	aText: {"code", 192 << 20}, aRO: {"types and constants", 192 << 20}, aNames: {"function names", 32 << 20},
	aFiles: {"file names", 16 << 20}, aCU: {"file tables", 32 << 20}, aPC: {"line tables", 96 << 20},
	aFuncs: {"function tables", 96 << 20}, aFtab: {"the function index", 24 << 20}, aBuckets: {"the address index", 2 << 20},
	aNoptr: {"variables without pointers", 320 << 20}, aData: {"variables", 192 << 20}, aMask: {"pointer masks", 4 << 20},
}

// marks are the fill levels of all arenas.
type marks struct {
	cur   [numArenas]uintptr
	nfunc int
}

func (m *image) mark() marks {
	k := marks{nfunc: m.nfunc}
	for i := range m.arenas {
		k.cur[i] = m.arenas[i].cur
	}
	return k
}

// rollback forgets everything since a mark.
func (m *image) rollback(k marks) {
	for i := range m.arenas {
		m.arenas[i].truncate(k.cur[i])
	}
	m.nfunc = k.nfunc
	m.endFtab()
}

func addrOf(p *byte) uintptr { return uintptr(unsafe.Pointer(p)) }

func stringAt(a, n uintptr) string {
	if n == 0 {
		return ""
	}
	return unsafe.String((*byte)(pointer(a)), int(n))
}

func wordsAt(a, n uintptr) []uint32 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*uint32)(pointer(a)), int(n))
}
