package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"mobula"
)

// noop is the least task that can be checked.
func noop(i int) mobula.Ref[stamp] {
	return mobula.Go(func() stamp { return stamp{answer(i), os.Getpid()} })
}

func noops(seed, n int) []mobula.Ref[stamp] {
	refs := make([]mobula.Ref[stamp], n)
	for i := range refs {
		refs[i] = noop(seed + i)
	}
	return refs
}

// warm starts workers and an actor.
func (d *driver) warm(ctx context.Context, q request) (reply, error) {
	m := newMakers(os.Getpid())
	stamps, err := mobula.All(ctx, noops(q.Seed, q.N))
	if err == nil {
		err = m.answers(stamps, q.Seed)
	}
	if err != nil {
		return reply{}, err
	}
	a := newCounter(q.Seed)
	s, err := add(a, 1).Get(ctx)
	if err != nil {
		return reply{}, err
	}
	return sampled("", m, q.N), m.check(s, q.Seed+1)
}

func (d *driver) sync(ctx context.Context, q request) (reply, error) {
	m := newMakers(os.Getpid())
	samples := make([]float64, 0, q.N)
	for i := range q.N {
		var s stamp
		us, err := timed(func() (err error) {
			s, err = noop(q.Seed + i).Get(ctx)
			return err
		})
		if err == nil {
			err = m.check(s, answer(q.Seed+i))
		}
		if err != nil {
			return reply{}, err
		}
		samples = append(samples, us)
	}
	return sampled(q.Do, m, q.N, samples...), nil
}

func (d *driver) async(ctx context.Context, q request) (reply, error) {
	var stamps []stamp
	us, err := timed(func() (err error) {
		stamps, err = mobula.All(ctx, noops(q.Seed, q.N))
		return err
	})
	m := newMakers(os.Getpid())
	if err == nil {
		err = m.answers(stamps, q.Seed)
	}
	return sampled(q.Do, m, q.N, float64(q.N)/us*1e6), err
}

