package main

import (
	"context"
	"fmt"
	"time"

	"mobula"
)

// storeBytes is the size of both sides' object stores: what the largest objects need twice over.
const storeBytes = 3 << 30

// driver is Mobula's side: it answers requests.
type driver struct {
	tasks   held
	actors  []mobula.Actor[counter]
	objects objects
}

func newDriver() *driver { return &driver{objects: objects{words: gib / 8}} }

// actions are what a side can be asked for.
var actions = map[string]func(*driver, context.Context, request) (reply, error){
	"warm": (*driver).warm, "sync": (*driver).sync, "async": (*driver).async, "wait each": (*driver).waitEach, "wait ready": (*driver).waitReady,
	"chain": (*driver).chain, "nested": (*driver).nested, "fib": (*driver).fib, "hold": (*driver).hold, "fill": (*driver).fill, "drain": (*driver).drain,
	"call sync": (*driver).callSync, "call async": (*driver).callAsync, "call four": (*driver).callFour, "make": (*driver).makeActors,
	"put 100 B": (*driver).putSmall, "put 1 MiB": (*driver).putMiddle, "put 1 GiB": (*driver).putLarge, "get 1 GiB": (*driver).getLarge,
	"read 1 GiB": (*driver).readLarge, "argument": (*driver).argument, "result": (*driver).result,
}

// act carries a request out.
func (d *driver) act(ctx context.Context, q request) (reply, error) {
	action := actions[q.Do]
	if action == nil {
		return reply{}, fmt.Errorf("there is no request %q", q.Do)
	}
	return action(d, ctx, q)
}

// timed calls f, and returns how many microseconds it took.
func timed(f func() error) (us float64, err error) {
	start := time.Now()
	err = f()
	return float64(time.Since(start).Nanoseconds()) / 1000, err
}

// sampled is an answer with samples of one key.
func sampled(key string, m *makers, done int, samples ...float64) reply {
	r := reply{Samples: map[string][]float64{}, Done: done, Makers: m.list()}
	if len(samples) > 0 {
		r.Samples[key] = samples
	}
	return r
}
