package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"mobula"
)

type codeError struct{ code int }

func (e *codeError) Error() string { return fmt.Sprint("code ", e.code) }

var errBusy = errors.New("busy")

// attempts fails until the attempt is the given one.
func attempts(until int) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		t, _ := mobula.Task(ctx)
		if t.Attempt < until {
			return 0, fmt.Errorf("attempt %d: %w", t.Attempt, errBusy)
		}
		return t.Attempt, nil
	}
}

var failures = []Program{
	{"errors keep type and identity", func(ctx context.Context) (string, error) {
		_, err := mobula.Try(func(context.Context) (int, error) { return 0, fmt.Errorf("read: %w", &codeError{7}) }).Get(ctx)
		code, ok := errors.AsType[*codeError](err)
		_, eof := mobula.Try(func(context.Context) (int, error) { return 0, io.EOF }).Get(ctx)
		return fmt.Sprint(ok && code.code == 7, errors.Is(eof, io.EOF), strings.Contains(err.Error(), "read: code 7")), nil
	}, "true true true"},
	{"a panic says where", func(ctx context.Context) (string, error) {
		var list []int
		_, err := mobula.Go(func() int { return list[3] }).Get(ctx)
		task, ok := errors.AsType[*mobula.TaskError](err)
		if !ok {
			return "", err
		}
		return fmt.Sprint(task.Panic, strings.HasSuffix(task.Frames[0].File, "failures.go"), task.Frames[0].Line > 0, strings.Contains(err.Error(), "index out of range [3]")), nil
	}, "true true true true"},
	{"a panic with a value", func(ctx context.Context) (string, error) {
		_, err := mobula.Go(func() int { panic(fmt.Sprint("odd ", 3)) }).Get(ctx)
		return fmt.Sprint(strings.HasSuffix(err.Error(), ": odd 3")), nil
	}, "true"},
	{"a task, a constructor and a call that end their goroutines", func(ctx context.Context) (string, error) {
		_, err := mobula.Go(func() int { runtime.Goexit(); return 0 }).Get(ctx)
		never := mobula.NewActor(func() *int { runtime.Goexit(); return nil })
		_, unmade := mobula.Call(never, func(n *int) int { return *n }).Get(ctx)
		a := mobula.NewActor(func() *int { return new(int) })
		_, called := mobula.Send(a, func(*int) { runtime.Goexit() }).Get(ctx)
		next, err2 := mobula.Call(a, func(n *int) int { return *n + 5 }).Get(ctx)
		says := func(err error) bool { return err != nil && strings.Contains(err.Error(), "it ended its goroutine") }
		return fmt.Sprint(says(err), says(unmade), says(called), next), err2
	}, "true true true 5"},
	{"failures of inputs", func(ctx context.Context) (string, error) {
		bad := mobula.Try(func(context.Context) (int, error) { return 0, errBusy }, mobula.Name("bad"))
		next := mobula.Go(func() int { return bad.Value() })
		last := mobula.Go(func() int { return next.Value() }, mobula.Name("last"))
		_, err := last.Get(ctx)
		_, isInput := errors.AsType[*mobula.InputError](err)
		return fmt.Sprint(isInput, errors.Is(err, errBusy), strings.Contains(err.Error(), "bad")), nil
	}, "true true true"},
	{"no retry of the user's errors by default", func(ctx context.Context) (string, error) {
		_, err := mobula.Try(attempts(2)).Get(ctx)
		return fmt.Sprint(errors.Is(err, errBusy)), nil
	}, "true"},
	{"retry of chosen errors", func(ctx context.Context) (string, error) {
		a, err := mobula.Try(attempts(3), mobula.RetryOn(errBusy)).Get(ctx)
		_, other := mobula.Try(attempts(2), mobula.RetryOn(io.EOF)).Get(ctx)
		_, spent := mobula.Try(attempts(3), mobula.RetryOn(), mobula.Retries(1)).Get(ctx)
		b, second := mobula.Try(attempts(2), mobula.RetryIf(func(err error) bool { return strings.Contains(err.Error(), "busy") })).Get(ctx)
		return fmt.Sprint(a, b, errors.Is(other, errBusy), errors.Is(spent, errBusy)), errors.Join(err, second)
	}, "3 2 true true"},
	{"what cannot leave", func(ctx context.Context) (string, error) {
		c := make(chan int)
		_, err := mobula.Go(func() int { return <-c }).Get(ctx)
		return fmt.Sprint(strings.Contains(err.Error(), "chan int cannot leave this process")), nil
	}, "true"},
	{"results that cannot leave", func(ctx context.Context) (string, error) {
		_, err := mobula.Go(func() chan int { return make(chan int) }).Get(ctx)
		return fmt.Sprint(strings.Contains(err.Error(), "chan int cannot leave this process")), nil
	}, "true"},
	{"more than any node has", func(ctx context.Context) (string, error) {
		_, err := mobula.Go(func() int { return 1 }, mobula.CPU(1e6)).Get(ctx)
		_, infeasible := errors.AsType[*mobula.InfeasibleError](err)
		_, gpu := mobula.Go(func() int { return 1 }, mobula.GPU(1)).Get(ctx)
		_, noGPU := errors.AsType[*mobula.InfeasibleError](gpu)
		return fmt.Sprint(infeasible, noGPU), nil
	}, "true true"},
	{"options that make no sense", func(ctx context.Context) (string, error) {
		_, cpu := mobula.Go(func() int { return 1 }, mobula.CPU(-1)).Get(ctx)
		_, none := mobula.Go[int](nil).Get(ctx)
		var zero mobula.Ref[int]
		_, ref := zero.Get(ctx)
		return fmt.Sprint(cpu, "; ", none, "; ", ref), nil
	}, "resource cpu is -1: it cannot be negative; the function is nil; a Ref that no task has made: use what Go, Put or a sibling returned"},
}
