package closure

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"mobula/internal/memo"
)

// The literals of a generic function exist once for all type arguments of one shape: their captured variables have types such as
// go.shape.*uint8, which stands for every pointer. The real types are in the function's dictionary, which such a literal captures last: that lists,
// among other things, the types of the function's variables.

// ErrAmbiguous tells that the dictionary has several types that a captured variable of a type parameter may have.
var ErrAmbiguous = errors.New("a captured variable has the type of a type parameter that is a pointer, and the program does not tell which: build it with symbols (not with -ldflags=-s, as go test does), or capture the variable in an interface value")

// dictionaryAt returns the dictionary that a captured variable points to, 0 if it points to none.
func dictionaryAt(p unsafe.Pointer) uintptr {
	d := *(*uintptr)(p)
	if !isStatic(d) {
		return 0 // a pointer of the user's
	}
	return d
}

func isDictionary(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer && t.Name() == "" && t.Elem().Kind() == reflect.Array && t.Elem().Elem() == reflect.TypeFor[uintptr]()
}

type instance struct{ entry, dictionary uintptr }

func (i instance) address() uintptr { return i.entry ^ i.dictionary }

// instances remembers the real types.
var instances memo.Table[instance, reflect.Type]

// realLayout returns the type of the closure objects of one instantiation; t is that of all of its shape.
func realLayout(t reflect.Type, entry, dictionary uintptr) (reflect.Type, error) {
	key := instance{entry, dictionary}
	if real, ok := instances.Load(key.address(), key); ok {
		return real, nil
	}
	if !hasShape(t) {
		return instances.Store(key.address(), key, t), nil
	}
	known := typesIn(t, dictionary)
	arguments := argumentsOf(dictionary)
	if arguments == nil {
		arguments = receiverArguments(entry, known)
	}
	fields := make([]reflect.StructField, t.NumField())
	for i := range fields {
		f := t.Field(i)
		real, err := realType(f.Type, known, arguments)
		if err != nil {
			return nil, err
		}
		fields[i] = reflect.StructField{Name: f.Name, Type: real}
	}
	real := reflect.StructOf(fields)
	if real.Size() != t.Size() {
		return nil, ErrNoLayout
	}
	return instances.Store(key.address(), key, real), nil
}

// hasShape reports whether a type of shape is in the text of a type.
func hasShape(t reflect.Type) bool {
	if t.Kind() == reflect.Struct && t.Name() == "" {
		for f := range t.Fields() {
			if hasShape(f.Type) {
				return true
			}
		}
		return false
	}
	return strings.Contains(t.String(), "go.shape.")
}

// typesIn lists the types in a dictionary, of which t says how long it is. The other entries are pointers to dictionaries and itabs; where
// a type has its kind, these have zero.
func typesIn(t reflect.Type, dictionary uintptr) (list []reflect.Type) {
	if dictionary == 0 {
		return nil
	}
	n := uintptr(t.Field(t.NumField() - 1).Type.Elem().Len())
	if dictionary%unsafe.Sizeof(n) != 0 || !readable(dictionary, n*unsafe.Sizeof(n)) {
		return nil // its name was damaged
	}
	for i := range n {
		p := *(*uintptr)(address(dictionary + i*unsafe.Sizeof(dictionary)))
		if p%8 != 0 || !readable(p, typeSize) {
			continue
		}
		if kind := reflect.Kind(*(*uint8)(address(p + kindOffset)) & 31); kind == reflect.Invalid || kind > reflect.UnsafePointer {
			continue
		}
		list = append(list, typeAt(p))
	}
	return list
}

// argumentsOf lists the type arguments in the name of a dictionary, nil where that is not known.
func argumentsOf(dictionary uintptr) []string {
	c := dataOf(dictionary)
	if c == nil || c.Symbol == nil {
		return nil
	}
	_, list, ok := strings.Cut(strings.TrimSuffix(c.Symbol(dictionary), "]"), "[")
	if !ok {
		return nil
	}
	return splitArguments(list)
}

// receiverArguments finds the type arguments of a method's literal in the name of its receiver's type, for executables without names.
func receiverArguments(entry uintptr, known []reflect.Type) []string {
	f := runtime.FuncForPC(entry)
	if f == nil {
		return nil
	}
	before, _, ok := strings.Cut(f.Name(), "[...]")
	if !ok {
		return nil
	}
	receiver := strings.TrimLeft(before[strings.LastIndexByte(before, '.')+1:], "(*")
	for _, t := range known {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if name, list, ok := strings.Cut(strings.TrimSuffix(t.Name(), "]"), "["); ok && name == receiver {
			return splitArguments(list)
		}
	}
	return nil
}

