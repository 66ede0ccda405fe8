package core

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mobula"
)

var (
	rounds = flag.Int("rounds", 10, "kills of TestKills")
	seed   = flag.Uint64("seed", 1, "of TestKills")
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
	parts := []func(context.Context, int) error{plainTasks, nestedTasks, largeResults, restartingActor, plainActor, chains}
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

func restartingActor(ctx context.Context, n int) error {
	a := mobula.NewActor(func() *register { return &register{map[int]bool{}} }, mobula.Restarts(-1))
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

func plainActor(ctx context.Context, n int) error {
	a := newCounter(0)
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
	return nil
}

// killer kills a worker now and then, until ctx ends.
func killer(ctx context.Context, r *rand.Rand, killed *int) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(10+r.IntN(60)) * time.Millisecond): // the kills are spread over the rounds
		}
		workers, err := mobula.Workers(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		workers = slices.DeleteFunc(workers, func(w mobula.Worker) bool { return w.PID == 0 || w.PID == os.Getpid() })
		if len(workers) == 0 {
			continue
		}
		if syscall.Kill(workers[r.IntN(len(workers))].PID, syscall.SIGKILL) == nil {
			*killed++
		}
	}
}

// TestKills: whatever worker is killed, tasks give right results, and actors follow their rules; nothing leaks.
func TestKills(t *testing.T) {
	connect(t, mobula.Config{CPUs: 2})
	if err := round(t.Context(), 1); err != nil {
		t.Fatal("without kills:", err)
	}
	r := rand.New(rand.NewPCG(*seed, 0))
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	killed := 0
	for n := 1; killed < *rounds && !t.Failed(); n++ {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		stop, end := context.WithCancel(ctx)
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := killer(stop, r, &killed); err != nil {
				t.Error(err)
			}
		})
		if err := round(ctx, n); err != nil {
			t.Errorf("round %d, after %d kills: %v", n, killed, err)
		}
		end()
		wg.Wait()
		cancel()
	}
	t.Logf("%d workers killed", killed)
	runtime.GC() // drops the actors
	await(t, "goroutines and files are as before", func() string {
		g, f := runtime.NumGoroutine(), openFiles(t)
		if g <= goroutines+5 && f <= files+5 {
			return ""
		}
		runtime.GC()
		return fmt.Sprintf("%d goroutines, %d before; %d files, %d before", g, goroutines, f, files)
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(list)
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
