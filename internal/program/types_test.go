//go:build linux && amd64

package program

import (
	"go/ast"
	"net/http"
	"reflect"
	"strconv"
	"testing"
	"text/template"
	"unsafe"
)

// reachable lists the types that some types mention.
func reachable(from ...reflect.Type) map[reflect.Type]bool {
	seen := map[reflect.Type]bool{}
	for len(from) > 0 {
		t := from[len(from)-1]
		from = from[:len(from)-1]
		if seen[t] {
			continue
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Map:
			from = append(from, t.Key(), t.Elem())
		case reflect.Array, reflect.Chan, reflect.Pointer, reflect.Slice:
			from = append(from, t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				from = append(from, f.Type)
			}
		case reflect.Func:
			for in := range t.Ins() {
				from = append(from, in)
			}
			for out := range t.Outs() {
				from = append(from, out)
			}
		}
		for m := range t.Methods() {
			from = append(from, m.Type)
		}
	}
	return seen
}

func testImage(t testing.TB) *Image {
	t.Helper()
	x, err := OpenImage(nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestTypesHaveNames: each type of the program is found by its name.
func TestTypesHaveNames(t *testing.T) {
	x := testImage(t)
	named := 0
	for typ := range reachable(reflect.TypeFor[*http.Server](), reflect.TypeFor[*ast.File](), reflect.TypeFor[*template.Template](), reflect.TypeFor[*testing.T](),
		reflect.TypeFor[struct{}](), reflect.TypeFor[[0]int](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](), reflect.TypeFor[unsafe.Pointer](),
		reflect.TypeFor[map[[2]string]chan<- func(...float32)](), reflect.TypeFor[[1 << 20]*int](), reflect.TypeFor[struct {
			_ [3]int16
			A any `tag:"x"`
		}]()) {
		name, err := x.TypeName(typ)
		if err != nil {
			continue // package reflect has made it
		}
		named++
		if got, err := x.TypeByName(name); err != nil || got != typ {
			t.Errorf("%v: %v, %v", typ, got, err)
		}
	}
	if t.Logf("%d types", named); named < 300 {
		t.Error("too few")
	}
}

// TestNamesThatLeadAstray: of the places in the program's constants only types are taken for types.
func TestNamesThatLeadAstray(t *testing.T) {
	x := testImage(t)
	known := map[string]bool{}
	for typ := range reachable(reflect.TypeFor[*http.Server]()) {
		known[typ.String()] = true
	}
	wrong, right, places := 0, 0, 0
	for _, s := range x.segments {
		if s.Writable || s.Code {
			continue // one look says so
		}
		for p := (s.Start + 7) &^ 7; p < s.End; p += 8 {
			places++
			typ, err := x.TypeByName(x.name(p))
			if err != nil {
				continue
			}
			text := typ.String() // it would crash of what is none
			if typ.Kind() == reflect.Invalid || text == "" {
				wrong++
			}
			if known[text] {
				right++
			}
		}
	}
	if t.Logf("%d places, %d known types", places, right); wrong > 0 || right == 0 {
		t.Errorf("%d are no types", wrong)
	}
	for _, s := range x.segments {
		for _, p := range []uintptr{s.Start, s.End - 1, s.End - 8, s.End - 40, s.End} {
			if typ, err := x.TypeByName(x.name(p)); err == nil {
				t.Errorf("%v at an end", typ)
			}
		}
	}
}

func FuzzTypeByName(f *testing.F) {
	x := testImage(f)
	name, err := x.TypeName(reflect.TypeFor[int]())
	if err != nil {
		f.Fatal(err)
	}
	at, err := strconv.ParseInt(name, 16, 64)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{name, strconv.FormatInt(at+8, 16), strconv.FormatInt(at-48, 16), "", "-1", "7fffffffffffffff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if typ, err := x.TypeByName(name); err == nil && (typ.String() == "" || typ.Kind() == reflect.Invalid) {
			t.Errorf("%q is %v", name, typ)
		}
	})
}