// splitArguments splits at the commas that are in no brackets.
func splitArguments(list string) (parts []string) {
	depth, start := 0, 0
	for i, r := range list {
		switch r {
		case '[', '(', '{':
			depth++
		case ']', ')', '}':
			depth--
		case ',', ';':
			if depth == 0 {
				parts = append(parts, list[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, list[start:])
}

// linkName is how the linker writes a type argument that is a pointer to named types; others come out differently.
func linkName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer && t.Name() == "":
		return "*" + linkName(t.Elem())
	case t.PkgPath() != "":
		return t.PkgPath() + "." + t.Name()
	}
	return t.String()
}

// realType finds what a type with shapes in it stands for. arguments are those of the function, if they are known: other pointers
// in the dictionary are of other variables.
func realType(shape reflect.Type, known []reflect.Type, arguments []string) (reflect.Type, error) {
	if !hasShape(shape) {
		return shape, nil
	}
	isParameter := func(t reflect.Type) bool { return slices.Contains(arguments, linkName(t)) }
	narrow := shape.PkgPath() == "go.shape" && shape.Kind() == reflect.Pointer && slices.ContainsFunc(known, isParameter)
	var found reflect.Type
	for _, t := range known {
		if t == found || !matches(shape, t, 0) || narrow && !isParameter(t) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w (%v or %v)", ErrAmbiguous, found, t)
		}
		found = t
	}
	switch {
	case found != nil:
		return found, nil
	case shape.Kind() == reflect.Pointer && shape.Name() == "": // of a variable that is captured by reference
		elem, err := realType(shape.Elem(), known, arguments)
		if err != nil {
			return nil, err
		}
		return reflect.PointerTo(elem), nil
	}
	return nil, fmt.Errorf("%w: a captured variable is a %v, which its function's dictionary does not explain", ErrNoLayout, shape)
}

// maxShapeDepth bounds the comparison of types.
const maxShapeDepth = 8

// matches reports whether a type may be what a type with shapes stands for. What lies deeper than the bound counts as equal.
func matches(shape, t reflect.Type, depth int) bool {
	if depth > maxShapeDepth {
		return true
	}
	if !hasShape(shape) {
		return shape == t
	}
	if shape.Kind() != t.Kind() || shape.Size() != t.Size() {
		return false
	}
	switch {
	case shape.PkgPath() == "go.shape" && shape.Kind() == reflect.Pointer:
		return true
	case shape.PkgPath() == "go.shape":
		return sameStructure(shape, t, depth+1)
	case shape.Name() != "": // instantiated with a shape
		a, _, _ := strings.Cut(shape.Name(), "[")
		b, _, _ := strings.Cut(t.Name(), "[")
		return a == b && shape.PkgPath() == t.PkgPath() && (shape.Kind() != reflect.Struct || sameStructure(shape, t, depth+1))
	}
	return t.Name() == "" && sameStructure(shape, t, depth+1)
}

// sameStructure compares what two types of one kind are made of.
func sameStructure(shape, t reflect.Type, depth int) bool {
	switch shape.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Chan:
		return matches(shape.Elem(), t.Elem(), depth)
	case reflect.Array:
		return shape.Len() == t.Len() && matches(shape.Elem(), t.Elem(), depth)
	case reflect.Map:
		return matches(shape.Key(), t.Key(), depth) && matches(shape.Elem(), t.Elem(), depth)
	case reflect.Func:
		return sameSignature(shape, t, depth)
	case reflect.Struct:
		if shape.NumField() != t.NumField() {
			return false
		}
		for i := range shape.NumField() {
			if a, b := shape.Field(i), t.Field(i); a.Name != b.Name || !matches(a.Type, b.Type, depth) {
				return false
			}
		}
	case reflect.Interface:
		return shape.NumMethod() == t.NumMethod()
	}
	return true
}

func sameSignature(shape, t reflect.Type, depth int) bool {
	if shape.NumIn() != t.NumIn() || shape.NumOut() != t.NumOut() || shape.IsVariadic() != t.IsVariadic() {
		return false
	}
	for i := range shape.NumIn() {
		if !matches(shape.In(i), t.In(i), depth) {
			return false
		}
	}
	for i := range shape.NumOut() {
		if !matches(shape.Out(i), t.Out(i), depth) {
			return false
		}
	}
	return true
}
