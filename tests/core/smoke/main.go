package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"mobula"
)

type counter struct{ n int }

func main() {
	start := time.Now()
	ctx := context.Background()
	if err := mobula.Connect(ctx, mobula.Config{InProcess: len(os.Args) > 1}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer mobula.Close()
	fmt.Println("connected", time.Since(start))
	x := 20
	r := mobula.Go(func() int { return x + os.Getpid()*0 + 1 })
	fmt.Println(r.Get(ctx))
	fmt.Println("first", time.Since(start))
	refs := mobula.Map([]int{1, 2, 3}, func(i int) string { return fmt.Sprint(i*x, " ", os.Getpid() != 0) })
	fmt.Println(mobula.All(ctx, refs))
	total := mobula.Go(func() int { return len(mobula.Values(refs)) })
	fmt.Println(total.Get(ctx))
	big := make([]float64, 1<<20)
	big[7] = 7
	ref := mobula.Put(big)
	fmt.Println(mobula.Go(func() float64 { v := ref.Value(); return v[7] + float64(len(v)) }).Get(ctx))
	a := mobula.NewActor(func() *counter { return &counter{10} })
	for range 3 {
		mobula.Call(a, func(c *counter) int { c.n++; return c.n })
	}
	fmt.Println(mobula.Call(a, func(c *counter) int { c.n++; return c.n }).Get(ctx))
	fmt.Println(mobula.Go(func() int { return mobula.Call(a, func(c *counter) int { c.n += 100; return c.n }).Value() }).Get(ctx))
	_, err := mobula.Try(func(context.Context) (int, error) { return 0, os.ErrNotExist }).Get(ctx)
	fmt.Println(err)
	_, err = mobula.Go(func() int { var p *counter; return p.n }).Get(ctx)
	fmt.Println(err)
	for v, err := range mobula.Stream(func(ctx context.Context, yield func(int) bool) error {
		for i := range 3 {
			if !yield(i * x) {
				break
			}
		}
		return nil
	}) {
		fmt.Println(v, err)
	}
	c := make(chan int)
	_, err = mobula.Go(func() int { return <-c }).Get(ctx)
	fmt.Println(err)
	mobula.Go(func() int { fmt.Println("hello from a task"); return 1 }).Value()
	t := time.Now()
	const n = 2000
	for range n {
		mobula.Go(func() int { return x }).Value()
	}
	fmt.Println("sync", time.Since(t)/n)
	t = time.Now()
	var list []mobula.Ref[int]
	for range 100000 {
		list = append(list, mobula.Go(func() int { return x }))
	}
	fmt.Println("submitted", time.Since(t))
	mobula.Values(list)
	fmt.Println("async", time.Since(t)/100000)
}
