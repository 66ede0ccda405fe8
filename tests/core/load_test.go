package core

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobula"
)

// register is an actor that can be asked again: a call sets what it names.
type register struct{ set map[int]bool }

// burn works for a while, so that kills find something to kill.
func burn(n int) int {
	x := uint32(n)
	for range 200_000 {
		x = x*1664525 + 1013904223
	}
	burnt.Store(x)
	return n
}

// burnt keeps what burn computes from being left out.
var burnt atomic.Uint32

// round is a program under fire; each part says what must hold whatever was killed.
func round(ctx context.Context, n int) error {
	var wg sync.WaitGroup
	parts := []func(context.Context, int) error{plainTasks, nestedTasks, largeResults, ownProcesses, restartingActor, plainActor, namedActor, chains}
	failed := make([]error, len(parts))
	for i, part := range parts {
		wg.Go(func() { failed[i] = part(ctx, n) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

var retryAlways = mobula.Retries(-1)

func plainTasks(ctx context.Context, n int) error {
	refs := mobula.Map(slices.Collect(seq(60)), func(i int) int { return burn(i * n) }, retryAlways)
	list, err := mobula.All(ctx, refs)
	if err != nil {
		return fmt.Errorf("tasks: %w", err)
	}
	for i, v := range list {
		if v != i*n {
			return fmt.Errorf("task %d gave %d", i, v)
		}
	}
	return nil
}

func nestedTasks(ctx context.Context, n int) error {
	v, err := mobula.Go(func() int {
		return sum(mobula.Values(mobula.Map([]int{1, 2, 3, 4}, func(i int) int { return burn(i * n) }, retryAlways))...)
	}, retryAlways).Get(ctx)
	if err != nil || v != 10*n {
		return fmt.Errorf("nested tasks gave %d: %w", v, err)
	}
	return nil
}

func largeResults(ctx context.Context, n int) error {
	for range 3 {
		v, err := mobula.Go(func() []float64 { burn(n); return ramp(large / 8) }, retryAlways).Get(ctx)
		if err != nil || len(v) != large/8 || v[len(v)-1] != large/8-1 {
			return fmt.Errorf("a large result of %d: %w", len(v), err)
		}
	}
	return nil
}

// ownProcesses are tasks in processes of their own.
func ownProcesses(ctx context.Context, n int) error {
	task := func() int {
		for range 20 {
			burn(n)
		}
		return n
	}
	list, err := mobula.All(ctx, []mobula.Ref[int]{mobula.Go(task, mobula.Isolated(), retryAlways), mobula.Go(task, mobula.Memory(32*mib), retryAlways)})
	if err != nil || sum(list...) != 2*n {
		return fmt.Errorf("tasks in processes of their own gave %v: %w", list, err)
	}
	return nil
}

func chains(ctx context.Context, n int) error {
	r := mobula.Go(func() int { return burn(n) }, retryAlways)
	for range 10 {
		before := r
		r = mobula.Go(func() int { return burn(before.Value()) + 1 }, retryAlways)
	}
	v, err := r.Get(ctx)
	if err != nil || v != n+10 {
		return fmt.Errorf("a chain gave %d: %w", v, err)
	}
	return nil
}

// actorProcesses are those of the actors of the programs that run.
var actorProcesses struct {
	sync.Mutex
	pids []int
}

// actorDeaths counts the actors that were not to be made again, and died.
var actorDeaths atomic.Int64

// exposed asks an actor for its process, which may be killed until conceal is called.
func exposed[T any](ctx context.Context, a mobula.Actor[T], opts ...mobula.Option) (conceal func(), err error) {
	pid, err := mobula.Call(a, func(*T) int { return os.Getpid() }, opts...).Get(ctx)
	if err != nil {
		return nil, err
	}
	actorProcesses.Lock()
	defer actorProcesses.Unlock()
	actorProcesses.pids = append(actorProcesses.pids, pid)
	return func() {
		actorProcesses.Lock()
		defer actorProcesses.Unlock()
		i := slices.Index(actorProcesses.pids, pid)
		actorProcesses.pids = slices.Delete(actorProcesses.pids, i, i+1)
	}, nil
}

func restartingActor(ctx context.Context, n int) error {
	a := mobula.NewActor(func() *register { return &register{map[int]bool{}} }, mobula.Restarts(-1))
	conceal, err := exposed(ctx, a, retryAlways)
	if err != nil {
		return fmt.Errorf("an actor that restarts: %w", err)
	}
	defer conceal()
	var refs []mobula.Ref[bool]
	for i := range 20 {
		refs = append(refs, mobula.Call(a, func(r *register) bool { burn(n); r.set[i] = true; return r.set[i] }, retryAlways))
	}
	for i, r := range refs {
		if ok, err := r.Get(ctx); err != nil || !ok {
			return fmt.Errorf("call %d of an actor that restarts: %w", i, err)
		}
	}
	return nil
}

// namedActor is one that the cluster knows: the head takes part.
func namedActor(ctx context.Context, n int) error {
	a := mobula.NewActor(func() *counter { return &counter{n: n} }, mobula.Name(fmt.Sprint("named", n)), mobula.Restarts(-1))
	v, err := mobula.Call(a, increment, retryAlways).Get(ctx)
	if err != nil || v != n+1 {
		return fmt.Errorf("a named actor gave %d: %w", v, err)
	}
	if err := a.Kill(); err != nil {
		return fmt.Errorf("end a named actor: %w", err)
	}
	return nil
}

func plainActor(ctx context.Context, n int) error {
	a := newCounter(0)
	conceal, err := exposed(ctx, a)
	if _, died := errors.AsType[*mobula.ActorDiedError](err); died {
		actorDeaths.Add(1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("an actor: %w", err)
	}
	defer conceal()
	var refs []mobula.Ref[int]
	for range 20 {
		refs = append(refs, mobula.Call(a, func(c *counter) int { burn(n); return increment(c) }))
	}
	dead := false
	for i, r := range refs {
		v, err := r.Get(ctx)
		_, died := errors.AsType[*mobula.ActorDiedError](err)
		switch {
		case err != nil && !died:
			return fmt.Errorf("call %d of an actor: %w", i, err)
		case dead && err == nil:
			return fmt.Errorf("call %d of an actor that died gave %d", i, v)
		case err == nil && v != i+1:
			return fmt.Errorf("call %d of an actor gave %d: calls run once, in order", i, v)
		}
		dead = dead || died
	}
	if dead {
		actorDeaths.Add(1)
	}
	return nil
}

// await waits until why returns "".
func await(t *testing.T, what string, why func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		reason := why()
		if reason == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, reason)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
