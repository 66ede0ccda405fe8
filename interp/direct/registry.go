package direct

import (
	"fmt"
	"reflect"
	"strings"
	"sync"
	"unsafe"
)

// Registry holds the symbols that programs can name: by link name for what a notebook
// declares (x, f۰2), by path and name for functions of packages (fmt.Println), and types
// ("main.P", "int").
type Registry struct {
	// NewVariable allocates storage for a session variable, so that compiled units can bind
	// to it later. nil uses the heap (tests).
	NewVariable func(link string, t reflect.Type) (unsafe.Pointer, error)

	mu    sync.Mutex // guards the maps
	vars  map[string]reflect.Value
	funcs map[string]reflect.Value
	types map[string]reflect.Type
}

// Default is the registry of this process.
var Default = NewRegistry()

// NewRegistry returns a registry that knows the basic types.
func NewRegistry() *Registry {
	r := &Registry{}
	r.Reset()
	return r
}

// Reset forgets everything but the basic types.
func (r *Registry) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vars, r.funcs, r.types = map[string]reflect.Value{}, map[string]reflect.Value{}, map[string]reflect.Type{}
	for _, v := range []any{false, "", 0, int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), uintptr(0), float32(0), 0.0, complex64(0), complex128(0)} {
		t := reflect.TypeOf(v)
		r.types[t.String()] = t
	}
	r.types["byte"], r.types["rune"] = r.types["uint8"], r.types["int32"]
	r.types["error"] = reflect.TypeFor[error]()
	for name, f := range linkedFuncs {
		r.funcs[name] = reflect.ValueOf(f)
	}
}

// Var registers a variable by pointer.
func (r *Registry) Var(link string, ptr reflect.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.vars[link] = ptr.Elem()
	r.learn(ptr.Type().Elem(), 3)
}

// Func registers a function.
func (r *Registry) Func(name string, fn reflect.Value) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.funcs[name] = fn
}

// Type registers a type of the notebook by its link name.
func (r *Registry) Type(link string, t reflect.Type) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.types["main."+link] = t
}

// learn records the types of packages that a type is made of; they are loaded types.
func (r *Registry) learn(t reflect.Type, depth int) {
	if depth == 0 {
		return
	}
	if t.Name() != "" && t.PkgPath() != "" && t.PkgPath() != "main" && !strings.Contains(t.Name(), "[") {
		r.types[t.PkgPath()+"."+t.Name()] = t
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Chan:
		r.learn(t.Elem(), depth-1)
	case reflect.Map:
		r.learn(t.Key(), depth-1)
		r.learn(t.Elem(), depth-1)
	}
}

// Variable returns a registered variable.
func (r *Registry) Variable(link string) (reflect.Value, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.vars[link]
	return v, ok
}

// Function returns a registered function.
func (r *Registry) Function(name string) (reflect.Value, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.funcs[name]
	return f, ok
}

// TypeNamed returns a type by name. Types that reflection would have to make up are refused:
// they would differ from the same types in code that is compiled later.
func (r *Registry) TypeNamed(name string) (reflect.Type, bool) {
	r.mu.Lock()
	t, ok := r.types[name]
	r.mu.Unlock()
	switch {
	case ok:
	case strings.HasPrefix(name, "*"):
		if t, ok = r.TypeNamed(name[1:]); ok {
			t = reflect.PointerTo(t)
		}
	case strings.HasPrefix(name, "[]"):
		if t, ok = r.TypeNamed(name[2:]); ok {
			t = reflect.SliceOf(t)
		}
	}
	return t, ok && linked(t)
}

// heapStart is where the Go heap begins on 64-bit systems; linked types lie below.
const heapStart = 0xc000000000

func linked(t reflect.Type) bool {
	type eface struct{ typ, data uintptr }
	var i any = t
	return (*eface)(unsafe.Pointer(&i)).data < heapStart
}

// define makes sure that a variable of this type exists under the link name.
func (r *Registry) define(link string, t reflect.Type) (reflect.Value, error) {
	if v, ok := r.Variable(link); ok && v.Type() == t {
		return v, nil
	}
	ptr := reflect.New(t)
	if r.NewVariable != nil {
		p, err := r.NewVariable("main."+link, t)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("make variable %s: %w", link, err)
		}
		ptr = reflect.NewAt(t, p)
	}
	r.Var(link, ptr)
	return ptr.Elem(), nil
}
