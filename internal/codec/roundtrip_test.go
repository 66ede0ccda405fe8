package codec

import (
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

type celsius float64

type inner struct {
	a int8
	b string
	c []int
}

type padded struct {
	a bool
	b int64
	c uint8
	d complex64
}

type everything struct {
	b    bool
	i    int
	i8   int8
	i16  int16
	i32  int32
	i64  int64
	u    uint
	u8   uint8
	u16  uint16
	u32  uint32
	u64  uint64
	up   uintptr
	f32  float32
	f64  float64
	c64  complex64
	c128 complex128
	s    string
	arr  [3]inner
	sl   []inner
	m    map[string]*inner
	p    *inner
	pp   **inner
	e    any
	er   error
	f    func()
	ch   chan int
	u2   unsafe.Pointer
	z    struct{}
	_    int
	anon struct{ x, y int }
	inner
}

func newEverything() everything {
	p := &inner{a: 1, b: "p"}
	return everything{
		true, -1, -8, -16, -32, -64, 1, 8, 16, 32, 64, 99, 1.5, math.Inf(-1), 1 + 2i, 3 - 4i, "text",
		[3]inner{{b: "x"}, {c: []int{1, 2}}, {}}, []inner{{b: "y"}}, map[string]*inner{"p": p, "nil": nil}, p, &p,
		inner{a: 3, b: "boxed", c: []int{7}}, nil, nil, nil, nil, struct{}{}, 0, struct{ x, y int }{1, 2}, inner{a: 5},
	}
}

// values of every kind; the host knows the types of all of them.
func values() map[string]any {
	nested := any(nil)
	for range 50 {
		nested = [2]any{nested, 1}
	}
	return map[string]any{
		"int": 42, "bool": true, "string": "some text", "empty string": "", "long string": strings.Repeat("long ", 100),
		"named": celsius(36.6), "nan": math.NaN(), "negative zero": math.Copysign(0, -1), "complex": 1 + 2i,
		"array": [3]string{"a", "b", "c"}, "empty array": [0]*int{}, "array of slices": [2][]int{{1}, nil},
		"struct": inner{1, "b", []int{1, 2, 3}}, "empty struct": struct{}{}, "padded": padded{true, 1, 2, 3}, "many padded": []padded{{b: 1}, {a: true}},
		"pointer": new(7), "nil pointer": (*int)(nil), "pointer to pointer": new(new(8)), "pointer to empty": &struct{}{},
		"pointer to array": &[4]int{1, 2, 3, 4}, "pointer to slice": &[]string{"a"},
		"floats": []float64{1, 2, 3}, "no floats": []float64{}, "nil floats": []float64(nil), "bools": []bool{true, false, true},
		"strings": []string{"a", "", "b"}, "empty structs": make([]struct{}, 5), "slices": [][]int{{1}, nil, {}, {2, 3}},
		"map": map[string]int{"a": 1, "b": 2}, "nil map": map[string]int(nil), "empty map": map[string]int{},
		"map of structs": map[[2]int]inner{{1, 2}: {b: "x"}}, "set": map[string]struct{}{"a": {}}, "map of maps": map[int]map[int]int{1: {2: 3}, 2: nil},
		"map of empties": map[struct{}]int{{}: 1}, "map of bools": map[bool]string{true: "t"}, "map of floats": map[float64]int{1.5: 1},
		"interfaces": []any{1, "two", 3.0, nil, []int{4}, map[string]any{"five": 5}, new(6), [100]int{7}, true, struct{}{}},
		"nested":     nested, "everything": newEverything(), "pointer to everything": new(newEverything()),
		"nil chan": (chan int)(nil), "nil func": (func())(nil), "nil unsafe": unsafe.Pointer(nil),
		"big": new(big.Int).Exp(big.NewInt(3), big.NewInt(1000), nil), "rat": big.NewRat(1, 3), "big float": big.NewFloat(1.25),
	}
}

func hostOfValues() *registry {
	h := newRegistry(inner{}, struct{}{}, [2]any{})
	for _, v := range values() {
		h.types[reflect.TypeOf(v).String()] = reflect.TypeOf(v)
	}
	return h
}

func TestRoundTrip(t *testing.T) {
	h := hostOfValues()
	for name, x := range values() {
		t.Run(name, func(t *testing.T) {
			in := reflect.New(reflect.TypeOf(x)).Elem()
			in.Set(reflect.ValueOf(x))
			for form, v := range map[string]reflect.Value{"variable": in, "value": reflect.ValueOf(x)} {
				for _, min := range []int{0, 1, -1} {
					out := reflect.New(v.Type()).Elem()
					message, err := Encode(h, v, Options{BufferMin: min})
					if err == nil {
						err = Decode(h, message, out)
					}
					if err == nil {
						err = isomorphic(in, out)
					}
					if err != nil {
						t.Errorf("%s, buffers from %d: %v", form, min, err)
					}
				}
			}
			boxed := x
			if err := isomorphic(reflect.ValueOf(&boxed).Elem(), reflect.ValueOf(copyOf(t, h, &boxed)).Elem()); err != nil {
				t.Errorf("in an interface: %v", err)
			}
		})
	}
}

func TestMapKeys(t *testing.T) {
	type key struct {
		name string
		any  any
	}
	h := newRegistry(key{}, [2]any{})
	p := new(int)
	keys := copyOf(t, h, &struct {
		nan   map[float64]int
		any   map[any]string
		ptr   map[*int]string
		p     *int
		other map[key]int
	}{
		map[float64]int{math.NaN(): 1, math.Float64frombits(0x7ff8000000000123): 2},
		map[any]string{1: "int", "s": "string", key{"k", 2.5}: "struct", [2]any{1, "x"}: "array", p: "pointer", nil: "nil"},
		map[*int]string{p: "p", nil: "nil"}, p, map[key]int{{"a", 1}: 1, {"a", nil}: 2},
	})
	if len(keys.nan) != 2 || keys.ptr[keys.p] != "p" || keys.ptr[nil] != "nil" || keys.any[keys.p] != "pointer" {
		t.Errorf("got %+v", keys)
	}
	if keys.any[1] != "int" || keys.any[key{"k", 2.5}] != "struct" || keys.any[[2]any{1, "x"}] != "array" || keys.any[nil] != "nil" {
		t.Errorf("got %+v", keys.any)
	}
	if keys.other[key{"a", 1}] != 1 || keys.other[key{"a", nil}] != 2 {
		t.Errorf("got %+v", keys.other)
	}
}

func TestStringsOnce(t *testing.T) {
	long := strings.Repeat("x", 1000)
	many := make([]string, 100)
	for i := range many {
		many[i] = long
	}
	message, err := Encode(newRegistry(), reflect.ValueOf(many), Options{})
	if err != nil || len(message.Head) > 1500 {
		t.Errorf("%d bytes, %v", len(message.Head), err)
	}
	if got := *copyOf(t, newRegistry(), &many); !reflect.DeepEqual(got, many) || unsafe.StringData(got[0]) != unsafe.StringData(got[99]) {
		t.Error("the strings differ, or are not one")
	}
}

// TestSharedBoxes sends a value in which each level holds the one below twice: as a tree it has 2^60 leaves.
func TestSharedBoxes(t *testing.T) {
	type both struct{ a, b any }
	x := any("leaf")
	for range 60 {
		x = both{x, x}
	}
	y := *copyOf(t, newRegistry(both{}), &x)
	for range 60 {
		y = y.(both).b
	}
	if y != "leaf" {
		t.Errorf("got %v", y)
	}
}

func TestLongList(t *testing.T) {
	n := 1_000_000
	if testing.Short() || raceEnabled {
		n = 100_000
	}
	head := list(n)
	last := head
	for last.Next != nil {
		last = last.Next
	}
	last.Next = head // and a cycle
	got := *copyOf(t, newRegistry(), &head)
	p := got
	for i := range n {
		if p.Value != n-1-i {
			t.Fatalf("node %d is %d", i, p.Value)
		}
		p = p.Next
	}
	if p != got {
		t.Error("the cycle is open")
	}
}

func TestDeepInterfaces(t *testing.T) {
	type link struct{ next any }
	var x any
	for range 200_000 {
		x = link{x}
	}
	y, n := *copyOf(t, newRegistry(link{}), &x), 0
	for ; y != nil; n++ {
		y = y.(link).next
	}
	if n != 200_000 {
		t.Errorf("%d links", n)
	}
}

func TestAppend(t *testing.T) {
	h := newRegistry()
	numbers := make([]float64, 100)
	b, buffers, err := Append([]byte("prefix"), [][]byte{{1}}, h, reflect.ValueOf(numbers), Options{BufferMin: 1})
	if err != nil || string(b[:6]) != "prefix" || len(buffers) != 2 || &buffers[1][0] != (*byte)(unsafe.Pointer(&numbers[0])) {
		t.Fatalf("got %q, %d buffers, %v", b, len(buffers), err)
	}
	var out []float64
	if err := Decode(h, Encoded{b[6:], buffers[1:]}, reflect.ValueOf(&out).Elem()); err != nil || &out[0] != &numbers[0] {
		t.Errorf("the buffer is not used in place: %v", err)
	}
	b, buffers, err = Append([]byte("prefix"), nil, h, reflect.ValueOf([]any{1, make(chan int)}), Options{BufferMin: 1})
	if err == nil || string(b) != "prefix" || buffers != nil {
		t.Errorf("after an error: %q, %v, %v", b, buffers, err)
	}
}

func TestUnalignedBuffer(t *testing.T) {
	numbers := []float64{1, 2, 3}
	message, err := Encode(newRegistry(), reflect.ValueOf(&numbers).Elem(), Options{BufferMin: 1})
	if err != nil {
		t.Fatal(err)
	}
	shifted := append([]byte{0}, message.Buffers[0]...)[1:]
	message.Buffers[0] = shifted
	var out []float64
	if err := Decode(newRegistry(), message, reflect.ValueOf(&out).Elem()); err != nil || !reflect.DeepEqual(numbers, out) {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestCanonical(t *testing.T) {
	make := func(n int) any {
		strings, ints, floats := map[string]int{}, map[int8]string{}, map[float32]bool{}
		for i := range 100 {
			i = (i*37 + n) % 100
			strings[string(rune('a'+i))], ints[int8(i)], floats[float32(i)/2] = i, "x", true
		}
		return &[]any{strings, ints, floats, map[uint]*map[string]int{1: &strings, 2: &strings}}
	}
	h := newRegistry(map[string]int{}, map[int8]string{}, map[float32]bool{}, map[uint]*map[string]int{})
	first, err := Encode(h, reflect.ValueOf(make(0)), Options{Canonical: true})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		if again, err := Encode(h, reflect.ValueOf(make(n)), Options{Canonical: true}); err != nil || string(again.Head) != string(first.Head) {
			t.Fatalf("differs: %v", err)
		}
	}
}
