package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mobula"
)

type point struct{ x, y int }

func (p point) sum() int    { return p.x + p.y }
func (p *point) move(d int) { p.x += d }

type node struct {
	value int
	next  *node
}

type shape interface{ area() float64 }

type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

func double(x int) int { return 2 * x }

func apply[T any](f func(T) T, v T) mobula.Ref[T] { return mobula.Go(func() T { return f(v) }) }

func sum[T int | float64](list ...T) (total T) {
	for _, v := range list {
		total += v
	}
	return total
}

var tasks = []Program{
	{"captured by value", func(ctx context.Context) (string, error) {
		x := 1
		r := mobula.Go(func() int { return x })
		x = 2
		return text(r.Get(ctx))
	}, "1"},
	{"captured variables are shared in the task", func(ctx context.Context) (string, error) {
		n := 0
		add := func() { n++ }
		return text(mobula.Go(func() int { add(); add(); return n }).Get(ctx))
	}, "2"},
	{"aliases", func(ctx context.Context) (string, error) {
		list := []int{1, 2, 3, 4}
		part, third := list[1:3], &list[2]
		return text(mobula.Go(func() []int { part[0] = 20; *third = 30; return list }).Get(ctx))
	}, "[1 20 30 4]"},
	{"a cycle", func(ctx context.Context) (string, error) {
		a := &node{value: 1}
		a.next = &node{value: 2, next: a}
		r, err := mobula.Go(func() *node { a.next.next.value = 7; return a }).Get(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(r.value, r.next.value, r.next.next == r), nil
	}, "7 2 true"},
	{"unexported fields and methods", func(ctx context.Context) (string, error) {
		p := &point{1, 2}
		move := p.move
		return text(mobula.Go(func() int { move(10); return p.sum() }).Get(ctx))
	}, "13"},
	{"method value", func(ctx context.Context) (string, error) { return text(mobula.Go(point{3, 4}.sum).Get(ctx)) }, "7"},
	{"function", func(ctx context.Context) (string, error) {
		return text(mobula.All(ctx, mobula.Map([]int{1, 2, 3}, double)))
	}, "[2 4 6]"},
	{"function of the standard library", func(ctx context.Context) (string, error) {
		return text(mobula.All(ctx, mobula.Map([]string{"a", "b"}, strings.ToUpper)))
	}, "[A B]"},
	{"recursive closure", func(ctx context.Context) (string, error) {
		var fib func(int) int
		fib = func(n int) int {
			if n < 2 {
				return n
			}
			return fib(n-1) + fib(n-2)
		}
		return text(mobula.Go(func() int { return fib(15) }).Get(ctx))
	}, "610"},
	{"closures in values", func(ctx context.Context) (string, error) {
		ops := map[string]func(int) int{"twice": double, "next": func(n int) int { return n + 1 }}
		list := []func(int) int{ops["twice"], ops["next"]}
		return text(mobula.Go(func() int { return list[1](list[0](20)) + ops["next"](0) }).Get(ctx))
	}, "42"},
	{"loop variables", func(ctx context.Context) (string, error) {
		var refs []mobula.Ref[int]
		for i := range 5 {
			refs = append(refs, mobula.Go(func() int { return i * i }))
		}
		return text(mobula.All(ctx, refs))
	}, "[0 1 4 9 16]"},
	{"generic functions", func(ctx context.Context) (string, error) {
		a, err := apply(double, 4).Get(ctx)
		if err != nil {
			return "", err
		}
		b, err := apply(strings.ToUpper, "x").Get(ctx)
		if err != nil {
			return "", err
		}
		p, err := apply(func(p *point) *point { p.x = 9; return p }, &point{1, 2}).Get(ctx)
		if err != nil {
			return "", err
		}
		total, err := mobula.Go(func() float64 { return sum(1.5, 2) }).Get(ctx)
		return fmt.Sprintf("%v %v %v %v", a, b, *p, total), err
	}, "8 X {9 2} 3.5"},
	{"items with identity", func(ctx context.Context) (string, error) {
		items := []*point{{1, 1}, {2, 2}}
		return text(mobula.All(ctx, mobula.Map(items, func(p *point) point { p.move(1); return *p })))
	}, "[{2 1} {3 2}]"},
	{"interfaces", func(ctx context.Context) (string, error) {
		var s shape = square{3}
		v, err := mobula.Go(func() shape { return square{s.area()} }).Get(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%T %v", v, v.area()), nil
	}, "core.square 81"},
	{"values of the standard library", func(ctx context.Context) (string, error) {
		at := time.Date(2026, 11, 25, 9, 0, 0, 5, time.UTC)
		return text(mobula.Go(func() string { return at.Add(time.Hour).Format(time.RFC3339Nano) }).Get(ctx))
	}, "2026-11-25T10:00:00.000000005Z"},
	{"limited map", func(ctx context.Context) (string, error) {
		refs := mobula.Map(slices.Collect(seq(40)), double, mobula.Limit(3))
		list, err := mobula.All(ctx, refs)
		return fmt.Sprint(sum(list...)), err
	}, "1560"},
	{"task information", func(ctx context.Context) (string, error) {
		return text(mobula.Try(func(ctx context.Context) (string, error) {
			t, ok := mobula.Task(ctx)
			if !ok {
				return "", errors.New("no task")
			}
			same, _ := mobula.Task(context.Background())
			return fmt.Sprintln(t.Name, t.Attempt, t.Task == same.Task, t.Node.IsZero(), t.Job.IsZero()), nil
		}, mobula.Name("named")).Get(ctx))
	}, "named 1 true false false\n"},
	{"thousands of tasks", func(ctx context.Context) (string, error) {
		var refs []mobula.Ref[int]
		for i := range 3000 {
			refs = append(refs, mobula.Go(func() int { return i }))
		}
		list, err := mobula.All(ctx, refs)
		return fmt.Sprint(sum(list...)), err
	}, "4498500"},
}

func seq(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func text[T any](v T, err error) (string, error) { return fmt.Sprint(v), err }
