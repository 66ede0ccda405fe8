package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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

// actions are what a side can be asked for.
var actions = map[string]func(*driver, context.Context, request) (reply, error){
	"warm": (*driver).warm, "sync": (*driver).sync, "async": (*driver).async, "wait each": (*driver).waitEach, "wait ready": (*driver).waitReady,
	"chain": (*driver).chain, "nested": (*driver).nested, "fib": (*driver).fib, "hold": (*driver).hold, "fill": (*driver).fill, "drain": (*driver).drain,
	"call sync": (*driver).callSync, "call async": (*driver).callAsync, "call four": (*driver).callFour, "make": (*driver).makeActors,
	"put 100 B": (*driver).putSmall, "put 1 MiB": (*driver).putMiddle, "put 1 GiB": (*driver).putLarge, "get 1 GiB": (*driver).getLarge,
	"read 1 GiB": (*driver).readLarge, "argument": (*driver).argument, "result": (*driver).result,
}

func connect(ctx context.Context) error {
	return mobula.Connect(ctx, mobula.Config{Store: storeBytes, OnLog: func(l mobula.Log) { fmt.Fprintln(os.Stderr, l.Text) }})
}

// serveMobula answers requests until there are no more.
func serveMobula(ctx context.Context, in io.Reader, out io.Writer, profiles string) (err error) {
	if err := connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mobula.Close()) }()
	d := &driver{objects: objects{words: gib / 8}}
	return answerAll(in, out, func(q request) (reply, error) { return d.do(ctx, q, profiles) })
}

// do carries a request out, under a profile where profiles names a directory.
func (d *driver) do(ctx context.Context, q request, profiles string) (reply, error) {
	action := actions[q.Do]
	if action == nil {
		return reply{}, fmt.Errorf("there is no request %q", q.Do)
	}
	if profiles == "" {
		return action(d, ctx, q)
	}
	end, err := startProfiles(ctx, profiles, q)
	if err != nil {
		return reply{}, err
	}
	r, err := action(d, ctx, q)
	return r, errors.Join(err, end())
}

// firstResult starts a cluster, and tells when it has the result of a task.
func firstResult(ctx context.Context) (err error) {
	if err := connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mobula.Close()) }()
	s, err := noop(os.Getpid()).Get(ctx)
	if err == nil {
		err = newMakers(os.Getpid()).check(s, answer(os.Getpid()))
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(reply{Done: 1, Makers: []int{s.PID}})
	fmt.Println(string(text))
	return err
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
