//lint:file-ignore U1000 the fields are there for their layout
package codec

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
)

func TestFingerprints(t *testing.T) {
	type recursive struct{ next *recursive }
	type mutual struct {
		a *recursive
		m map[string][]*mutual
	}
	seen := map[uint64]reflect.Type{}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[uint](), reflect.TypeFor[celsius](), reflect.TypeFor[float64](), reflect.TypeFor[string](),
		reflect.TypeFor[[]int](), reflect.TypeFor[*int](), reflect.TypeFor[[2]int](), reflect.TypeFor[[3]int](), reflect.TypeFor[map[int]int](),
		reflect.TypeFor[map[int]string](), reflect.TypeFor[chan int](), reflect.TypeFor[<-chan int](), reflect.TypeFor[func()](), reflect.TypeFor[func(int)](),
		reflect.TypeFor[func() int](), reflect.TypeFor[any](), reflect.TypeFor[error](), reflect.TypeFor[interface{ Error() int }](),
		reflect.TypeFor[struct{}](), reflect.TypeFor[struct{ a int }](), reflect.TypeFor[struct{ b int }](), reflect.TypeFor[struct{ a, b int }](),
		reflect.TypeFor[struct {
			a int32
			b int64
		}](), reflect.TypeFor[recursive](), reflect.TypeFor[mutual](), reflect.TypeFor[*mutual](), reflect.TypeFor[everything](),
	} {
		sum := Fingerprint(typ)
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have one fingerprint", typ, other)
		}
		seen[sum] = typ
		if computeFingerprint(typ) != sum {
			t.Errorf("%s has two fingerprints", typ)
		}
	}
}

func TestDescribe(t *testing.T) {
	type leaf struct{ names []string }
	type branch struct {
		left, right *branch
		leaves      map[string][]leaf
		f           func(leaf)
		e           error
	}
	for _, c := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[int](), "int"},
		{reflect.TypeFor[celsius](), "float64"},
		{reflect.TypeFor[[3]string](), "array of 3 string"},
		{reflect.TypeFor[error](), "interface with the methods { Error }"},
		{reflect.TypeFor[map[string]point](), "map from string to codec.point; codec.point is struct of 16 bytes {x float64; y float64}"},
		{reflect.TypeFor[*branch](), "pointer to codec.branch; codec.branch is struct of 48 bytes {left *codec.branch; right *codec.branch; " +
			"leaves map[string][]codec.leaf; f func(codec.leaf); e error}; codec.leaf is struct of 24 bytes {names []string}"},
	} {
		if got := Describe(c.typ); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if n := len(Describe(reflect.TypeFor[target]())); n > maxDescription+4 {
		t.Errorf("%d bytes", n)
	}
}

