package core

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mobula"
)

type counter struct {
	n   int
	log []string
}

type gauge struct {
	mu      sync.Mutex // guards below
	now     int
	changed sync.Cond
}

// enter runs with others at the same time until as many are there as want is.
func (g *gauge) enter(ctx context.Context, want int) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changed.L = &g.mu
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.changed.Broadcast()
	})
	defer stop()
	g.now++
	g.changed.Broadcast()
	for g.now < want && ctx.Err() == nil {
		g.changed.Wait()
	}
	return g.now, ctx.Err()
}

func newCounter(n int) mobula.Actor[counter] {
	return mobula.NewActor(func() *counter { return &counter{n: n} })
}

func increment(c *counter) int { c.n++; return c.n }

var errFull = errors.New("the counter is full")

var actors = []Program{
	{"calls in order", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *counter { return &counter{} })
		for i := range 100 {
			mobula.Call(a, func(c *counter) int { c.log = append(c.log, fmt.Sprint(i)); return 0 })
		}
		return text(mobula.Call(a, func(c *counter) string {
			for i, s := range c.log {
				if s != fmt.Sprint(i) {
					return fmt.Sprint("call ", s, " came as number ", i)
				}
			}
			return fmt.Sprint(len(c.log))
		}).Get(ctx))
	}, "100"},
	{"many actors", func(ctx context.Context) (string, error) {
		var refs []mobula.Ref[int]
		for i := range 50 {
			a := newCounter(i)
			mobula.Call(a, increment)
			refs = append(refs, mobula.Call(a, increment))
		}
		list, err := mobula.All(ctx, refs)
		return fmt.Sprint(sum(list...)), err
	}, "1325"},
	{"an actor called by tasks", func(ctx context.Context) (string, error) {
		a := newCounter(0)
		refs := mobula.Map(make([]int, 20), func(int) int {
			total := 0
			for range 10 {
				total = mobula.Call(a, increment).Value()
			}
			return total
		})
		if _, err := mobula.All(ctx, refs); err != nil {
			return "", err
		}
		return text(mobula.Call(a, increment).Get(ctx))
	}, "201"},
	{"an actor in an actor", func(ctx context.Context) (string, error) {
		type owner struct{ inner mobula.Actor[counter] }
		outer := mobula.NewActor(func() *owner { return &owner{newCounter(5)} })
		return text(mobula.Call(outer, func(o *owner) int { return mobula.Call(o.inner, increment).Value() }).Get(ctx))
	}, "6"},
	{"an actor as a result", func(ctx context.Context) (string, error) {
		type holder struct{ inner mobula.Actor[counter] }
		h := mobula.NewActor(func() *holder { return &holder{newCounter(7)} })
		a, err := mobula.Call(h, func(h *holder) mobula.Actor[counter] { return h.inner }).Get(ctx)
		if err != nil {
			return "", err
		}
		mobula.Call(a, increment)
		return text(mobula.Call(a, increment).Get(ctx))
	}, "9"},
	{"calls with refs", func(ctx context.Context) (string, error) {
		a := newCounter(0)
		r := mobula.Go(func() int { return 30 })
		return text(mobula.Call(a, func(c *counter) int { c.n += r.Value(); return c.n }).Get(ctx))
	}, "30"},
	{"concurrent calls", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *gauge { return &gauge{} }, mobula.Concurrency(4))
		refs := mobula.Map([]int{0, 1, 2, 3}, func(int) int { return 0 })
		for i := range refs {
			refs[i] = mobula.TryCall(a, func(ctx context.Context, g *gauge) (int, error) { return g.enter(ctx, 4) })
		}
		return text(mobula.All(ctx, refs))
	}, "[4 4 4 4]"},
	{"a call that fails leaves the actor alive", func(ctx context.Context) (string, error) {
		a := newCounter(1)
		_, err := mobula.TryCall(a, func(context.Context, *counter) (int, error) { return 0, errFull }).Get(ctx)
		_, second := mobula.Call(a, func(*counter) int { panic("no") }).Get(ctx)
		_, isTask := errors.AsType[*mobula.TaskError](second)
		n, third := mobula.Call(a, increment).Get(ctx)
		return fmt.Sprint(errors.Is(err, errFull), isTask, n), third
	}, "true true 2"},
	{"a killed actor", func(ctx context.Context) (string, error) {
		a := newCounter(1)
		if err := a.Wait(ctx); err != nil {
			return "", err
		}
		a.Kill()
		_, err := mobula.Call(a, increment).Get(ctx)
		died, ok := errors.AsType[*mobula.ActorDiedError](err)
		return fmt.Sprint(ok && died.Actor == a.ID()), nil
	}, "true"},
	{"a constructor that fails", func(ctx context.Context) (string, error) {
		a := mobula.TryActor(func(context.Context) (*counter, error) { return nil, errFull })
		_, err := mobula.Call(a, increment).Get(ctx)
		return fmt.Sprint(errors.Is(err, errFull), errors.Is(a.Wait(ctx), errFull)), nil
	}, "true true"},
}
