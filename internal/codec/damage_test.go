package codec

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// target has a slot of every kind; damaged messages are decoded into it.
type target struct {
	everything
	v      *vertex
	vs     []vertex
	m      sync.Map
	pool   sync.Pool
	t      time.Time
	typ    reflect.Type
	keys   map[any]any
	bools  []bool
	deep   map[[2]any]*[2][3]string
	shared []any
}

func newTarget() *target {
	x := &target{everything: newEverything(), v: newGraph(3, 12).vertices[0], t: time.Now(), typ: reflect.TypeFor[int]()}
	x.vs = []vertex{*x.v}
	x.keys = map[any]any{1: "x", "k": x.v, [2]any{1, nil}: point{}}
	x.bools = []bool{true, false}
	x.deep = map[[2]any]*[2][3]string{{1, "x"}: {{"a"}, {"b"}}}
	x.shared = []any{x, x.vs, x.keys, x.v, &x.v.own, x.v.own[:2], strings.Repeat("long", 50)}
	x.m.Store("k", x)
	x.pool.New = func() any { return nil }
	return x
}

func hostOfTargets(x *target) *registry {
	h := hostOfGraphs()
	for _, sample := range []any{inner{}, [2]any{}, map[any]any{}, x, x.vs, &x.v.own, [2]any{}} {
		h.types[reflect.TypeOf(sample).String()] = reflect.TypeOf(sample)
	}
	h.function(x.pool.New, nil)
	variable(h, "main.table", &struct {
		p *int
		s []string
	}{})
	return h
}

// use reads all of a decoded value, as its owner would.
func use(v reflect.Value, seen map[visit]bool, budget *int) {
	if *budget--; *budget < 0 || !v.IsValid() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if at := (visit{p: v.UnsafePointer(), t: v.Type()}); v.IsNil() || seen[at] {
			return
		} else {
			seen[at] = true
		}
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		use(v.Elem(), seen, budget)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if *budget < 0 {
				return
			}
			use(v.Index(i), seen, budget)
		}
	case reflect.Map:
		for k, e := range v.Seq2() {
			use(k, seen, budget)
			use(e, seen, budget)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			use(field, seen, budget)
		}
	case reflect.String:
		_ = strings.Count(v.String(), "x")
	}
}

func decodeDamaged(h Host, head, buffer []byte, into reflect.Value) {
	message := Encoded{Head: head}
	if len(buffer) > 0 {
		message.Buffers = [][]byte{buffer}
	}
	budget := 100_000
	if Decode(h, message, into) == nil {
		use(into, map[visit]bool{}, &budget)
	}
}

