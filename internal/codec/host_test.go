package codec

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"
	"unsafe"
)

// registry is a Host over tables: names are what reflection prints.
type registry struct {
	types   map[string]reflect.Type
	codes   map[string]code
	statics map[string]Static
	shapes  Shapes
}

func (h *registry) Shapes() *Shapes { return &h.shapes }

// code is a func literal: where it starts and what it captures, as the compiler lays it out.
type code struct {
	entry    uintptr
	captures reflect.Type
}

func newRegistry(samples ...any) *registry {
	h := &registry{types: map[string]reflect.Type{}, codes: map[string]code{}, statics: map[string]Static{}}
	for _, x := range samples {
		h.types[reflect.TypeOf(x).String()] = reflect.TypeOf(x)
	}
	for _, t := range []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[float64](),
		reflect.TypeFor[*int](), reflect.TypeFor[[]int](), reflect.TypeFor[[]any](), reflect.TypeFor[map[string]any](),
		reflect.TypeFor[map[string]int](), reflect.TypeFor[[100]int](), reflect.TypeFor[func()](),
	} {
		h.types[t.String()] = t
	}
	return h
}

func (h *registry) TypeName(t reflect.Type) (string, error) {
	if h.types[t.String()] != t {
		return "", &Error{Reason: "its type is not registered", Hint: "register it"}
	}
	return t.String(), nil
}

func (h *registry) TypeByName(name string) (reflect.Type, error) {
	if t, ok := h.types[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no type %s", name)
}

// function makes the code of a func value known, with the type of what it captures.
func (h *registry) function(f, captures any) {
	c := code{entry: reflect.ValueOf(f).Pointer()}
	if captures != nil {
		c.captures = reflect.TypeOf(captures)
	}
	h.codes[runtime.FuncForPC(c.entry).Name()] = c
}

func (h *registry) DescribeFunc(f reflect.Value) (Func, error) {
	name := runtime.FuncForPC(f.Pointer()).Name()
	c, ok := h.codes[name]
	if !ok {
		return Func{}, &Error{Reason: "its code has no name on the other side", Hint: "use a function of the program"}
	}
	d := Func{Code: name}
	if c.captures != nil {
		d.Captures, d.Layout = unsafe.Add(closureOf(f), unsafe.Sizeof(uintptr(0))), c.captures
		if field, ok := c.captures.FieldByName("Dictionary"); ok {
			d.Dictionary = *(*unsafe.Pointer)(unsafe.Add(d.Captures, field.Offset))
		}
	}
	return d, nil
}

func closureOf(f reflect.Value) unsafe.Pointer {
	p := reflect.New(f.Type())
	p.Elem().Set(f)
	return *(*unsafe.Pointer)(p.UnsafePointer())
}

func (h *registry) CaptureType(name string, _ reflect.Type) (reflect.Type, error) {
	c, ok := h.codes[name]
	if !ok {
		return nil, fmt.Errorf("no func %s", name)
	}
	return c.captures, nil
}

func (h *registry) MakeFunc(name string, t reflect.Type, captures unsafe.Pointer) (reflect.Value, error) {
	c := h.codes[name]
	fields := []reflect.StructField{{Name: "Entry", Type: reflect.TypeFor[uintptr]()}}
	if c.captures != nil {
		fields = append(fields, reflect.StructField{Name: "Captures", Type: c.captures})
	}
	closure := reflect.New(reflect.StructOf(fields))
	closure.Elem().Field(0).SetUint(uint64(c.entry))
	if c.captures != nil {
		closure.Elem().Field(1).Set(reflect.NewAt(c.captures, captures).Elem())
	}
	f := reflect.New(t)
	*(*unsafe.Pointer)(f.UnsafePointer()) = closure.UnsafePointer()
	return f.Elem(), nil
}

// variable gives memory a name.
func variable[T any](h *registry, name string, p *T) {
	h.statics[name] = Static{Pointer: unsafe.Pointer(p), Size: unsafe.Sizeof(*p), Type: reflect.TypeFor[T]()}
}

func (h *registry) StaticName(p unsafe.Pointer, _ uintptr) (string, uintptr, bool) {
	for name, s := range h.statics {
		if offset := uintptr(p) - uintptr(s.Pointer); offset < s.Size {
			return name, offset, true
		}
	}
	return "", 0, false
}

func (h *registry) StaticVariable(name string) (Static, bool) {
	s, ok := h.statics[name]
	return s, ok
}

// copyOf sends *p and returns what arrives.
func copyOf[T any](t testing.TB, h Host, p *T) *T {
	t.Helper()
	message, err := Encode(h, reflect.ValueOf(p).Elem(), Options{Name: "x"})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	out := new(T)
	if err := Decode(h, message, reflect.ValueOf(out).Elem()); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return out
}
