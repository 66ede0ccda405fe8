package core

import (
	"context"
	"fmt"
	"runtime"

	"mobula"
)

// tree is a task that starts tasks that start tasks.
func tree(depth int) int {
	if depth == 0 {
		return 1
	}
	return sum(mobula.Values(mobula.Map([]int{depth - 1, depth - 1}, tree))...)
}

var nested = []Program{
	{"tasks of tasks", func(ctx context.Context) (string, error) {
		return text(mobula.Go(func() int { return tree(5) }).Get(ctx))
	}, "32"},
	{"a deep chain of waiting tasks", func(ctx context.Context) (string, error) {
		var down func(n int) int
		down = func(n int) int {
			if n == 0 {
				return 0
			}
			return 1 + mobula.Go(func() int { return down(n - 1) }).Value()
		}
		return text(mobula.Go(func() int { return down(40) }).Get(ctx))
	}, "40"},
	{"a chain of dependencies", func(ctx context.Context) (string, error) {
		r := mobula.Go(func() int { return 0 })
		for range 50 {
			before := r
			r = mobula.Go(func() int { return before.Value() + 1 })
		}
		return text(r.Get(ctx))
	}, "50"},
	{"refs in values", func(ctx context.Context) (string, error) {
		type parts struct {
			named map[string]mobula.Ref[int]
			list  []mobula.Ref[int]
		}
		p := parts{map[string]mobula.Ref[int]{"a": mobula.Go(func() int { return 1 })}, mobula.Map([]int{1, 2}, double)}
		return text(mobula.Go(func() int { return p.named["a"].Value() + sum(mobula.Values(p.list)...) }).Get(ctx))
	}, "7"},
	{"refs as results", func(ctx context.Context) (string, error) {
		outer := mobula.Go(func() mobula.Ref[int] { return mobula.Go(func() int { return 5 }) })
		inner, err := outer.Get(ctx)
		if err != nil {
			return "", err
		}
		return text(inner.Get(ctx))
	}, "5"},
	{"refs of refs, passed on", func(ctx context.Context) (string, error) {
		outer := mobula.Go(func() mobula.Ref[mobula.Ref[int]] { return mobula.Put(mobula.Put(6)) })
		return text(mobula.Go(func() int { return outer.Value().Value().Value() }).Get(ctx))
	}, "6"},
	{"a ref is one dependency however often it is used", func(ctx context.Context) (string, error) {
		r := mobula.Go(func() []int { return []int{1, 2} })
		same := r
		return text(mobula.Go(func() string { return fmt.Sprint(r.Value(), same.Value(), r.ID() == same.ID()) }).Get(ctx))
	}, "[1 2] [1 2] true"},
	{"refs of results outlive the task that made them", func(ctx context.Context) (string, error) {
		type parts struct{ list []mobula.Ref[[]float64] }
		r := mobula.Go(func() parts {
			var p parts
			for range 3 {
				p.list = append(p.list, mobula.Put(ramp(large/4)), mobula.Go(func() []float64 { return ramp(large / 4) }))
			}
			return p
		})
		p, err := r.Get(ctx)
		if err != nil {
			return "", err
		}
		for range 3 { // the workers forget what nobody there uses
			mobula.Values(mobula.Map([]int{1, 2, 3, 4}, func(int) int { runtime.GC(); return 0 }))
		}
		n := 0
		for _, inner := range p.list {
			v, err := inner.Get(ctx)
			if err != nil {
				return "", err
			}
			n += len(v)
		}
		kept := mobula.Put(p) // by a ref alone
		p = parts{}
		runtime.GC()
		m, err := mobula.Go(func() int {
			n := 0
			for _, inner := range kept.Value().list {
				n += len(inner.Value())
			}
			return n
		}).Get(ctx)
		return fmt.Sprint(n, m), err
	}, "1572864 1572864"},
	{"puts in tasks", func(ctx context.Context) (string, error) {
		r, err := mobula.Go(func() mobula.Ref[[]float64] {
			big := make([]float64, 100_000)
			for i := range big {
				big[i] = float64(i)
			}
			return mobula.Put(big)
		}).Get(ctx)
		if err != nil {
			return "", err
		}
		return text(mobula.Go(func() float64 { return sum(r.Value()...) }).Get(ctx))
	}, "4.99995e+09"},
}