func TestDamage(t *testing.T) {
	x := newTarget()
	h := hostOfTargets(x)
	message, err := Encode(h, reflect.ValueOf(x).Elem(), Options{BufferMin: -1})
	if err != nil {
		t.Fatal(err)
	}
	rounds := 20_000
	if testing.Short() || raceEnabled {
		rounds = 2000
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range rounds {
		head := append([]byte(nil), message.Head...)
		for range 1 + random.IntN(3) {
			switch at := headerSize + random.IntN(len(head)-headerSize); random.IntN(4) {
			case 0:
				head[at] ^= 1 << random.IntN(8)
			case 1:
				head[at] = byte(random.IntN(256))
			case 2:
				head = append(head[:at:at], head[at+1:]...)
			case 3:
				head = append(head[:at:at], append([]byte{byte(random.IntN(8))}, head[at:]...)...)
			}
		}
		decodeDamaged(h, head, nil, reflect.New(reflect.TypeFor[target]()).Elem())
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	for n := range message.Head { // every shorter one is an error
		var y target
		if err := Decode(h, Encoded{Head: message.Head[:n]}, reflect.ValueOf(&y).Elem()); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d of %d bytes: %v", n, len(message.Head), err)
		}
	}
}

// handmade writes a message by hand.
func handmade(t reflect.Type, mode byte, numbers ...uint64) []byte {
	b := append([]byte{version, machine(), mode}, binary.LittleEndian.AppendUint64(nil, Fingerprint(t))...)
	for _, n := range numbers {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

type (
	twoInts  struct{ A, B *int }
	pointers struct {
		A *string
		B *[2]int
	}
	keys struct{ M map[any]int }
)

const huge = uint64(1) << 60

// forgery is a message that no Encode has written: numbers after the header.
type forgery struct {
	into    any
	mode    byte
	numbers []uint64
}

var forgeries = map[string]forgery{
	"huge string":             {new(string), modePlain, []uint64{huge << 1}},
	"huge slice":              {new([]int), modePlain, []uint64{huge<<1 + 1}},
	"huge slice of strings":   {new([]string), modePlain, []uint64{1<<30<<1 + 1}},
	"string not yet written":  {new(string), modePlain, []uint64{1}},
	"slice without buffer":    {new([]int), modePlain, []uint64{5<<1 | 1 + 1}},
	"unknown mode":            {new(int), 9, nil},
	"plain mode of a pointer": {new(*int), modePlain, []uint64{0}},
	"rest":                    {new(string), modePlain, []uint64{0, 0}},
	"huge table of objects":   {new(twoInts), modeGraph, []uint64{0, huge, huge << 1, 0, 2, 1, 0, 0, 0, 0}},
	"huge object":             {new(twoInts), modeGraph, []uint64{0, 1, 1 << 1, 0, 2, huge, 0, 0, 0, 0}},
	"too many objects":        {new(twoInts), modeGraph, []uint64{0, 1, 2 << 1, 0, 2, 1, 0, 0, 0, 0}},
	"type of no root":         {new(twoInts), modeGraph, []uint64{0, 1, 1 << 1, 7, 2, 1, 0, 0, 0, 0}},
	"type beyond the root":    {new(twoInts), modeGraph, []uint64{0, 1, 1 << 1, 0, 99, 1, 0, 0, 0, 0}},
	"no such object":          {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refObjects + 5*refsPerItem, 0}},
	"pointer to itself":       {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refObjects, 0}}, // a *int to a *int
	"offset":                  {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refObjects + 1, 8, 0}},
	"offset beyond":           {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refObjects + 1, 1 << 20, 0}},
	"huge offset":             {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refObjects + 1, 1<<64 - 8, 0}},
	"empty pointer":           {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refEmpty, 0}},
	"unknown known":           {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refKnown, 0, 0}},
	"unknown static":          {new(twoInts), modeGraph, []uint64{0, 0, 0, 0, refStatic, 0, 0, 0}},
	"array beyond":            {new(pointers), modeGraph, []uint64{0, 1, 1 << 1, 0, 4, 1, 0, 0, 0, refObjects + refsPerItem, 0}},
	"map without hash":        {new(keys), modeGraph, []uint64{0, 0, 1, 0, 1, huge, 0, 1}},
	"map of no map":           {new(keys), modeGraph, []uint64{0, 0, 1, 0, 0, 0, 0, 1}},
	"no such map":             {new(keys), modeGraph, []uint64{0, 0, 0, 0, 7}},
	"no such func":            {new(func()), modeGraph, []uint64{0, 0, 0, 0, 7}},
	"func of no code":         {new(func()), modeGraph, []uint64{0, 0, 0, 1, 0, 1}},
	"channel":                 {new(chan int), modeGraph, []uint64{0, 0, 0, 0, 1}},
	"kind of root":            {new(any), modeGraph, []uint64{1, 9, 0, 0, 0, 0}},
	"root without func":       {new(any), modeGraph, []uint64{1, rootCode, 0, 0, 0}},
	"interface of no type":    {new(any), modeGraph, []uint64{0, 0, 0, 0, ifaceRoots + 9}},
	"interface of itself":     {new(any), modeGraph, []uint64{0, 0, 0, 0, ifaceRoots}},
	"type in an error":        {new(error), modeGraph, []uint64{0, 0, 0, 0, ifaceType, 0}},
	"no entries of sync.Map":  {new(sync.Map), modeGraph, []uint64{0, 0, 0, 0, 0}},
	"locked":                  {new(sync.Mutex), modeGraph, []uint64{0, 0, 0, 0, 1}},
	"value inside nothing":    {new(twoInts), modeInner, []uint64{0, 0, 0, 0, refObjects}},
	"object of no size":       {new(*struct{}), modeGraph, []uint64{0, 1, 1 << 1, 0, 1, 1, 0, 0, refEmpty}},
	"nanoseconds":             {new(time.Time), modePlain, []uint64{0, 1 << 40, 0}},
	"zone":                    {new(time.Time), modePlain, []uint64{0, 0, 9}},
}

func TestForgery(t *testing.T) {
	for name, c := range forgeries {
		into := reflect.ValueOf(c.into).Elem()
		err := Decode(newRegistry(), Encoded{Head: handmade(into.Type(), c.mode, c.numbers...)}, into)
		if name == "unknown static" && err != nil {
			continue // the other side may just run other code
		}
		if !errors.Is(err, ErrDamaged) || name != "no entries of sync.Map" && !into.IsZero() {
			t.Errorf("%s: %v, value %v", name, err, into)
		}
	}
}

