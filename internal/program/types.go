package program

import (
	"reflect"
	"sync"
	"unicode/utf8"
	"unsafe"
)

// typeHeader is what each type begins with: internal/abi.Type of Go 1.26. The tests compare it with what package reflect says of thousands of types.
type typeHeader struct {
	size, pointers    uintptr // the bytes of a value, and the first of them, after which no pointers come
	hash              uint32
	flags             uint8
	align, fieldAlign uint8
	kind              uint8
	equal, mask       uintptr
	name, _           int32 // the name is an offset from the begin of the types
}

// Flags of a type.
const (
	flagExtraStar = 1 << 1 // its name has a * in front that is not a part of it
	flagOnDemand  = 1 << 4 // its mask is in a variable
	flagsKnown    = 1<<6 - 1
)

// widths are the size of the values of a kind, and of their part that may have pointers. Those of arrays and structs differ.
var widths = [...][2]uintptr{
	reflect.Bool: {1}, reflect.Int: {8}, reflect.Int8: {1}, reflect.Int16: {2}, reflect.Int32: {4}, reflect.Int64: {8},
	reflect.Uint: {8}, reflect.Uint8: {1}, reflect.Uint16: {2}, reflect.Uint32: {4}, reflect.Uint64: {8}, reflect.Uintptr: {8},
	reflect.Float32: {4}, reflect.Float64: {8}, reflect.Complex64: {8}, reflect.Complex128: {16},
	reflect.Chan: {8, 8}, reflect.Func: {8, 8}, reflect.Map: {8, 8}, reflect.Pointer: {8, 8}, reflect.UnsafePointer: {8, 8},
	reflect.Interface: {16, 16}, reflect.Slice: {24, 8}, reflect.String: {16, 8},
}

// isType reports whether what lies at an address is a type. A name that comes damaged leads anywhere, and what is taken for a type and is none
// ends the process.
func (x *Image) isType(p uintptr) bool {
	s := x.segment(p)
	if s == nil || s.Writable || s.Code || p%8 != 0 || s.End-p < unsafe.Sizeof(typeHeader{}) {
		return false
	}
	t := *(**typeHeader)(unsafe.Pointer(&p))
	return t.isPlausible() && x.refersWell(t) && (s.Loaded || x.isNamed(s, t))
}

// isPlausible looks at a header alone.
func (t *typeHeader) isPlausible() bool {
	kind := reflect.Kind(t.kind)
	if kind == reflect.Invalid || kind > reflect.UnsafePointer || t.flags&^flagsKnown != 0 || t.name <= 0 || t.hash == 0 {
		return false
	}
	switch t.align {
	case 1, 2, 4, 8:
	default:
		return false
	}
	if t.fieldAlign != t.align || t.size%uintptr(t.align) != 0 || t.pointers > t.size || t.pointers%8 != 0 {
		return false
	}
	return kind == reflect.Array || kind == reflect.Struct || widths[kind] == [2]uintptr{t.size, t.pointers}
}

// refersWell looks at where a header leads: to constants of the program.
func (x *Image) refersWell(t *typeHeader) bool {
	if t.equal != 0 {
		if s := x.segment(t.equal); s == nil || s.Code || t.equal%8 != 0 {
			return false
		}
	}
	if t.pointers == 0 {
		return true
	}
	s := x.segment(t.mask)
	return s != nil && !s.Code && s.Writable == (t.flags&flagOnDemand != 0)
}

// typesBegin is where the types of the executable begin, from which their names are counted: the name of a type that is known gives it away.
var typesBegin = sync.OnceValue(func() uintptr {
	var known any = 0
	t := *(**typeHeader)(unsafe.Pointer(&known))
	text := reflect.TypeFor[int]().String()
	at := uintptr(unsafe.Pointer(unsafe.StringData(text))) - 2 // flags, length
	if t.flags&flagExtraStar != 0 {
		at--
	}
	return at - uintptr(t.name)
})

// isNamed reports whether a type of the executable has a name where it says: flags, a length and that many bytes of text.
func (x *Image) isNamed(s *Segment, t *typeHeader) bool {
	at := typesBegin() + uintptr(t.name)
	if at < s.Start || at >= s.End {
		return false
	}
	record := unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), min(s.End-at, maxTypeName))
	if record[0]&^0x0f != 0 {
		return false
	}
	size, shift, i := 0, 0, 1
	for ; ; i, shift = i+1, shift+7 {
		if i == len(record) || shift > 21 {
			return false
		}
		size |= int(record[i]&0x7f) << shift
		if record[i] < 0x80 {
			i++
			break
		}
	}
	if size == 0 || size > len(record)-i {
		return false
	}
	text := record[i : i+size]
	return utf8.Valid(text) && (t.flags&flagExtraStar == 0 || text[0] == '*' && size > 1)
}

// maxTypeName is more than a type's name has, in bytes.
const maxTypeName = 1 << 20
