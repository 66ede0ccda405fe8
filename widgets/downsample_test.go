package widgets

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// checkDownsample holds what is left of a curve against the promises.
func checkDownsample(t *testing.T, p, q points, most int) {
	t.Helper()
	if p.len() <= most && q.len() != p.len() || q.len() > most {
		t.Fatalf("%d points are left of %d, at most %d are wanted", q.len(), p.len(), most)
	}
	if !slices.IsSorted(q.x) {
		t.Fatalf("not sorted: %v", q.x)
	}
	real := map[[2]float64]bool{}
	for i := range p.x {
		real[[2]float64{p.x[i], p.y[i]}] = true
	}
	for i := range q.x {
		if !math.IsNaN(q.y[i]) && !real[[2]float64{q.x[i], q.y[i]}] {
			t.Fatalf("the point (%g, %g) is made up", q.x[i], q.y[i])
		}
	}
	if p.len() == 0 || most < 4 {
		return
	}
	if q.x[0] != p.x[0] || q.x[q.len()-1] != p.x[p.len()-1] {
		t.Fatalf("the ends differ: %g to %g, was %g to %g", q.x[0], q.x[q.len()-1], p.x[0], p.x[p.len()-1])
	}
	lo, hi := extent(p.y)
	if low, high := extent(q.y); low != lo || high != hi {
		t.Fatalf("the peaks are lost: %g to %g, was %g to %g", low, high, lo, hi)
	}
}

// extent is the lowest and the highest of values; of none it is infinite.
func extent(values Values) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

func TestDownsample(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, axis := range []Axis{{}, {Log: true}} {
		for _, n := range []int{0, 1, 2, 3, 5, 100, 2000, 2001, 50_000} {
			var p points
			for range n {
				y := r.NormFloat64()
				if r.IntN(20) == 0 {
					y = math.NaN()
				}
				p.add(math.Exp(10*r.Float64()), y)
			}
			p = p.sorted()
			for _, most := range []int{0, 1, 2, 3, 4, 5, 100, 2000} {
				checkDownsample(t, p, p.downsample(most, axis), most)
			}
		}
	}
}

// A gap stays where it was.
func TestDownsampleKeepsGaps(t *testing.T) {
	var p points
	for i := range 10_000 {
		y := float64(i)
		if i >= 4000 && i < 6000 {
			y = math.NaN()
		}
		p.add(float64(i), y)
	}
	gaps := 0
	q := p.downsample(100, Axis{})
	for i, y := range q.y {
		if math.IsNaN(y) {
			gaps++
			if q.x[i] < 3800 || q.x[i] > 6200 {
				t.Errorf("a gap at %g", q.x[i])
			}
		}
	}
	if gaps == 0 {
		t.Error("the gap is gone")
	}
}

func FuzzDownsample(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 250, 6}, 4, false)
	f.Add(make([]byte, 100), 10, true)
	f.Fuzz(func(t *testing.T, data []byte, most int, log bool) {
		most = max(0, min(most, 50))
		var s Series
		for i := 0; i+1 < len(data); i += 2 {
			y := float64(int8(data[i+1]))
			if y == -128 {
				y = math.NaN()
			}
			s.X, s.Y = append(s.X, float64(int8(data[i]))), append(s.Y, y)
		}
		p := s.ready(Axis{Log: log}, Axis{})
		checkDownsample(t, p, p.downsample(most, Axis{Log: log}), most)
	})
}

func TestReady(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		s    Series
		x, y Axis
		want string
	}{
		{Series{}, Axis{}, Axis{}, `[] []`},
		{Series{Y: Values{5, 6}}, Axis{}, Axis{}, `[0,1] [5,6]`},
		{Series{X: Values{1, 2, 3}, Y: Values{5, 6}}, Axis{}, Axis{}, `[1,2] [5,6]`},
		{Series{X: Values{2, 1, 2}, Y: Values{5, 6, 7}}, Axis{}, Axis{}, `[1,2,2] [6,5,7]`},
		{Series{X: Values{1, nan, inf, 4}, Y: Values{5, 6, 7, inf}}, Axis{}, Axis{}, `[1,4] [5,null]`},
		{Series{X: Values{0, 1, 2}, Y: Values{5, 0, 7}}, Axis{Log: true}, Axis{Log: true}, `[1,2] [null,7]`},
	} {
		p := c.s.ready(c.x, c.y)
		if got := string(encode(p.x)) + " " + string(encode(p.y)); got != c.want {
			t.Errorf("%v: %s, want %s", c.s, got, c.want)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add([]byte(`[1,null,-2.5e300]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v, again Values
		if json.Unmarshal(data, &v) != nil {
			return
		}
		if err := json.Unmarshal(encode(v), &again); err != nil || string(encode(again)) != string(encode(v)) {
			t.Errorf("%v came back as %v: %v", v, again, err)
		}
	})
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		want string
	}{
		{scale{low: 0, high: 1}, "0.0 0.2 0.4 0.6 0.8 1.0 "},
		{scale{low: -1, high: 1}, "-1.0 -0.5 0.0 0.5 1.0 "},
		{scale{low: 999_999, high: 1_000_001}, "999999.0 999999.5 1000000.0 1000000.5 1000001.0 "},
		{scale{low: 0, high: 3, axis: Axis{Log: true}}, "1 10 100 1000 "},
		{scale{low: 0, high: 1, axis: Axis{Log: true}}, "1 2 5 10 "},
		{scale{low: -12, high: 12, axis: Axis{Log: true}}, "1e-10 1e-05 1 100000 10000000000 "},
		{scale{low: 1.7e9, high: 1.7e9 + 3600, axis: Axis{Time: true}}, "22:15 22:30 22:45 23:00 "},
		{scale{low: 1.7e9, high: 1.7e9 + 30, axis: Axis{Time: true}}, "22:13:20 22:13:30 22:13:40 22:13:50 "},
		{scale{low: 0, high: math.MaxFloat64}, "0 5e+307 1e+308 1.5e+308 "},
		{scale{low: 1e300, high: 1e301, axis: Axis{Time: true}}, "  "},
	} {
		var got strings.Builder
		for _, tick := range c.s.ticks(5) {
			got.WriteString(tick.label + " ")
			if v := c.s.axis.at(tick.value); v < c.s.low-1e-9 || v > c.s.high*(1+1e-9) {
				t.Errorf("%+v: %g is outside", c.s, tick.value)
			}
		}
		if got.String() != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got.String(), c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", math.Copysign(0, -1): "0", 1.0 / 3: "0.33333", 12345678: "12345678", 1e20: "1e+20", -2.5: "-2.5", 123456.78: "123457", math.Inf(1): "+Inf"} {
		if got := number(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}

func TestRounded(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1.0 / 3: 0.3333333, -1e5 / 3: -33333.33, 123456789.5: 123456790, 1e-320: 1e-320, 1.23456789e-299: 1.234568e-299, 1e300: 1e300} {
		if got := rounded(v); math.Abs(got-want) > math.Abs(want)*1e-15 {
			t.Errorf("%g: %g, want %g", v, got, want)
		}
	}
	if !math.IsNaN(rounded(math.NaN())) {
		t.Error("NaN is a number")
	}
}
