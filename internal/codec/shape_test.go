package codec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// The captures of these, as the compiler lays them out.
type (
	capturesGreeting struct{ A, B string }
	capturesBoth     struct{ F, G func(int) int }
	capturesGeneric  struct {
		F          func(int) int
		Dictionary *[2]int
	}
	capturesLarge struct{ Large [2 * maxShapeSize]byte }
)

//go:noinline
func greeting(a, b string) func(int) string { return func(n int) string { return a[:n] + b[:n] } }

//go:noinline
func both(f, g func(int) int) func(int) int {
	return func(n int) int {
		if g == nil {
			return f(n)
		}
		return f(n) * g(n)
	}
}

//go:noinline
func generic(f func(int) int, dictionary *[2]int) func(int) int {
	return func(n int) int { return f(n) + dictionary[1] }
}

//go:noinline
func large(b [2 * maxShapeSize]byte) func(int) int { return func(n int) int { return int(b[n]) } }

func double(n int) int { return 2 * n }

func triple(n int) int { return 3 * n }

var (
	firstDictionary  = [2]int{0, 100}
	secondDictionary = [2]int{0, 200}
)

func hostOfShapes() *registry {
	h := hostOfFuncs()
	h.types[reflect.TypeFor[func(int) string]().String()] = reflect.TypeFor[func(int) string]()
	h.function(greeting("", ""), capturesGreeting{})
	h.function(both(nil, nil), capturesBoth{})
	h.function(generic(nil, nil), capturesGeneric{})
	h.function(large([2 * maxShapeSize]byte{}), capturesLarge{})
	h.function(double, nil)
	h.function(triple, nil)
	variable(h, "dictionary", &firstDictionary)
	variable(h, strings.Repeat("other", 20), &secondDictionary)
	return h
}

type numbers func(int) int

// shaped are funcs by whether they have a shape.
var shaped = []struct {
	name string
	make func(i int) func(int) int
	has  bool
}{
	{"captures nothing", func(int) func(int) int { return double }, true},
	{"captures a func and a number", func(i int) func(int) int { return chain(double, i) }, true},
	{"captures a func that captures one", func(i int) func(int) int { return chain(chain(double, i), -i) }, true},
	{"captures two funcs", func(i int) func(int) int { return both(chain(double, i), chain(double, 1)) }, false}, // both of double
	{"captures two funcs, one of which captures a third", func(i int) func(int) int { return both(chain(double, i), triple) }, true},
	{"captures a dictionary", func(i int) func(int) int { return generic(chain(double, i), &firstDictionary) }, true},
	{"captures a dictionary of a long name", func(i int) func(int) int { return generic(chain(double, i), &secondDictionary) }, false},
	{"captures nil", func(i int) func(int) int { return both(chain(double, i), nil) }, false},
	{"captures one func twice", func(i int) func(int) int { f := chain(double, i); return both(f, f) }, false},
	{"captures too many", func(i int) func(int) int { return chain(chain(chain(chain(double, i), i), i), i) }, false},
	{"captures too much", func(i int) func(int) int { return large([2 * maxShapeSize]byte{5: byte(i)}) }, false},
}

