package closure

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"unsafe"

	"mobula/internal/memo"
)

// Parts are a func value taken apart.
type Parts struct {
	Entry uintptr // the address of its code
	// Layout is the type of the object that the func value points to: a struct whose first field is the entry, whose
	// others are the captured variables in the order in which the function mentions them. A method value has
	// one, its receiver. nil where nothing is captured.
	Layout reflect.Type
	// Dictionary is the address of what tells a generic function's literal its types, 0 for others.
	Dictionary uintptr

	object unsafe.Pointer
}

// Errors of func values that cannot be taken apart.
var (
	// ErrReflect: the function was made by package reflect; its code is not in the program's text.
	ErrReflect = errors.New("made by package reflect")
	// ErrUnknownCode: the code is in no text that this package knows, such as C or a plugin.
	ErrUnknownCode = errors.New("its code is not part of the program")
	// ErrNoLayout: no code that creates such a function was found.
	ErrNoLayout = errors.New("the code that creates it was not found")
)

// Error says which function could not be taken apart.
type Error struct {
	Func string // name and place
	Err  error
}

// Error describes the failure.
func (e *Error) Error() string { return e.Func + ": " + e.Err.Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

func failure(entry uintptr, err error) error {
	return &Error{Func: Name(entry), Err: err}
}

// Name returns the name of the function at an entry and the place where it begins, for messages.
func Name(entry uintptr) string {
	f := runtime.FuncForPC(entry)
	if f == nil {
		return fmt.Sprintf("function at %#x", entry)
	}
	file, line := f.FileLine(entry)
	return fmt.Sprintf("%s (%s:%d)", f.Name(), file, line)
}

// Open takes a func value apart. It must not be nil.
func Open(f reflect.Value) (Parts, error) {
	object := Pointer(f)
	p := Parts{Entry: *(*uintptr)(object), object: object}
	if isStatic(uintptr(object)) {
		return p, nil
	}
	if made, _ := plain.Load(p.Entry, p.Entry); made == object {
		return p, nil
	}
	t, err := layout(p.Entry)
	if err != nil {
		return Parts{}, failure(p.Entry, err)
	}
	if t.dictionary != 0 {
		p.Dictionary = dictionaryAt(unsafe.Add(object, t.dictionary))
	}
	if p.Layout, err = realLayout(t.typ, p.Entry, p.Dictionary); err != nil {
		return Parts{}, failure(p.Entry, err)
	}
	return p, nil
}

// Captured is the addressable object of the Layout; invalid where nothing is captured.
func (p Parts) Captured() reflect.Value {
	if p.Layout == nil {
		return reflect.Value{}
	}
	return reflect.NewAt(p.Layout, p.object).Elem()
}

// New returns the parts of a function whose code is at entry, and that captures nothing.
func New(entry uintptr) (Parts, error) {
	if !isText(entry) {
		return Parts{}, failure(entry, ErrUnknownCode)
	}
	object := new(uintptr)
	*object = entry
	return Parts{Entry: entry, object: plain.Store(entry, entry, unsafe.Pointer(object))}, nil
}

// plain has the objects of functions that New made, by entry. By them Open knows that nothing is captured.
var plain memo.Table[uintptr, unsafe.Pointer]

// Of returns the parts of a function whose code is at entry and whose captured variables are in an object of its Layout.
func Of(entry uintptr, object unsafe.Pointer) Parts {
	*(*uintptr)(object) = entry
	return Parts{Entry: entry, object: object}
}

// Func returns the func value, which must be of type t.
func (p Parts) Func(t reflect.Type) reflect.Value {
	return reflect.NewAt(t, unsafe.Pointer(&p.object)).Elem()
}

// Object is the identity of the func value: equal for copies of one value.
func (p Parts) Object() unsafe.Pointer { return p.object }

// Pointer returns what a func value points to, nil for a nil func.
func Pointer(f reflect.Value) unsafe.Pointer {
	if f.CanAddr() {
		return *(*unsafe.Pointer)(f.Addr().UnsafePointer())
	}
	p := reflect.New(f.Type())
	p.Elem().Set(f)
	return *(*unsafe.Pointer)(p.UnsafePointer())
}

// found is the type of the objects of the closures of one code.
type found struct {
	typ        reflect.Type // with shapes, of a generic function's
	dictionary uintptr      // the offset of its last field, if that may be a dictionary
}

// layouts remembers what was found, by entry.
var layouts memo.Table[uintptr, found]

func layout(entry uintptr) (found, error) {
	if t, ok := layouts.Load(entry, entry); ok {
		return t, nil
	}
	t, err := search(entry)
	if err != nil {
		return found{}, err
	}
	f := found{typ: t}
	if last := t.Field(t.NumField() - 1); isDictionary(last.Type) {
		f.dictionary = last.Offset
	}
	return layouts.Store(entry, entry, f), nil
}

func search(entry uintptr) (reflect.Type, error) {
	if fn := runtime.FuncForPC(entry); fn != nil && (fn.Name() == "reflect.makeFuncStub" || fn.Name() == "reflect.methodValueCall") {
		return nil, ErrReflect
	}
	s := textOf(entry)
	if s == nil {
		return nil, ErrUnknownCode
	}
	t := searchIn(s, entry)
	for _, other := range spans() {
		if t == nil && other != s {
			t = searchIn(other, entry)
		}
	}
	if t == nil {
		return nil, ErrNoLayout
	}
	return t, nil
}

// isClosureStruct reports whether a type is that of a closure object.
func isClosureStruct(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t.NumField() < 2 || t.Name() != "" || t.Field(0).Name != "F" || t.Field(0).Type.Kind() != reflect.Uintptr {
		return false
	}
	second := t.Field(1).Name
	return second == "R" || strings.HasPrefix(second, "X")
}

// Layout returns the type of the objects that func values of this code, and dictionary if it is of a generic function, point to.
func Layout(entry, dictionary uintptr) (reflect.Type, error) {
	if !isText(entry) {
		return nil, failure(entry, ErrUnknownCode)
	}
	f, err := layout(entry)
	if err == nil && dictionary != 0 && (f.dictionary == 0 || !isStatic(dictionary)) {
		err = ErrNoLayout
	}
	var t reflect.Type
	if err == nil {
		t, err = realLayout(f.typ, entry, dictionary)
	}
	if err != nil {
		return nil, failure(entry, err)
	}
	return t, nil
}