func TestOtherStructureThere(t *testing.T) {
	type old struct{ name string }
	type changed struct {
		name string
		age  int
	}
	here, there := newRegistry(), newRegistry()
	here.types["main.P"], there.types["main.P"] = reflect.TypeFor[old](), reflect.TypeFor[changed]()
	x, y := any(old{"x"}), any(nil)
	message, err := Encode(renaming{here, "main.P"}, reflect.ValueOf(&x).Elem(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = Decode(there, message, reflect.ValueOf(&y).Elem())
	want := "codec: interface {} cannot be decoded: codec.changed differs: there it is struct of 16 bytes {name string}, " +
		"here it is struct of 24 bytes {name string; age int}; both sides must run the same code"
	if err == nil || err.Error() != want || y != nil || errors.Is(err, ErrDamaged) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := Decode(newRegistry(), message, reflect.ValueOf(&y).Elem()); err == nil || !strings.Contains(err.Error(), "no type main.P") {
		t.Errorf("got %v", err)
	}
}

// renaming calls every type by one name.
type renaming struct {
	Host
	name string
}

func (h renaming) TypeName(reflect.Type) (string, error) { return h.name, nil }

func TestLayouts(t *testing.T) {
	type wrapped struct{ p point }
	for _, c := range []struct {
		t      reflect.Type
		n      int
		offset uintptr
		want   reflect.Type
		room   int
	}{
		{reflect.TypeFor[int](), 5, 0, reflect.TypeFor[int](), 5},
		{reflect.TypeFor[int](), 5, 16, reflect.TypeFor[int](), 3},
		{reflect.TypeFor[int](), 5, 40, reflect.TypeFor[int](), 0},
		{reflect.TypeFor[int](), 5, 4, reflect.TypeFor[int](), 0},
		{reflect.TypeFor[int](), 5, 8, reflect.TypeFor[[2]int](), 2},
		{reflect.TypeFor[int](), 5, 8, reflect.TypeFor[[5]int](), 0},
		{reflect.TypeFor[[2][3]int](), 2, 8, reflect.TypeFor[int](), 11},
		{reflect.TypeFor[owner](), 1, 24, reflect.TypeFor[int](), 6},
		{reflect.TypeFor[owner](), 3, 104, reflect.TypeFor[int](), 1},
		{reflect.TypeFor[owner](), 3, 112, reflect.TypeFor[int](), 8},
		{reflect.TypeFor[owner](), 2, 72, reflect.TypeFor[point](), 1},
		{reflect.TypeFor[wrapped](), 4, 16, reflect.TypeFor[point](), 1},
		{reflect.TypeFor[wrapped](), 4, 16, reflect.TypeFor[struct{ x, y float64 }](), 1},
		{reflect.TypeFor[wrapped](), 4, 16, reflect.TypeFor[struct{ x, y int64 }](), 0},
		{reflect.TypeFor[wrapped](), 4, 24, reflect.TypeFor[float64](), 1},
		{reflect.TypeFor[padded](), 1, 1, reflect.TypeFor[bool](), 0},
		{reflect.TypeFor[*int](), 1, 0, reflect.TypeFor[*celsius](), 0},
		{reflect.TypeFor[*float64](), 1, 0, reflect.TypeFor[*celsius](), 1},
		{reflect.TypeFor[chan int](), 1, 0, reflect.TypeFor[<-chan int](), 0},
		{reflect.TypeFor[any](), 1, 0, reflect.TypeFor[error](), 0},
		{reflect.TypeFor[int](), 5, ^uintptr(7), reflect.TypeFor[int](), 0},
	} {
		if room := fitsRun(c.t, c.n, c.offset, c.want); room != c.room {
			t.Errorf("%d of %s have room for %d of %s at %d, want %d", c.n, c.t, room, c.want, c.offset, c.room)
		}
	}
}

// meddler changes the value between the two passes.
type meddler struct {
	*registry
	change func()
}

func (h meddler) TypeName(t reflect.Type) (string, error) {
	if t.Kind() == reflect.Int { // the last that is asked for
		h.change()
	}
	return h.registry.TypeName(t)
}

func TestChangedMeanwhile(t *testing.T) {
	type held struct {
		p   *int
		s   []int
		m   map[string]int
		f   func() int
		e   any
		any any
	}
	for name, change := range map[string]func(x *held){
		"pointer":   func(x *held) { x.p = new(int) },
		"slice":     func(x *held) { x.s = x.s[1:] },
		"map":       func(x *held) { x.m = map[string]int{} },
		"func":      func(x *held) { x.f = counter(new(int)) },
		"interface": func(x *held) { x.e = 1.5 },
		"box":       func(x *held) { x.e = [100]int{1: 1} },
	} {
		x := &held{p: new(int), s: make([]int, 3), m: map[string]int{}, f: counter(new(int)), e: [100]int{}, any: 1}
		h := meddler{hostOfGraphs(), func() { change(x) }}
		_, err := Encode(h, reflect.ValueOf(x).Elem(), Options{})
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != changed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	h := hostOfGraphs()
	shared := newGraph(5, 20).vertices
	var group sync.WaitGroup
	for seed := range uint64(8) {
		group.Go(func() {
			for n := range 20 {
				checkGraph(t, h, seed*100+uint64(n), 10)
				copyOf(t, h, &shared)
			}
		})
	}
	group.Wait()
}
