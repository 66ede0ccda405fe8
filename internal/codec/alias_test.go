package codec

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

type point struct{ x, y float64 }

type owner struct {
	first int
	arr   [8]int
	at    point
	rest  string
}

func TestSlicesShareAnArray(t *testing.T) {
	base := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	got := copyOf(t, newRegistry(), &struct{ all, left, right, again, empty []int }{base, base[:5], base[3:8], base, base[:0]})
	got.right[0] = 50
	if got.left[3] != 50 || got.all[3] != 50 || &got.again[0] != &got.all[0] || got.empty == nil {
		t.Errorf("got %v", got)
	}
	if cap(got.left) != 10 || cap(got.right) != 7 || cap(got.all) != 10 {
		t.Errorf("capacities %d, %d, %d", cap(got.left), cap(got.right), cap(got.all))
	}
}

func TestPartialOverlap(t *testing.T) {
	base := make([]int, 100)
	base[15], base[25] = 15, 25
	got := copyOf(t, newRegistry(), &struct{ a, b, apart []int }{base[10:20:30], base[12:26], base[50:60]})
	got.a = append(got.a[:5], 99) // base[15]
	if got.b[3] != 99 || got.b[13] != 25 || len(got.b) != 14 {
		t.Errorf("got %v", got)
	}
	if cap(got.a) != 16 || cap(got.b) != 14 || cap(got.apart) != 10 {
		t.Errorf("what no slice shows was sent: capacities %d, %d, %d", cap(got.a), cap(got.b), cap(got.apart))
	}
}

func TestAdjacentIsApart(t *testing.T) {
	base := make([]int, 10)
	got := copyOf(t, newRegistry(), &struct{ a, b []int }{base[:5], base[5:]})
	if cap(got.a) != 5 || &got.a[:5][4] == &got.b[0] {
		t.Error("neighbours became one")
	}
}

func TestInteriorPointers(t *testing.T) {
	o := &owner{first: 1, arr: [8]int{1, 2, 3, 4, 5, 6, 7, 8}, rest: "rest"}
	got := copyOf(t, newRegistry(), &struct {
		first *int // to the first field: the same address as the struct
		y     *float64
		at    *point
		part  []int
		elem  *int
		quad  *[4]int
		whole *owner
	}{&o.first, &o.at.y, &o.at, o.arr[2:5], &o.arr[3], (*[4]int)(o.arr[4:]), o})
	*got.first, *got.y, got.part[1] = 10, 20, 30
	if got.whole.first != 10 || got.whole.at.y != 20 || got.at.y != 20 || *got.elem != 30 || got.whole.arr[3] != 30 {
		t.Errorf("got %+v", got.whole)
	}
	got.quad[0] = 40
	if got.whole.arr[4] != 40 || got.whole.rest != "rest" {
		t.Errorf("got %+v", got.whole)
	}
	if cap(got.part) != 6 {
		t.Errorf("capacity %d: a slice may not leave its array", cap(got.part))
	}
}

func TestPointersIntoSlices(t *testing.T) {
	points := []point{{1, 2}, {3, 4}, {5, 6}}
	got := copyOf(t, newRegistry(), &struct {
		x      *float64
		second *point
		all    []point
		tail   []point
	}{&points[1].x, &points[1], points[:2], points[1:]})
	*got.x = 30
	if got.all[1].x != 30 || got.second.x != 30 || got.tail[0].x != 30 || got.tail[1].y != 6 {
		t.Errorf("got %+v", got)
	}
}

func TestArraysOfArrays(t *testing.T) {
	grid := new([3][4]int)
	got := copyOf(t, newRegistry(), &struct {
		rows [][4]int
		row  *[4]int
		cell *int
		cut  []int
	}{grid[:2], &grid[1], &grid[1][2], grid[1][1:3]})
	*got.cell = 7
	if got.rows[1][2] != 7 || got.row[2] != 7 || got.cut[1] != 7 || cap(got.cut) != 3 {
		t.Errorf("got %+v, capacity %d", got, cap(got.cut))
	}
}

// TestIntoItself sends a variable that holds pointers to its own parts.
func TestIntoItself(t *testing.T) {
	type self struct {
		arr  [4]int
		part []int
		me   *self
		elem *int
	}
	var s self
	s.part, s.me, s.elem = s.arr[1:3], &s, &s.arr[2]
	got := copyOf(t, newRegistry(), &s)
	got.arr[2] = 9
	if got.me != got || *got.elem != 9 || got.part[1] != 9 {
		t.Error("the copy points elsewhere")
	}
}

// TestInsideAnother sends a variable that is a field of what it points to.
func TestInsideAnother(t *testing.T) {
	type outer struct {
		n    int
		back **outer
		self *outer
	}
	o := &outer{n: 5}
	o.self, o.back = o, &o.self
	got := *copyOf(t, newRegistry(), &o.self)
	if got.n != 5 || got.self != got || got.back != &got.self {
		t.Errorf("got %+v", got)
	}
}

