package closure

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"runtime"
	"unsafe"
)

const (
	leaLength = 7
	// lookBack is how far before the mention of its entry a closure object may be allocated, in bytes of code.
	lookBack = 64 << 10
)

// searchIn finds the type of the closure objects whose code is at entry, in the code that creates them; nil if none does.
func searchIn(c *Code, entry uintptr) reflect.Type {
	text := bytesAt(c.Text)
	for at := range leas(text) {
		if target(c, text, at) != entry {
			continue
		}
		if t := allocatedBefore(c, text, at); t != nil {
			return t
		}
	}
	return nil
}

func bytesAt(r Range) []byte {
	return unsafe.Slice((*byte)(address(r.Start)), r.End-r.Start)
}

// leas yields the offsets of LEAQ disp(PC), reg: REX.W, 8D, and a ModRM byte of mode 0 and base 5. Other bytes may look
// like one: their targets mean nothing.
func leas(text []byte) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := 1; i < len(text)-leaLength; {
			n := bytes.IndexByte(text[i:len(text)-leaLength], 0x8d)
			if n < 0 {
				return
			}
			i += n
			if text[i-1]&^4 == 0x48 && text[i+1]&0xc7 == 5 && !yield(i-1) {
				return
			}
			i++
		}
	}
}

// target returns the address that the LEAQ at an offset forms.
func target(c *Code, text []byte, at int) uintptr {
	disp := int32(binary.LittleEndian.Uint32(text[at+3:]))
	return c.Text.Start + uintptr(at+leaLength) + uintptr(disp)
}

// allocatedBefore returns the last closure type that the same function mentions before an offset. An object is filled in
// before the next one is allocated, so it is the type of the object that gets the entry stored at that offset, unless
// another entry is mentioned in between: then the object is that one's, and the one at the offset is on the stack.
func allocatedBefore(c *Code, text []byte, at int) reflect.Type {
	from := max(0, at-lookBack)
	if f := runtime.FuncForPC(c.Text.Start + uintptr(at)); f != nil && f.Entry() >= c.Text.Start {
		from = max(from, int(f.Entry()-c.Text.Start))
	}
	for i := at - leaLength; i >= from; i-- {
		if text[i]&^4 != 0x48 || text[i+1] != 0x8d || text[i+2]&0xc7 != 5 {
			continue
		}
		to := target(c, text, i)
		if t := closureType(to); t != nil {
			return t
		}
		if c.Text.contains(to) {
			if f := runtime.FuncForPC(to); f != nil && f.Entry() == to {
				return nil
			}
		}
	}
	return nil
}

// Of a runtime type that is a struct (internal/abi.StructType).
const (
	fieldsPtr   = typeSize + 8
	fieldsLen   = typeSize + 16
	fieldSize   = 24
	maxCaptures = 1 << 12
)

// closureType returns the type at p if there is one, and it is that of closure objects. p may be any address: everything is
// checked to lie in known memory before it is read.
func closureType(p uintptr) reflect.Type {
	if p%8 != 0 || !readable(p, typeSize+24) || *(*uint8)(address(p + kindOffset))&31 != uint8(reflect.Struct) {
		return nil
	}
	fields, n := *(*uintptr)(address(p + fieldsPtr)), *(*uintptr)(address(p + fieldsLen))
	if n < 2 || n > maxCaptures || fields%8 != 0 || !readable(fields, n*fieldSize) {
		return nil
	}
	for i := range n {
		name, typ := *(*uintptr)(address(fields + i*fieldSize)), *(*uintptr)(address(fields + i*fieldSize + 8))
		if !readable(name, 2) || typ%8 != 0 || !readable(typ, typeSize) {
			return nil
		}
	}
	if rt := typeAt(p); isClosureStruct(rt) {
		return rt
	}
	return nil
}