func encodeFunc(t testing.TB, h Host, f any) Encoded {
	t.Helper()
	message, err := Encode(h, reflect.ValueOf(f).Elem(), Options{Brief: true})
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// TestShapes: of a func that was sent before only the values that it captures are looked at, where that is possible; what arrives is the same.
func TestShapes(t *testing.T) {
	for _, c := range shaped {
		t.Run(c.name, func(t *testing.T) {
			here, there := hostOfShapes(), hostOfShapes()
			for i := range 5 {
				f := c.make(i)
				message := encodeFunc(t, here, &f)
				if is := message.Head[modeAt] == modeShape; is != (c.has && i > 0) {
					t.Errorf("message %d has a shape: %v", i, is)
				}
				for range 2 {
					got := new(func(int) int)
					if err := Decode(there, message, reflect.ValueOf(got).Elem()); err != nil {
						t.Fatal(err)
					}
					if x := (*got)(5); x != f(5) {
						t.Errorf("func %d gives %d, not %d", i, x, f(5))
					}
				}
			}
			want := int32(0)
			if c.has {
				want = 1
			}
			if n := there.shapes.count.Load(); n != want {
				t.Errorf("%d shapes are remembered where it arrives, of %d", n, want)
			}
		})
	}
}

// TestShapesOfStrings: strings that are written once stay so.
func TestShapesOfStrings(t *testing.T) {
	here, there := hostOfShapes(), hostOfShapes()
	long := strings.Repeat("long ", 30)
	for i, c := range [][2]string{{"short", "brief"}, {"other", ""}, {long, "short"}, {long, long}, {long, strings.Repeat("again", 30)}, {"short", "brief"}} {
		f := greeting(c[0], c[1])
		message := encodeFunc(t, here, &f)
		if is := message.Head[modeAt] == modeShape; is != (i > 0) {
			t.Errorf("message %d has a shape: %v", i, is)
		}
		if n := bytes.Count(message.Head, []byte(long)); n > 1 {
			t.Errorf("a long string is there %d times", n)
		}
		got := new(func(int) string)
		if err := Decode(there, message, reflect.ValueOf(got).Elem()); err != nil {
			t.Fatal(err)
		}
		if n := min(len(c[0]), len(c[1])); (*got)(n) != f(n) {
			t.Errorf("func %d gives %q", i, (*got)(n))
		}
	}
}

// TestShapesOfTypes: a func of one code in variables of two types has two shapes, and each arrives in its own.
func TestShapesOfTypes(t *testing.T) {
	here, there := hostOfShapes(), hostOfShapes()
	for i := range 3 {
		f, named := chain(double, i), numbers(chain(double, i))
		message, other := encodeFunc(t, here, &f), encodeFunc(t, here, &named)
		got, gotNamed := new(func(int) int), new(numbers)
		if err := Decode(there, message, reflect.ValueOf(got).Elem()); err != nil || (*got)(1) != 2+i {
			t.Errorf("func %d: %v", i, err)
		}
		if err := Decode(there, other, reflect.ValueOf(gotNamed).Elem()); err != nil || (*gotNamed)(1) != 2+i {
			t.Errorf("named func %d: %v", i, err)
		}
		if err := Decode(there, other, reflect.ValueOf(new(int)).Elem()); err == nil {
			t.Error("a func arrives as a number")
		}
	}
}

// TestDamagedShapes: where the tables are known, a damaged message has the fate that it has where they are not.
func TestDamagedShapes(t *testing.T) {
	here, knows := hostOfShapes(), hostOfShapes()
	f := generic(chain(double, 3), &firstDictionary)
	encodeFunc(t, here, &f)
	message := encodeFunc(t, here, &f).Head
	if err := Decode(knows, Encoded{Head: message}, reflect.ValueOf(new(func(int) int)).Elem()); err != nil || knows.shapes.count.Load() != 1 {
		t.Fatalf("%d shapes, %v", knows.shapes.count.Load(), err)
	}
	fate := func(h Host, b []byte) (text string) {
		got := new(func(int) int)
		if err := Decode(h, Encoded{Head: b}, reflect.ValueOf(got).Elem()); err != nil {
			return err.Error()
		}
		return "it is whole"
	}
	for i := headerSize; i <= len(message); i++ {
		damaged := [][]byte{message[:i], append(bytes.Clone(message[:i]), message[min(i+1, len(message)):]...)}
		if i < len(message) {
			for _, x := range []byte{0, 1, message[i] + 1, message[i] ^ 0x80, 0xff} {
				b := bytes.Clone(message)
				b[i] = x
				damaged = append(damaged, b)
			}
		}
		for _, b := range damaged {
			if a, b := fate(knows, b), fate(hostOfShapes(), b); a != b {
				t.Errorf("byte %d: %s; without the plan: %s", i, a, b)
			}
		}
	}
}

func BenchmarkFunc(b *testing.B) {
	f := chain(chain(double, 3), 4)
	here, there := hostOfShapes(), hostOfShapes()
	message := encodeFunc(b, here, &f)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			message = encodeFunc(b, here, &f)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		into := reflect.ValueOf(new(func(int) int)).Elem()
		for b.Loop() {
			if err := Decode(there, message, into); err != nil {
				b.Fatal(err)
			}
		}
	})
}