func TestOtherNames(t *testing.T) {
	type point2 struct{ x, y float64 }
	p := &point{1, 2}
	got := copyOf(t, newRegistry(), &struct {
		a *point
		b *point2
		c *struct{ x, y float64 }
		d *float64
	}{p, (*point2)(p), (*struct{ x, y float64 })(p), &p.x})
	got.b.x = 7
	if got.a.x != 7 || got.c.x != 7 || *got.d != 7 {
		t.Error("one struct under three names became several")
	}
}

func TestContradictingLayouts(t *testing.T) {
	p := &point{1, 2}
	for name, v := range map[string]any{
		"bytes of a struct": &struct {
			p *point
			b []byte
		}{p, unsafe.Slice((*byte)(unsafe.Pointer(p)), 16)},
		"other number": &struct {
			f *float64
			n *int64
		}{&p.x, (*int64)(unsafe.Pointer(&p.x))},
		"shifted": &struct{ a, b []int64 }{
			unsafe.Slice((*int64)(unsafe.Pointer(&make([]byte, 64)[0])), 4), nil},
	} {
		if name == "shifted" {
			s := v.(*struct{ a, b []int64 })
			s.b = unsafe.Slice((*int64)(unsafe.Add(unsafe.Pointer(&s.a[1]), 4)), 4)
			if raceEnabled { // which checks pointers for this very mistake
				continue
			}
		}
		_, err := Encode(newRegistry(), reflect.ValueOf(v), Options{Name: "v"})
		if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Reason, "laid out otherwise") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSharedMaps(t *testing.T) {
	m, e := map[string]int{"a": 1}, map[string]int{}
	type named map[string]int
	got := copyOf(t, newRegistry(), &struct {
		a, b, c, d map[string]int
		n          named
	}{m, m, e, e, named(m)})
	got.a["x"], got.c["y"] = 2, 3
	if got.b["x"] != 2 || got.n["x"] != 2 || got.d["y"] != 3 || len(got.b) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestMapInItself(t *testing.T) {
	m := map[string]any{}
	m["self"], m["list"] = m, []any{m}
	got := *copyOf(t, newRegistry(), &m)
	got["new"] = 1
	if got["self"].(map[string]any)["new"] != 1 || got["list"].([]any)[0].(map[string]any)["new"] != 1 {
		t.Errorf("the map became several")
	}
}

func TestBuilders(t *testing.T) {
	var b strings.Builder
	b.WriteString("hello, ")
	buffer := bytes.NewBufferString("hello, ")
	got := copyOf(t, newRegistry(), &struct {
		b *strings.Builder
		c *strings.Builder
		d *bytes.Buffer
	}{&b, &b, buffer})
	got.b.WriteString("world") // panics where the builder is not the one that it thinks to be
	got.d.WriteString("world")
	if got.c.String() != "hello, world" || got.d.String() != "hello, world" || b.String() != "hello, " {
		t.Errorf("got %q, %q", got.c.String(), got.d.String())
	}
}

func TestBuffersAreAliased(t *testing.T) {
	numbers := make([]float64, 1000)
	value := struct {
		all, part []float64
		one       *float64
	}{numbers, numbers[10:20], &numbers[15]}
	message, err := Encode(newRegistry(), reflect.ValueOf(&value).Elem(), Options{BufferMin: 8000})
	if err != nil || len(message.Buffers) != 1 || unsafe.Pointer(&message.Buffers[0][0]) != unsafe.Pointer(&numbers[0]) {
		t.Fatalf("%d buffers, %v", len(message.Buffers), err)
	}
	message.Buffers[0] = bytes.Clone(message.Buffers[0])
	got := value
	if err := Decode(newRegistry(), message, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	*got.one = 5
	if got.all[15] != 5 || got.part[5] != 5 || numbers[15] != 0 || unsafe.Pointer(&got.all[0]) != unsafe.Pointer(&message.Buffers[0][0]) {
		t.Errorf("got %v", got.part)
	}
}

func TestStatics(t *testing.T) {
	type table struct {
		names [4]string
		n     int
	}
	variableHere, variableThere := &table{names: [4]string{"here"}}, &table{names: [4]string{"there"}}
	here, there := newRegistry(), newRegistry()
	variable(here, "main.table", variableHere)
	variable(there, "main.table", variableThere)
	type refs struct {
		t *table
		n *int
		s []string
	}
	message, err := Encode(here, reflect.ValueOf(refs{variableHere, &variableHere.n, variableHere.names[:2]}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got refs
	if err := Decode(there, message, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	if got.t != variableThere || got.n != &variableThere.n || &got.s[0] != &variableThere.names[0] || got.s[0] != "there" || cap(got.s) != 4 {
		t.Errorf("got %+v", got)
	}
	if err := Decode(newRegistry(), message, reflect.ValueOf(&got).Elem()); err == nil || got.t != nil {
		t.Errorf("an unknown variable: %v", err)
	}
	there.statics["main.table"] = Static{Pointer: unsafe.Pointer(&variableThere.n), Size: 8, Type: reflect.TypeFor[int]()}
	if err := Decode(there, message, reflect.ValueOf(&got).Elem()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a smaller variable: %v", err)
	}
	other := new(struct {
		n     int
		names [4]string
	})
	variable(there, "main.table", other)
	if err := Decode(there, message, reflect.ValueOf(&got).Elem()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a variable of another type: %v", err)
	}
}
