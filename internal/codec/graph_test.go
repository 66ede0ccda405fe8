package codec

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// vertex can point to anything in any of the ways that Go has.
type vertex struct {
	id       int
	name     string
	next     *vertex
	kids     []*vertex
	own      [4]int
	at       point
	number   *int     // into own of a vertex, an array or alone
	window   []int    // of an array or of own
	quad     *[4]int  // own of a vertex, or a part of an array
	x        *float64 // into a point
	p        *point   // at of a vertex, or in points
	points   []point
	vertices []vertex // holds vertices that others point to
	pp       **vertex // next of a vertex
	byName   map[string]*vertex
	byVertex map[*vertex]int
	any      any
	anys     []any
	f        func() int
	nested   [2]struct {
		flag bool
		v    *vertex
	}
}

// graph makes random vertices out of shared parts.
type graph struct {
	*rand.Rand
	vertices []*vertex
	arrays   [][]int
	points   [][]point
	maps     []map[string]*vertex
}

func newGraph(seed uint64, n int) *graph {
	g := &graph{Rand: rand.New(rand.NewPCG(seed, 7))}
	for i := range n {
		g.vertices = append(g.vertices, &vertex{id: i, name: fmt.Sprint("v", i)})
	}
	block := make([]vertex, 1+g.IntN(4))
	for i := range block {
		g.vertices = append(g.vertices, &block[i])
	}
	block[0].vertices = block
	for range 1 + n/4 {
		g.arrays = append(g.arrays, make([]int, 5+g.IntN(20)))
		g.points = append(g.points, make([]point, 1+g.IntN(6)))
		g.maps = append(g.maps, map[string]*vertex{})
	}
	for _, v := range g.vertices {
		g.link(v)
	}
	return g
}

func pick[T any](g *graph, list []T) T { return list[g.IntN(len(list))] }

func cut[T any](g *graph, s []T) []T {
	from := g.IntN(len(s))
	to := from + g.IntN(len(s)-from+1)
	return s[from:to]
}

func (g *graph) link(v *vertex) {
	other := pick(g, g.vertices)
	for range 1 + g.IntN(8) {
		switch g.IntN(18) {
		case 0, 1:
			v.next = other
		case 2:
			for range g.IntN(4) {
				v.kids = append(v.kids, pick(g, g.vertices))
			}
		case 3:
			v.number = &other.own[g.IntN(4)]
		case 4:
			a := pick(g, g.arrays)
			v.number = &a[g.IntN(len(a))]
		case 5:
			v.window = cut(g, pick(g, g.arrays))
		case 6:
			v.window = cut(g, other.own[:])
		case 7:
			v.quad = &other.own
		case 8:
			a := pick(g, g.arrays)
			v.quad = (*[4]int)(a[g.IntN(len(a)-3):])
		case 9:
			v.p, v.x = &other.at, &pick(g, g.vertices).at.x
		case 10:
			s := pick(g, g.points)
			v.points, v.p, v.x = cut(g, s), &s[g.IntN(len(s))], &s[g.IntN(len(s))].y
		case 11:
			v.pp = &other.next
		case 12:
			v.byName = pick(g, g.maps)
			v.byName[other.name] = v
		case 13:
			v.byVertex = map[*vertex]int{other: 1, v: 2, nil: 3}
		case 14:
			v.any = g.something(0)
		case 15:
			v.anys = cut(g, []any{g.something(0), g.something(0), v})
		case 16:
			v.nested[g.IntN(2)].v = other
		case 17:
			v.f = counter(&other.own[1])
		}
	}
}

func (g *graph) something(depth int) any {
	switch g.IntN(10) {
	case 0:
		return pick(g, g.vertices)
	case 1:
		return pick(g, g.arrays)
	case 2:
		return pick(g, g.maps)
	case 3:
		return point{g.Float64(), 2}
	case 4:
		return *pick(g, g.vertices)
	case 5:
		return "text"
	case 6:
		return counter(&pick(g, g.vertices).id)
	case 7:
		return nil
	case 8:
		return &pick(g, g.vertices).own[2]
	}
	if depth > 5 {
		return g.Int()
	}
	return []any{g.something(depth + 1), g.something(depth + 1)}
}

func hostOfGraphs() *registry {
	h := newRegistry(&vertex{}, vertex{}, point{}, map[string]*vertex{}, func() int { return 0 })
	h.function(counter(nil), capturesCounter{})
	return h
}

func TestRandomGraphs(t *testing.T) {
	rounds := 3000
	if testing.Short() || raceEnabled {
		rounds = 300
	}
	h := hostOfGraphs()
	for seed := range uint64(rounds) {
		checkGraph(t, h, seed, 1+int(seed%40))
	}
}

func checkGraph(t *testing.T, h Host, seed uint64, n int) {
	t.Helper()
	g := newGraph(seed, n)
	in := struct {
		vertices []*vertex
		first    *vertex
	}{g.vertices, g.vertices[0]}
	opts := Options{BufferMin: int(seed%3) * 40, Canonical: seed%2 == 0}
	message, err := Encode(h, reflect.ValueOf(&in).Elem(), opts)
	if err != nil {
		t.Fatalf("seed %d: encode: %v", seed, err)
	}
	for i, b := range message.Buffers { // what arrives is other memory
		message.Buffers[i] = append(make([]byte, 0, len(b)+8), b...)
	}
	out := in
	if err := Decode(h, message, reflect.ValueOf(&out).Elem()); err != nil {
		t.Fatalf("seed %d: decode: %v", seed, err)
	}
	if err := isomorphic(reflect.ValueOf(&in).Elem(), reflect.ValueOf(&out).Elem()); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	for i, v := range in.vertices { // what funcs capture is shared too
		if v.f == nil {
			continue
		}
		if a, b := v.f(), out.vertices[i].f(); a != b {
			t.Fatalf("seed %d: a func returns %d and %d", seed, a, b)
		}
	}
	if err := isomorphic(reflect.ValueOf(&in).Elem(), reflect.ValueOf(&out).Elem()); err != nil {
		t.Fatalf("seed %d, after calls: %v", seed, err)
	}
}

// TestMatcherBites shows that the comparison of the other tests sees what it should.
func TestMatcherBites(t *testing.T) {
	base := []int{1, 2, 3}
	type two struct{ a, b []int }
	shared, apart := two{base, base[1:]}, two{base, []int{2, 3}}
	for name, pair := range map[string][2]any{
		"apart": {&shared, &apart}, "joined": {&apart, &shared},
		"value": {&[]int{1}, &[]int{2}}, "nil": {&[]int{}, new([]int)}, "length": {&[]int{1}, &[]int{1, 2}},
	} {
		if isomorphic(reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1])) == nil {
			t.Errorf("%s is not seen", name)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for seed := range uint64(10) {
		f.Add(seed, uint8(seed*5))
	}
	h := hostOfGraphs()
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) { checkGraph(t, h, seed, 1+int(n)) })
}
