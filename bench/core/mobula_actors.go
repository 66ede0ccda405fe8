package main

import (
	"context"
	"os"
	"time"

	"mobula"
)

// counter is the actors' state.
type counter struct{ n int }

func newCounter(from int) mobula.Actor[counter] {
	return mobula.NewActor(func() *counter { return &counter{from} })
}

// add is the least call that can be checked: it depends on the calls before.
func add(a mobula.Actor[counter], i int) mobula.Ref[stamp] {
	return mobula.Call(a, func(c *counter) stamp { c.n += i; return stamp{c.n, os.Getpid()} })
}

// counters checks calls of add(i+1) on actors that were made with seed, in turn.
func (m *makers) counters(stamps []stamp, seed, actors int) error {
	sums := make([]int, actors)
	for i, s := range stamps {
		sums[i%actors] += i + 1
		if err := m.check(s, seed+sums[i%actors]); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) callSync(ctx context.Context, q request) (reply, error) {
	a := newCounter(q.Seed)
	if err := a.Wait(ctx); err != nil {
		return reply{}, err
	}
	samples, stamps := make([]float64, q.N), make([]stamp, q.N)
	for i := range samples {
		var err error
		samples[i], err = timed(func() (err error) {
			stamps[i], err = add(a, i+1).Get(ctx)
			return err
		})
		if err != nil {
			return reply{}, err
		}
	}
	m := newMakers(os.Getpid())
	err := m.counters(stamps, q.Seed, 1)
	return sampled(q.Do, m, q.N, samples...), err
}

func (d *driver) callAsync(ctx context.Context, q request) (reply, error) { return calls(ctx, q, 1) }

func (d *driver) callFour(ctx context.Context, q request) (reply, error) { return calls(ctx, q, 4) }

// calls makes calls of actors in turn, and waits for all.
func calls(ctx context.Context, q request, count int) (reply, error) {
	var actors []mobula.Actor[counter]
	for range count {
		a := newCounter(q.Seed)
		if err := a.Wait(ctx); err != nil {
			return reply{}, err
		}
		actors = append(actors, a)
	}
	var stamps []stamp
	us, err := timed(func() (err error) {
		refs := make([]mobula.Ref[stamp], q.N)
		for i := range refs {
			refs[i] = add(actors[i%count], i+1)
		}
		stamps, err = mobula.All(ctx, refs)
		return err
	})
	m := newMakers(os.Getpid())
	if err == nil {
		err = m.counters(stamps, q.Seed, count)
	}
	return sampled(q.Do, m, q.N, float64(q.N)/us*1e6), err
}

// makeActors makes actors, calls each, and keeps them.
func (d *driver) makeActors(ctx context.Context, q request) (reply, error) {
	start := time.Now()
	d.actors = make([]mobula.Actor[counter], q.N)
	refs := make([]mobula.Ref[stamp], q.N)
	for i := range refs {
		d.actors[i] = newCounter(q.Seed + i)
		refs[i] = add(d.actors[i], i)
	}
	stamps, err := mobula.All(ctx, refs)
	took := time.Since(start).Seconds()
	if err != nil {
		return reply{}, err
	}
	m := newMakers(os.Getpid())
	for i, s := range stamps {
		if err := m.check(s, q.Seed+2*i); err != nil {
			return reply{}, err
		}
	}
	return reply{Done: q.N, Makers: m.list(), Samples: map[string][]float64{"made": {float64(q.N) / took}, "seconds": {took}}}, nil
}