// waitEach takes refs as they get ready.
func (d *driver) waitEach(ctx context.Context, q request) (reply, error) {
	rest := noops(q.Seed, q.N)
	all := rest
	us, err := timed(func() error {
		for len(rest) > 0 {
			ready, others, err := mobula.Wait(ctx, rest, 1)
			if err != nil {
				return err
			}
			if len(ready) != 1 {
				return fmt.Errorf("waited for 1 ref, and got %d", len(ready))
			}
			rest = others
		}
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return checked(ctx, q, all, us/1000)
}

func (d *driver) waitReady(ctx context.Context, q request) (reply, error) {
	refs := noops(q.Seed, q.N)
	if _, err := mobula.All(ctx, refs); err != nil {
		return reply{}, err
	}
	samples := make([]float64, 20)
	for i := range samples {
		var err error
		samples[i], err = timed(func() error {
			ready, _, err := mobula.Wait(ctx, refs, len(refs))
			if err == nil && len(ready) != len(refs) {
				err = fmt.Errorf("%d of %d refs are ready", len(ready), len(refs))
			}
			return err
		})
		if err != nil {
			return reply{}, err
		}
	}
	return checked(ctx, q, refs, samples...)
}

// checked gets and checks the results of noops.
func checked(ctx context.Context, q request, refs []mobula.Ref[stamp], samples ...float64) (reply, error) {
	m := newMakers(os.Getpid())
	stamps, err := mobula.All(ctx, refs)
	if err == nil {
		err = m.answers(stamps, q.Seed)
	}
	return sampled(q.Do, m, q.N, samples...), err
}

// chain runs tasks each of which needs the result of the one before.
func (d *driver) chain(ctx context.Context, q request) (reply, error) {
	var last stamp
	us, err := timed(func() (err error) {
		r := noop(q.Seed)
		for range q.N {
			before := r
			r = mobula.Go(func() stamp { return stamp{before.Value().Value + 1, os.Getpid()} })
		}
		last, err = r.Get(ctx)
		return err
	})
	m := newMakers(os.Getpid())
	if err == nil {
		err = m.check(last, answer(q.Seed)+q.N)
	}
	return sampled(q.Do, m, q.N, us/1000), err
}

// nested runs a task that runs tasks.
func (d *driver) nested(ctx context.Context, q request) (reply, error) {
	seed, n := q.Seed, q.N
	var stamps []stamp
	us, err := timed(func() (err error) {
		stamps, err = mobula.Go(func() []stamp { return mobula.Values(noops(seed, n)) }).Get(ctx)
		return err
	})
	m := newMakers(os.Getpid())
	if err == nil {
		err = m.answers(stamps, q.Seed)
	}
	return sampled(q.Do, m, q.N, us/1000), err
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

// fib computes in a task, and in this process.
func (d *driver) fib(ctx context.Context, q request) (reply, error) {
	n := q.N
	var s stamp
	us, err := timed(func() (err error) {
		s, err = mobula.Go(func() stamp { return stamp{fib(n), os.Getpid()} }).Get(ctx)
		return err
	})
	if err != nil {
		return reply{}, err
	}
	want := 0
	limit, _ := timed(func() error {
		want = fib(n)
		return nil
	})
	m := newMakers(os.Getpid())
	err = m.check(s, want)
	return reply{Samples: map[string][]float64{q.Do: {us / 1000}, ownLimit + "fib": {limit / 1000}}, Done: 1, Makers: m.list()}, err
}

// held are tasks that wait for a processor, and those that have them all.
type held struct {
	dir     string
	gates   []net.Conn
	holders []mobula.Ref[stamp]
	refs    []mobula.Ref[stamp]
	filled  time.Duration
}

// hold takes all processors, by tasks that wait for the end of a connection.
func (d *driver) hold(ctx context.Context, q request) (reply, error) {
	if _, err := d.warm(ctx, request{N: 50, Seed: q.Seed}); err != nil {
		return reply{}, err
	}
	var err error
	if d.tasks.dir, err = os.MkdirTemp("", "hold"); err != nil {
		return reply{}, err
	}
	path := filepath.Join(d.tasks.dir, "gate")
	l, err := net.Listen("unix", path)
	if err != nil {
		return reply{}, err
	}
	defer l.Close()
	for i := range runtime.GOMAXPROCS(0) {
		d.tasks.holders = append(d.tasks.holders, mobula.Try(func(context.Context) (stamp, error) {
			c, err := net.Dial("unix", path)
			if err != nil {
				return stamp{}, err
			}
			defer c.Close()
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				return stamp{}, fmt.Errorf("wait for the gate: %w", err)
			}
			return stamp{answer(i), os.Getpid()}, nil
		}))
	}
	for range d.tasks.holders {
		c, err := l.Accept()
		if err != nil {
			return reply{}, err
		}
		d.tasks.gates = append(d.tasks.gates, c)
	}
	return reply{}, nil
}

// fill submits tasks behind those that hold the processors.
func (d *driver) fill(_ context.Context, q request) (reply, error) {
	start := time.Now()
	d.tasks.refs = noops(q.Seed, q.N)
	d.tasks.filled = time.Since(start)
	for i, r := range d.tasks.refs {
		if r.Ready() {
			return reply{}, fmt.Errorf("task %d is ready, and should wait", i)
		}
	}
	return reply{Done: q.N, Samples: map[string][]float64{"submitted": {float64(q.N) / d.tasks.filled.Seconds()}}}, nil
}

// drain lets them run.
func (d *driver) drain(ctx context.Context, q request) (reply, error) {
	start := time.Now()
	for _, c := range d.tasks.gates {
		c.Close()
	}
	stamps, err := mobula.All(ctx, d.tasks.refs)
	took := time.Since(start)
	if err != nil {
		return reply{}, err
	}
	m := newMakers(os.Getpid())
	holders, err := mobula.All(ctx, d.tasks.holders)
	err = errors.Join(err, m.answers(stamps, q.Seed), m.answers(holders, 0), os.RemoveAll(d.tasks.dir))
	n := float64(len(stamps))
	return reply{Done: len(stamps), Makers: m.list(), Samples: map[string][]float64{
		"drained": {n / took.Seconds()}, "seconds": {(d.tasks.filled + took).Seconds()},
	}}, err
}
