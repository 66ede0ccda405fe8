package closure_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/closure"
)

type point struct {
	x, y int
	name string
}

func (p point) sum() int    { return p.x + p.y }
func (p *point) move(d int) { p.x += d }

type adder interface{ add(int) int }

type offset int

func (o offset) add(n int) int { return int(o) + n }

func identity[T any](v T) func() T { return func() T { return v } }

func pair[K comparable, V any](k K, v V) func() map[K]V {
	return func() map[K]V { return map[K]V{k: v} }
}

//go:noinline
func counter() (func() int, *int) {
	n := 10
	return func() int { n++; return n }, &n
}

// rebuild copies a func value the way that another process would: the same code, captured variables copied one by one.
func rebuild(t *testing.T, f any) any {
	t.Helper()
	p, err := closure.Open(reflect.ValueOf(f))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Captured().IsValid() {
		q, err := closure.New(p.Entry)
		if err != nil {
			t.Fatal(err)
		}
		again, err := closure.Open(q.Func(reflect.TypeOf(f))) // it may be sent on
		if err != nil || again.Captured().IsValid() {
			t.Fatalf("%+v, %v", again, err)
		}
		return q.Func(reflect.TypeOf(f)).Interface()
	}
	layout, err := closure.Layout(p.Entry, p.Dictionary)
	if err != nil || layout != p.Captured().Type() {
		t.Fatalf("%v and %v, %v", p.Captured().Type(), layout, err)
	}
	object := reflect.New(layout)
	object.Elem().Set(p.Captured())
	return closure.Of(p.Entry, object.UnsafePointer()).Func(reflect.TypeOf(f)).Interface()
}

func captures(t *testing.T, f any) string {
	t.Helper()
	p, err := closure.Open(reflect.ValueOf(f))
	if err != nil {
		t.Fatal(err)
	}
	if !p.Captured().IsValid() {
		return ""
	}
	var list []string
	for f := range p.Captured().Type().Fields() {
		list = append(list, strings.ReplaceAll(f.Type.String(), "closure_test.", ""))
	}
	return strings.Join(list[1:], ", ")
}

func TestLayouts(t *testing.T) {
	a, b, c := len(t.Name()), t.Name(), point{1, 2, t.Name()}
	d := c
	var big [40]int
	small := [2]int32{int32(a), 5}
	medium := struct{ a, b, c, d, e int }{a, 2, 3, 4, 5}
	err := fmt.Errorf("%d", a)
	assigned := a
	defer func() { assigned++ }()
	before := a
	before++
	var later func(int) int
	later = func(n int) int {
		if n == 0 {
			return a
		}
		return later(n - 1)
	}
	var iface adder = offset(a)
	inlined := func() int { return a + 5 }
	local := func() any {
		type inner struct{ v int }
		v := inner{a}
		return func() int { return v.v }
	}()
	tests := []struct {
		name string
		f    any
		want string
	}{
		{"nothing", func() int { return 1 }, ""},
		{"function", strings.ToUpper, ""},
		{"method expression", point.sum, ""},
		{"by value", func() int { return a + len(b) }, "int, string"},
		{"struct", func() int { return d.x }, "point"},
		{"address taken by a method call", func() int { return c.x }, "*point"},
		{"assigned before", func() int { return before }, "int"},
		{"array", func(i int) int32 { return small[i] }, "[2]int32"},
		{"five words", func() int { return medium.a + medium.e }, "struct { a int; b int; c int; d int; e int }"},
		{"too big for a value", func(i int) int { return big[i] }, "*[40]int"},
		{"interfaces and slices", func() string { return fmt.Sprint(err, iface, []int{a}) }, "error, adder, int"},
		{"assigned", func() int { return assigned }, "*int"},
		{"recursive", later, "int, *func(int) int"},
		{"also inlined", inlined, "int"},
		{"local type", local, "inner"},
		{"nested", func() func() int { return func() int { return a + assigned } }, "int, *int"},
		{"method value", c.sum, "point"},
		{"pointer method value", (&c).move, "*point"},
		{"interface method value", iface.add, "adder"},
		{"generic int", identity(a), "int, *[2]uintptr"},
		{"generic pointer", pair(b, &c), "string, *point, *[5]uintptr"},
		{"of the standard library", sync.OnceValue(func() int { return a }), "*struct { f func() int; once sync.Once; valid bool; p interface {}; result int }, *[4]uintptr"},
	}
	_ = inlined()
	for _, tt := range tests {
		if got := captures(t, tt.f); got != tt.want {
			t.Errorf("%s: captures %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRebuilt(t *testing.T) {
	a, c := len(t.Name()), point{1, 2, t.Name()}
	if got := rebuild(t, func() int { return a + c.y }).(func() int)(); got != a+2 {
		t.Error(got)
	}
	if got := rebuild(t, strings.ToUpper).(func(string) string)("x"); got != "X" {
		t.Error(got)
	}
	if got := rebuild(t, identity(c)).(func() point)(); got != c {
		t.Error(got)
	}
	if got := rebuild(t, pair("k", &c)).(func() map[string]*point)(); got["k"] != &c {
		t.Error(got)
	}
	if got := rebuild(t, c.sum).(func() int)(); got != 3 {
		t.Error(got)
	}
	if rebuild(t, c.move).(func(int))(5); c.x != 6 {
		t.Error(c.x)
	}
	f, n := counter()
	if got := rebuild(t, f).(func() int)(); got != 11 || *n != 11 {
		t.Error(got, *n)
	}
	if got := rebuild(t, sync.OnceValue(func() int { return a * 2 })).(func() int)(); got != 2*a {
		t.Error(got)
	}
}

func TestIdentity(t *testing.T) {
	a := len(t.Name())
	f := func() int { return a }
	g := f
	p, err1 := closure.Open(reflect.ValueOf(f))
	q, err2 := closure.Open(reflect.ValueOf(&g).Elem())
	if err := errors.Join(err1, err2); err != nil || p.Object() != q.Object() {
		t.Error("copies of one func value are not the same", err)
	}
}

func TestRefused(t *testing.T) {
	made := reflect.MakeFunc(reflect.TypeFor[func() int](), func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(1)} })
	if _, err := closure.Open(made); !errors.Is(err, closure.ErrReflect) {
		t.Error(err)
	}
	if _, err := closure.Open(reflect.ValueOf(time.Second).MethodByName("String")); !errors.Is(err, closure.ErrReflect) {
		t.Error(err)
	}
	if _, err := closure.New(0x1234); !errors.Is(err, closure.ErrUnknownCode) {
		t.Error(err)
	}
}

// TestManySites: a function whose closures are made in a loop and in branches has one layout.
func TestManySites(t *testing.T) {
	var list []func() int
	for i := range 20 {
		if i%2 == 0 {
			list = append(list, func() int { return i })
		} else {
			s := fmt.Sprint(i)
			list = append(list, func() int { return len(s) + i })
		}
	}
	var got, want []int
	for _, f := range list {
		want = append(want, f())
		got = append(got, rebuild(t, f).(func() int)())
	}
	if !slices.Equal(got, want) {
		t.Error(got, want)
	}
}

func BenchmarkOpen(b *testing.B) {
	f := func() int { return b.N }
	v := reflect.ValueOf(f)
	for b.Loop() {
		if _, err := closure.Open(v); err != nil {
			b.Fatal(err)
		}
	}
}
