package codec

import (
	"reflect"
	"slices"
	"sync"
)

// flatten returns n consecutive values of t as values of an element type that is no array.
func flatten(t reflect.Type, n int) (reflect.Type, int) {
	for t.Kind() == reflect.Array && t.Len() > 0 {
		n *= t.Len()
		t = t.Elem()
	}
	return t, n
}

// member is a field of a struct that has a size.
type member struct {
	typ        reflect.Type
	offset     uintptr
	behindLast uintptr
}

func membersOf(t reflect.Type) []member {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var list []member
	for f := range t.Fields() {
		if size := f.Type.Size(); size > 0 {
			list = append(list, member{f.Type, f.Offset, f.Offset + size})
		}
	}
	return list
}

// fits reports how many consecutive values laid out as want begin at a byte offset in n
// consecutive values of type t; 0 where none does. want is no array.
func fits(t reflect.Type, n int, offset uintptr, want reflect.Type) int {
	for {
		if t == want && offset == 0 { // of most pointers
			return n
		}
		t, n = flatten(t, n)
		size := t.Size()
		if size == 0 || offset/size >= uintptr(n) {
			return 0
		}
		i, rest := int(offset/size), offset%size
		if rest == 0 && sameLayout(t, want) {
			return n - i
		}
		members := programOf(t).members
		at := slices.IndexFunc(members, func(m member) bool { return m.offset <= rest && rest < m.behindLast })
		if at < 0 {
			return 0
		}
		t, n, offset = members[at].typ, 1, rest-members[at].offset
	}
}

// fitsRun is fits where count values of an element type, an array perhaps, are wanted. It
// returns how many of them there are room for.
func fitsRun(t reflect.Type, n int, offset uintptr, elem reflect.Type) int {
	flat, per := flatten(elem, 1)
	return fits(t, n, offset, flat) / per
}

var layouts sync.Map // pair to bool

type pair struct{ a, b reflect.Type }

// sameLayout reports whether memory of type a may be looked at as b: the same kinds in
// the same places, whatever their names.
func sameLayout(a, b reflect.Type) bool {
	if a == b {
		return true
	}
	if a.Kind() != b.Kind() || a.Size() != b.Size() {
		return false
	}
	if same, ok := layouts.Load(pair{a, b}); ok {
		return same.(bool)
	}
	same := compareLayout(a, b)
	layouts.Store(pair{a, b}, same)
	return same
}

func compareLayout(a, b reflect.Type) bool {
	switch a.Kind() {
	case reflect.Struct:
		if a.NumField() != b.NumField() || specialOf(a) != specialOf(b) {
			return false
		}
		for i := range a.NumField() {
			if a.Field(i).Offset != b.Field(i).Offset || !sameLayout(a.Field(i).Type, b.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return a.Len() == b.Len() && sameLayout(a.Elem(), b.Elem())
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		return a.ConvertibleTo(b) && b.ConvertibleTo(a)
	}
	return true
}

// nesting is how deep the structs and arrays of a type go: of two types of one size
// at one address the deeper one contains the other.
func nesting(t reflect.Type) int {
	most := 0
	switch t.Kind() {
	case reflect.Array:
		most = 1 + nesting(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			most = max(most, 1+nesting(f.Type))
		}
	}
	return most
}
