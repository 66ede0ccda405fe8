package program

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"unsafe"

	"mobula/internal/closure"
	"mobula/internal/codec"
)

// Image is what lies at the same place in all processes of a program: the executable, and what all of them load in the same
// order. Names are offsets from the begin of the executable's text. It is a codec.Host.
type Image struct {
	Code
	base     uintptr
	digest   string
	file     *os.File // what memory of the executable was at the start
	segments []*Segment
	loaded   func(p uintptr) *Segment
}

// Segment is a part of an image.
type Segment struct {
	closure.Range
	Writable bool
	Code     bool // nothing may read it
	Loaded   bool // it is no part of the executable
	// Unchanged reports of memory that is writable whether it is as it was at the start. nil: nobody knows.
	Unchanged func(p unsafe.Pointer, size uintptr) bool
}

func (x *Image) segment(p uintptr) *Segment {
	for _, s := range x.segments {
		if s.Start <= p && p < s.End {
			return s
		}
	}
	if x.loaded != nil {
		return x.loaded(p)
	}
	return nil
}

// ExecutableDigest identifies the executable.
func (x *Image) ExecutableDigest() string { return x.digest }

func (x *Image) name(p uintptr) string { return strconv.FormatInt(int64(p)-int64(x.base), 16) }

// Name is the offset of what lies in the image.
func (x *Image) Name(p uintptr) (string, error) {
	if x.segment(p) == nil {
		return "", fmt.Errorf("%#x does not lie in this program", p)
	}
	return x.name(p), nil
}

// Address is the reverse of Name.
func (x *Image) Address(name string) (uintptr, error) {
	offset, err := strconv.ParseInt(name, 16, 64)
	p := uintptr(int64(x.base) + offset)
	if err != nil || x.segment(p) == nil {
		return 0, fmt.Errorf("%.40q names nothing in this program", name)
	}
	return p, nil
}

// TypeName names a type that the program has, not one that package reflect has made.
func (x *Image) TypeName(t reflect.Type) (string, error) {
	p := uintptr((*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1])
	if s := x.segment(p); s == nil || s.Writable {
		return "", &codec.Error{Reason: fmt.Sprintf("type %v was made while the program ran", t), Hint: "declare it"}
	}
	return x.name(p), nil
}

// TypeByName finds a type.
func (x *Image) TypeByName(name string) (reflect.Type, error) {
	p, err := x.Address(name)
	if err != nil {
		return nil, err
	}
	if !x.isType(p) {
		return nil, fmt.Errorf("%.40q names no type", name)
	}
	var known any = 0 // its type is like any other, with another address
	(*[2]unsafe.Pointer)(unsafe.Pointer(&known))[0] = *(*unsafe.Pointer)(unsafe.Pointer(&p))
	return reflect.TypeOf(known), nil
}

// StaticName names what is as it was at the start: read-only data, and variables that nobody has written to. The others are
// copied, since the other process has them as they were.
func (x *Image) StaticName(p unsafe.Pointer, size uintptr) (string, uintptr, bool) {
	s := x.segment(uintptr(p))
	if s == nil || uintptr(p)+size > s.End || s.Writable && (s.Unchanged == nil || !s.Unchanged(p, size)) {
		return "", 0, false
	}
	return x.name(uintptr(p)), 0, true // not an offset from the segment: -race allows no arithmetic from one section to another
}

// StaticVariable finds what StaticName has named.
func (x *Image) StaticVariable(name string) (codec.Static, bool) {
	p, err := x.Address(name)
	if err != nil {
		return codec.Static{}, false
	}
	s := x.segment(p)
	return codec.Static{Pointer: *(*unsafe.Pointer)(unsafe.Pointer(&p)), Size: s.End - p}, true
}

// SameBytes compares memory at p with what it was.
func SameBytes(p unsafe.Pointer, before []byte) bool {
	return string(before) == string(unsafe.Slice((*byte)(p), len(before)))
}

// MostCompared is the size of memory that is worth a comparison, in bytes.
const MostCompared = 4096
