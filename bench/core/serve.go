package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"mobula"
)

func connect(ctx context.Context) error {
	return mobula.Connect(ctx, mobula.Config{Store: storeBytes, OnLog: func(l mobula.Log) { fmt.Fprintln(os.Stderr, l.Text) }})
}

// serveMobula answers requests until there are no more.
func serveMobula(ctx context.Context, in io.Reader, out io.Writer, profiles string) (err error) {
	if err := connect(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mobula.Close()) }()
	d := newDriver()
	return answerAll(in, out, func(q request) (reply, error) { return d.do(ctx, q, profiles) })
}

// do carries a request out, under a profile where profiles names a directory.
func (d *driver) do(ctx context.Context, q request, profiles string) (reply, error) {
	if profiles == "" {
		return d.act(ctx, q)
	}
	end, err := startProfiles(ctx, profiles, q)
	if err != nil {
		return reply{}, err
	}
	r, err := d.act(ctx, q)
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
