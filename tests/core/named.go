package core

import (
	"context"
	"fmt"
	"strings"

	"mobula"
)

var named = []Program{
	{"a named actor is found", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *counter { return &counter{n: 5} }, mobula.Name("found"), mobula.Namespace("test"))
		if err := a.Wait(ctx); err != nil {
			return "", err
		}
		defer a.Kill()
		b, err := mobula.FindActor[counter](ctx, "found", mobula.Namespace("test"))
		if err != nil {
			return "", err
		}
		mobula.Call(a, increment)
		if _, err := mobula.Call(a, increment).Get(ctx); err != nil {
			return "", err
		}
		n, err := mobula.Call(b, increment).Get(ctx)
		return fmt.Sprint(n, a.ID() == b.ID()), err
	}, "8 true"},
	{"a task finds an actor", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *counter { return &counter{} }, mobula.Name("tasks"), mobula.Namespace("test"))
		if err := a.Wait(ctx); err != nil {
			return "", err
		}
		defer a.Kill()
		refs := mobula.TryMap([]int{1, 2, 3}, func(ctx context.Context, n int) (int, error) {
			a, err := mobula.FindActor[counter](ctx, "tasks", mobula.Namespace("test"))
			if err != nil {
				return 0, err
			}
			return mobula.Call(a, func(c *counter) int { c.n += n; return n }).Get(ctx)
		})
		if _, err := mobula.All(ctx, refs); err != nil {
			return "", err
		}
		return text(mobula.Call(a, func(c *counter) int { return c.n }).Get(ctx))
	}, "6"},
	{"two actors of one name", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *counter { return &counter{n: 1} }, mobula.Name("one"), mobula.Namespace("test"))
		if err := a.Wait(ctx); err != nil {
			return "", err
		}
		defer a.Kill()
		b := mobula.NewActor(func() *counter { return &counter{n: 2} }, mobula.Name("one"), mobula.Namespace("test"))
		taken := b.Wait(ctx)
		c := mobula.NewActor(func() *counter { return &counter{n: 3} }, mobula.Name("one"), mobula.Namespace("test"), mobula.GetIfExists())
		n, err := mobula.Call(c, increment).Get(ctx)
		other := mobula.NewActor(func() *counter { return &counter{n: 10} }, mobula.Name("one"), mobula.Namespace("elsewhere"))
		m, second := mobula.Call(other, increment).Get(ctx)
		if second == nil {
			second = other.Kill()
		}
		if err == nil {
			err = second
		}
		return fmt.Sprint(taken != nil && strings.Contains(taken.Error(), "one"), n, m), err
	}, "true 2 11"},
	{"a killed name is free", func(ctx context.Context) (string, error) {
		var n int
		for i := range 2 {
			a := mobula.NewActor(func() *counter { return &counter{n: i} }, mobula.Name("again"), mobula.Namespace("test"))
			var err error
			if n, err = mobula.Call(a, increment).Get(ctx); err != nil {
				return "", err
			}
			if err := a.Kill(); err != nil {
				return "", err
			}
		}
		_, err := mobula.FindActor[counter](ctx, "again", mobula.Namespace("test"))
		return fmt.Sprint(n, err != nil), nil
	}, "2 true"},
	{"an actor of another type", func(ctx context.Context) (string, error) {
		a := mobula.NewActor(func() *counter { return &counter{} }, mobula.Name("typed"), mobula.Namespace("test"))
		if err := a.Wait(ctx); err != nil {
			return "", err
		}
		defer a.Kill()
		b, err := mobula.FindActor[gauge](ctx, "typed", mobula.Namespace("test"))
		if err != nil {
			return "", err
		}
		_, err = mobula.Call(b, func(g *gauge) int { return g.now }).Get(ctx)
		return fmt.Sprint(err != nil && strings.Contains(err.Error(), "the actor is a *core.counter")), nil
	}, "true"},
}

// where says on which node a task runs.
func where(ctx context.Context) (mobula.NodeID, error) {
	t, _ := mobula.Task(ctx)
	return t.Node, nil
}

var placement = []Program{
	{"a placement group", func(ctx context.Context) (string, error) {
		g, err := mobula.NewPlacementGroup(ctx, mobula.Pack, []mobula.Bundle{{CPU: 1}, {CPU: 1}})
		if err != nil {
			return "", err
		}
		defer g.Remove(ctx)
		for i := range 2 {
			at, err := mobula.Try(where, mobula.In(g, i)).Get(ctx)
			if err != nil || at != g.Nodes[i] {
				return fmt.Sprint("bundle ", i, " ran on ", at), err
			}
		}
		a := mobula.NewActor(func() *counter { return &counter{} }, mobula.CPU(1), mobula.In(g, 0))
		n, err := mobula.Call(a, increment).Get(ctx)
		return fmt.Sprint(len(g.Nodes), n), err
	}, "2 1"},
	{"a placement group that cannot be", func(ctx context.Context) (string, error) {
		_, err := mobula.NewPlacementGroup(ctx, mobula.PackStrictly, []mobula.Bundle{{CPU: 1000}})
		_, none := mobula.NewPlacementGroup(ctx, mobula.Pack, nil)
		return fmt.Sprint(err != nil, none), nil
	}, "true a placement group of no bundles: give at least one"},
	{"more than a bundle has", func(ctx context.Context) (string, error) {
		g, err := mobula.NewPlacementGroup(ctx, mobula.Pack, []mobula.Bundle{{CPU: 1}})
		if err != nil {
			return "", err
		}
		_, err = mobula.Go(func() int { return 1 }, mobula.CPU(2), mobula.In(g, 0)).Get(ctx)
		_, index := mobula.Go(func() int { return 1 }, mobula.In(g, 1)).Get(ctx)
		return fmt.Sprint(err != nil, index != nil), g.Remove(ctx)
	}, "true true"},
	{"what the cluster has", func(ctx context.Context) (string, error) {
		nodes, err := mobula.Nodes(ctx)
		if err != nil {
			return "", err
		}
		total, free, err := mobula.Resources(ctx)
		at, second := mobula.Try(where, mobula.OnNode(nodes[0].ID)).Get(ctx)
		if err == nil {
			err = second
		}
		return fmt.Sprint(total["cpu"] >= 2, free["cpu"] <= total["cpu"], at == nodes[0].ID), err
	}, "true true true"},
}
