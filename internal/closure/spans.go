package closure

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Range is a range of addresses.
type Range struct{ Start, End uintptr }

func (r Range) contains(p uintptr) bool { return r.Start <= p && p < r.End }

// Code is code in this process with the memory that belongs to it.
type Code struct {
	Text Range
	Data []Range // read-only data, types and variables: whatever is no heap
	// Symbol returns the link name of what begins at an address in Data, "" where that is not known; it is asked for dictionaries. May be nil.
	Symbol func(p uintptr) string
}

var (
	registering sync.Mutex
	known       atomic.Pointer[[]*Code]
)

// Register adds code that was loaded into the process. What grows is registered again: a text that begins where
// a registered one does replaces it.
func Register(c Code) {
	registering.Lock()
	defer registering.Unlock()
	list := []*Code{&c}
	for _, s := range spansLocked() {
		if s.Text.Start != c.Text.Start {
			list = append(list, s)
		}
	}
	known.Store(&list)
}

// spans returns all code.
func spans() []*Code {
	if list := known.Load(); list != nil {
		return *list
	}
	registering.Lock()
	defer registering.Unlock()
	return spansLocked()
}

func spansLocked() []*Code {
	if list := known.Load(); list != nil {
		return *list
	}
	list := []*Code{theExecutable()}
	known.Store(&list)
	return list
}

func textOf(entry uintptr) *Code {
	for _, s := range spans() {
		if s.Text.contains(entry) {
			return s
		}
	}
	return nil
}

func isText(entry uintptr) bool { return textOf(entry) != nil }

// isStatic reports whether p is in no heap: the object of a function that captures nothing.
func isStatic(p uintptr) bool { return dataOf(p) != nil }

// dataOf returns the code to whose data p belongs, nil for the heap.
func dataOf(p uintptr) *Code {
	for _, s := range spans() {
		for _, r := range s.Data {
			if r.contains(p) {
				return s
			}
		}
	}
	return nil
}

// Executable returns the executable's own code; it is empty where it was not found.
func Executable() Code { return *theExecutable() }

var theExecutable = sync.OnceValue(executableCode)

// address makes a pointer of an address outside the heap.
func address(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// readable reports whether memory belongs to known code's data.
func readable(p, size uintptr) bool {
	for _, s := range spans() {
		for _, r := range s.Data {
			if r.contains(p) && size <= r.End-p {
				return true
			}
		}
	}
	return false
}

// The head of a runtime type (internal/abi.Type), in 64 bits.
const (
	typeSize   = 48
	kindOffset = 23
)

// typeAt returns the type whose description lies at an address.
func typeAt(p uintptr) reflect.Type {
	var sample any = 0 // its type is like any other, with another address
	(*[2]unsafe.Pointer)(unsafe.Pointer(&sample))[0] = address(p)
	return reflect.TypeOf(sample)
}
