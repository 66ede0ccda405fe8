package core

import (
	"context"
	"fmt"

	"mobula"
)

// ramp is a large slice.
func ramp(n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = float64(i)
	}
	return list
}

const large = 1 << 20 // floats: 8 MiB

var objects = []Program{
	{"put and get", func(ctx context.Context) (string, error) {
		small, err := mobula.Put(map[string]int{"a": 1}).Get(ctx)
		if err != nil {
			return "", err
		}
		big, err := mobula.Put(ramp(large)).Get(ctx)
		return fmt.Sprint(small, len(big), big[large-1]), err
	}, "map[a:1] 1048576 1.048575e+06"},
	{"what is got may be written to, and others do not see it", func(ctx context.Context) (string, error) {
		r := mobula.Put(ramp(large))
		mine, err := r.Get(ctx)
		if err != nil {
			return "", err
		}
		mine[0] = 5
		again, err := r.Get(ctx)
		return fmt.Sprint(mine[0], again[0]), err
	}, "5 0"},
	{"slices of one large array", func(ctx context.Context) (string, error) {
		r := mobula.Put(ramp(large))
		refs := mobula.Map([]int{0, 1, 2, 3}, func(i int) float64 { return sum(r.Value()[i*10 : i*10+10]...) })
		return text(mobula.All(ctx, refs))
	}, "[45 145 245 345]"},
	{"large captures and results", func(ctx context.Context) (string, error) {
		data := ramp(large)
		r := mobula.Go(func() []float64 { data[0] = 100; return data })
		out, err := r.Get(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(data[0], out[0], out[large-1]), nil
	}, "0 100 1.048575e+06"},
	{"large results through tasks", func(ctx context.Context) (string, error) {
		r := mobula.Go(func() []float64 { return ramp(large) })
		for range 4 {
			before := r
			r = mobula.Go(func() []float64 { v := before.Value(); v[0]++; return v })
		}
		out, err := r.Get(ctx)
		return fmt.Sprint(out[0], out[1], len(out)), err
	}, "4 1 1048576"},
	{"many columns of one value", func(ctx context.Context) (string, error) {
		type table struct {
			names   []string
			columns map[string][]float64
			ids     []int32
		}
		t := table{[]string{"a", "b"}, map[string][]float64{"a": ramp(100_000), "b": ramp(200_000)}, make([]int32, 50_000)}
		t.ids[49_999] = 7
		r := mobula.Put(t)
		return text(mobula.Go(func() string {
			t := r.Value()
			return fmt.Sprint(t.names, len(t.columns["a"]), t.columns["b"][199_999], t.ids[49_999])
		}).Get(ctx))
	}, "[a b] 100000 199999 7"},
	{"an actor keeps what it was given", func(ctx context.Context) (string, error) {
		type keeper struct{ refs []mobula.Ref[[]float64] }
		a := mobula.NewActor(func() *keeper { return &keeper{} })
		for i := range 3 {
			r := mobula.Put(ramp(large + i))
			mobula.Call(a, func(k *keeper) int { k.refs = append(k.refs, r); return len(k.refs) })
		}
		return text(mobula.Call(a, func(k *keeper) int {
			n := 0
			for _, r := range k.refs {
				n += len(r.Value())
			}
			return n
		}).Get(ctx))
	}, "3145731"},
}