func TestForgedBuffers(t *testing.T) {
	numbers := []int64{1, 2, 3}
	type pair struct{ a, b []int64 }
	for form, v := range map[string]reflect.Value{"plain": reflect.ValueOf(&numbers).Elem(), "graph": reflect.ValueOf(&pair{numbers, numbers}).Elem()} {
		message, err := Encode(newRegistry(), v, Options{BufferMin: 8})
		if err != nil || len(message.Buffers) != 1 {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 16, 23, 32} {
			message.Buffers[0] = make([]byte, size)
			if err := Decode(newRegistry(), message, reflect.New(v.Type()).Elem()); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: a buffer of %d bytes: %v", form, size, err)
			}
		}
	}
}

// TestForgedBox sends an interface whose value is said to be in an object of another type.
func TestForgedBox(t *testing.T) {
	type two struct{ a, b any }
	x := two{[100]*int{}, [100]uintptr{7: 7}}
	h := newRegistry(x.a, x.b)
	message, err := Encode(h, reflect.ValueOf(&x).Elem(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The value ahead of the contents of the boxes: type 2, object 1, type 3, object 2.
	at := strings.LastIndex(string(message.Head), string([]byte{ifaceRoots + 2, 1, ifaceRoots + 3, 2}))
	if at < 0 {
		t.Fatal("the message has another form")
	}
	message.Head[at+1], message.Head[at+3] = 2, 1
	if err := Decode(h, message, reflect.New(reflect.TypeFor[two]()).Elem()); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// TestEndlessKey sends a key of a map that is nested so deep that hashing it would not end.
func TestEndlessKey(t *testing.T) {
	type link struct{ a, b any }
	x := any(1)
	for range 100 {
		x = link{x, x}
	}
	type keyed struct {
		x any
		m map[any]int
	}
	h := newRegistry(link{})
	message, err := Encode(h, reflect.ValueOf(&keyed{x, map[any]int{2: 0}}).Elem(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The key, an int in an interface, becomes the link.
	key := message.Head[len(message.Head)-17:]
	message.Head = append(message.Head[:len(message.Head)-17], ifaceRoots+rootsGiven, 1)
	message.Head = append(message.Head, key[9:]...)
	var y keyed
	if err := Decode(h, message, reflect.ValueOf(&y).Elem()); err == nil || !strings.Contains(err.Error(), "nested too deep") {
		t.Errorf("got %v", err)
	}
}

func TestOtherSide(t *testing.T) {
	h := newRegistry()
	message, err := Encode(h, reflect.ValueOf(1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var n int
	for want, change := range map[string]func(b []byte){
		"format 9":          func(b []byte) { b[0] = 9 },
		"word size":         func(b []byte) { b[1] = 4 },
		"another structure": func(b []byte) { b[5]++ },
	} {
		b := append([]byte(nil), message.Head...)
		change(b)
		if err := Decode(h, Encoded{Head: b}, reflect.ValueOf(&n).Elem()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := Decode(h, Encoded{message.Head, [][]byte{{1}}}, reflect.ValueOf(&n).Elem()); !errors.Is(err, ErrDamaged) {
		t.Errorf("a buffer too many: %v", err)
	}
}

type capturesConstant struct{ N int }

//go:noinline
func constant(n int) func() int { return func() int { return n } }

func FuzzDecode(f *testing.F) {
	x := newTarget()
	h := hostOfTargets(x)
	for _, min := range []int{-1, 1} {
		message, err := Encode(h, reflect.ValueOf(x).Elem(), Options{BufferMin: min})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(message.Head[headerSize:], []byte{}, uint8(0), uint8(modeGraph))
	}
	for i, list := range [][]uint64{{4, 2}, {refObjects, 1}, {0, 0, 0, 0, refObjects + 1, 8}} {
		f.Add(handmade(reflect.TypeFor[int](), 0, list...)[headerSize:], make([]byte, 16), uint8(i), uint8(i))
	}
	h.function(constant(0), capturesConstant{})
	constantFunc := constant(1 << 40)
	for range 2 { // the second has a shape
		f.Add(encodeFunc(f, h, &constantFunc).Head[headerSize:], []byte{}, uint8(8), uint8(modeShape))
	}
	types := []reflect.Type{
		reflect.TypeFor[target](), reflect.TypeFor[any](), reflect.TypeFor[[]string](), reflect.TypeFor[vertex](), reflect.TypeFor[map[any]any](),
		reflect.TypeFor[[]float64](), reflect.TypeFor[error](), reflect.TypeFor[sync.Map](), reflect.TypeFor[func() int](), reflect.TypeFor[[]picture](),
	}
	f.Fuzz(func(t *testing.T, body, buffer []byte, which, mode uint8) {
		typ := types[int(which)%len(types)]
		decodeDamaged(h, append(handmade(typ, mode%4), body...), buffer, reflect.New(typ).Elem())
	})
}
