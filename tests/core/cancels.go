package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobula"
)

// forever runs until its context ends.
func forever(ctx context.Context) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

func isCanceled(err error) bool {
	_, ok := errors.AsType[*mobula.CanceledError](err)
	return ok
}

var cancels = []Program{
	{"cancel of a task with a context", func(ctx context.Context) (string, error) {
		r := mobula.Try(forever)
		r.Cancel()
		_, err := r.Get(ctx)
		return fmt.Sprint(isCanceled(err)), nil
	}, "true"},
	{"cancel of a task without a context", func(ctx context.Context) (string, error) {
		release := mobula.NewActor(func() *counter { return &counter{} })
		r := mobula.Go(func() int {
			for mobula.Call(release, func(c *counter) int { return c.n }).Value() == 0 { // a call takes its time
			}
			return 1
		})
		r.Cancel()
		_, err := r.Get(ctx)
		mobula.Call(release, increment).Value()
		return fmt.Sprint(isCanceled(err)), nil
	}, "true"},
	{"cancel of what waits", func(ctx context.Context) (string, error) {
		first := mobula.Try(forever)
		second := mobula.Go(func() int { return first.Value() })
		second.Cancel()
		_, err := second.Get(ctx)
		first.Cancel()
		_, also := first.Get(ctx)
		return fmt.Sprint(isCanceled(err), isCanceled(also)), nil
	}, "true true"},
	{"a wait with a deadline", func(ctx context.Context) (string, error) {
		r := mobula.Try(forever)
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		_, err := r.Get(short)
		r.Kill()
		_, killed := r.Get(ctx)
		return fmt.Sprint(errors.Is(err, context.DeadlineExceeded), isCanceled(killed)), nil
	}, "true true"},
	{"wait for some", func(ctx context.Context) (string, error) {
		slow := mobula.Try(forever)
		refs := []mobula.Ref[int]{slow, mobula.Go(func() int { return 1 }), mobula.Go(func() int { return 2 })}
		ready, rest, err := mobula.Wait(ctx, refs, 2)
		slow.Cancel()
		if err != nil {
			return "", err
		}
		list, err := mobula.All(ctx, ready)
		_, _, twice := mobula.Wait(ctx, []mobula.Ref[int]{slow, slow}, 1)
		_, _, many := mobula.Wait(ctx, refs, 4)
		return fmt.Sprint(list, len(rest), rest[0].ID() == slow.ID(), twice != nil, many != nil), err
	}, "[1 2] 1 true true true"},
}
