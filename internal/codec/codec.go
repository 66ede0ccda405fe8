package codec

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// A Host is what the process knows and reflection does not. Its methods are called by Encode
// and Decode on their goroutine.
type Host interface {
	// TypeName returns the name by which the other side finds a type. Only types of values in
	// interfaces are asked for.
	TypeName(t reflect.Type) (string, error)
	// TypeByName finds the type.
	TypeByName(name string) (reflect.Type, error)
	// DescribeFunc takes a func value apart; it is never nil. An error that is an *Error keeps
	// its reason and hint and gets the path.
	DescribeFunc(f reflect.Value) (Func, error)
	// CaptureType returns the type of the variables that a function of this code captures, or
	// nil where it captures none.
	CaptureType(code string, t reflect.Type) (reflect.Type, error)
	// MakeFunc returns a func of type t, made of its code and a pointer to its captured variables
	// (nil where there are none). The variables are complete at that moment, with two
	// exceptions: maps have no entries yet, and of funcs that capture each other by value one
	// must be made before the other.
	MakeFunc(code string, t reflect.Type, captures unsafe.Pointer) (reflect.Value, error)
	// StaticName names memory that the other process has too, such as a package variable or what
	// a sentinel error points to, and says how far into it p points. What it names is not
	// copied. size bytes there are referred to. It is asked once for each place that something refers to, so it should be fast.
	StaticName(p unsafe.Pointer, size uintptr) (name string, offset uintptr, ok bool)
	// StaticVariable finds what StaticName named.
	StaticVariable(name string) (Static, bool)
	// Shapes has what is remembered of funcs under the names of this Host, which must name the same things for good; nil: nothing is.
	Shapes() *Shapes
}

// Func is a func value taken apart.
type Func struct {
	Code     string         // says all but the captured variables
	Captures unsafe.Pointer // to the captured variables; nil where there are none
	Layout   reflect.Type   // of the captured variables, a struct as a rule
	// Dictionary is a pointer to memory that does not change, which Code tells: a variable that has it need not be looked at.
	Dictionary unsafe.Pointer
}

// Static is named memory.
type Static struct {
	Pointer unsafe.Pointer
	Size    uintptr
	Type    reflect.Type // of the variable; nil where unknown: then only the size is checked
}

// Options of Encode. The zero value is usable.
type Options struct {
	Name      string // of the value, the start of the paths in errors
	BufferMin int    // least size of arrays that travel as Buffers; 0: 64 KiB, negative: none does
	Brief     bool   // types are not described, for sides that run the same code: where a type differs, the error shows one side's
	Canonical bool   // equal maps with keys of strings or numbers give equal bytes, for the time of sorting them
}

const defaultBufferMin = 64 << 10

// Encoded is a value in bytes.
type Encoded struct {
	Head    []byte
	Buffers [][]byte // memory of the value itself, not copied
}

// Encode takes v apart.
func Encode(h Host, v reflect.Value, opts Options) (Encoded, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.out = e.scratch[:0]
	err := e.encode(h, v, opts)
	e.scratch = e.out
	if err != nil {
		return Encoded{}, err
	}
	return Encoded{Head: append([]byte(nil), e.out...), Buffers: e.buffers}, nil
}

// Append appends to b what Encode returns as Head, and to buffers what it returns as
// Buffers. After an error both have the length that they had.
func Append(b []byte, buffers [][]byte, h Host, v reflect.Value, opts Options) ([]byte, [][]byte, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	e.out, e.buffers = b, buffers
	if err := e.encode(h, v, opts); err != nil {
		return e.out[:len(b)], e.buffers[:len(buffers)], err
	}
	return e.out, e.buffers, nil
}

// Decode puts the value together in into, a variable of the type that was encoded. What into
// held is lost; after an error it is zero. The decoded value keeps the Buffers, but not the Head.
func Decode(h Host, message Encoded, into reflect.Value) error {
	if !into.IsValid() || !into.CanSet() {
		return errors.New("codec: Decode needs a variable to decode into, as reflect.ValueOf(&x).Elem()")
	}
	into.SetZero()
	d := decoders.Get().(*decoder)
	defer d.release()
	if err := d.decode(h, message, into); err != nil {
		into.SetZero()
		return fmt.Errorf("codec: %s cannot be decoded: %w", into.Type(), err)
	}
	return nil
}
