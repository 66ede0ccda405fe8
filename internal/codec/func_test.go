package codec

import (
	"reflect"
	"strings"
	"testing"
)

// The captures of these, as the compiler lays them out.
type (
	capturesCounter struct{ N *int }
	capturesFact    struct{ Self *func(int) int }
	capturesChain   struct {
		f    func(int) int
		step int
	}
	capturesAny struct{ Held any }
)

// Inlined, a literal has another name at each place.
//
//go:noinline
func counter(n *int) func() int { return func() int { *n++; return *n } }

//go:noinline
func chain(f func(int) int, step int) func(int) int {
	return func(x int) int { return f(x) + step }
}

//go:noinline
func holder(held any) func() any { return func() any { return held } }

//go:noinline
func factorial() func(int) int {
	var self func(int) int
	self = func(n int) int {
		if n == 0 {
			return 1
		}
		return n * self(n-1)
	}
	return self
}

func hostOfFuncs() *registry {
	h := newRegistry(func(int) int { return 0 }, func() any { return nil }, capturesChain{}, map[string]func(int) int{})
	h.function(counter(nil), capturesCounter{})
	h.function(chain(nil, 0), capturesChain{})
	h.function(factorial(), capturesFact{})
	h.function(holder(nil), capturesAny{})
	h.function(strings.ToUpper, nil)
	return h
}

func TestFuncs(t *testing.T) {
	n := new(int)
	type named func() int
	x := struct {
		a, b  func() int
		n     *int
		c     named
		other func() int
		upper func(string) string
		fact  func(int) int
	}{counter(n), nil, n, nil, counter(n), strings.ToUpper, factorial()}
	x.b, x.c = x.a, x.a
	y := copyOf(t, hostOfFuncs(), &x)
	y.a()
	y.b()
	y.c()
	if y.other() != 4 || *y.n != 4 || *n != 0 {
		t.Errorf("the variable is not shared: %d, %d", *y.n, *n)
	}
	if y.upper("a") != "A" || y.fact(5) != 120 {
		t.Error("wrong results")
	}
	if reflect.ValueOf(y.a).UnsafePointer() != reflect.ValueOf(y.b).UnsafePointer() {
		t.Error("one func became two")
	}
}

// TestFuncsCapturedByValue sends a chain of closures each of which copies the one before, and must find it made.
func TestFuncsCapturedByValue(t *testing.T) {
	f := chain(factorial(), 1)
	for range 10_000 {
		f = chain(f, 1)
	}
	if y := *copyOf(t, hostOfFuncs(), &f); y(3) != 6+10_001 {
		t.Errorf("got %d", y(3))
	}
}

func TestFuncsInside(t *testing.T) {
	f := chain(factorial(), 1)
	boxed := holder(f)                                // in the data word of an interface
	deep := holder(capturesChain{chain(f, 2), 7})     // behind it
	inMap := holder(map[string]func(int) int{"f": f}) // entries come last
	y := *copyOf(t, hostOfFuncs(), &map[string]any{"a": boxed, "b": deep, "c": inMap, "d": f})
	if got := y["a"].(func() any)().(func(int) int)(3); got != 7 {
		t.Errorf("boxed: %d", got)
	}
	if got := y["b"].(func() any)().(capturesChain).f(3); got != 9 {
		t.Errorf("behind: %d", got)
	}
	if got := y["c"].(func() any)().(map[string]func(int) int)["f"](3); got != 7 {
		t.Errorf("in a map: %d", got)
	}
}

// TestFuncInItself sends a func that reaches itself through a map and an interface that it captures.
func TestFuncInItself(t *testing.T) {
	m := map[string]any{}
	f := holder(m)
	m["f"] = f
	y := *copyOf(t, hostOfFuncs(), &f)
	again := y().(map[string]any)["f"].(func() any)
	if reflect.ValueOf(again).UnsafePointer() != reflect.ValueOf(y).UnsafePointer() {
		t.Error("one func became two")
	}
}

func TestFuncUnknownThere(t *testing.T) {
	f := strings.ToUpper
	message, err := Encode(hostOfFuncs(), reflect.ValueOf(f), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := Decode(newRegistry(), message, reflect.ValueOf(&f).Elem()); err == nil || f != nil || !strings.Contains(err.Error(), "no func strings.ToUpper") {
		t.Errorf("got %v", err)
	}
	there := hostOfFuncs()
	c := there.codes["strings.ToUpper"]
	c.captures = reflect.TypeFor[int]()
	there.codes["strings.ToUpper"] = c
	if err := Decode(there, message, reflect.ValueOf(&f).Elem()); err == nil || !strings.Contains(err.Error(), "known as another thing") {
		t.Errorf("got %v", err)
	}
}
