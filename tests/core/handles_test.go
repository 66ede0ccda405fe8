package core

import (
	"context"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"mobula"
)

// TestCapturedActorIsFollowed: a task's handle of an actor that the cluster makes again leads to the new one.
func TestCapturedActorIsFollowed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	connect(t, mobula.Config{CPUs: 2})
	a := mobula.NewActor(func() *counter { return &counter{} }, mobula.Name("moved"), mobula.Restarts(-1))
	here := func(*counter) int { return os.Getpid() }
	moved, err := mobula.Try(func(ctx context.Context) (bool, error) {
		first, err := mobula.Call(a, here).Get(ctx)
		if err != nil {
			return false, err
		}
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			return false, err
		}
		second, err := mobula.Call(a, here, retryAlways).Get(ctx)
		return second != first, err
	}, mobula.Retries(0)).Get(ctx)
	if err != nil || !moved {
		t.Errorf("%v, %v", moved, err)
	}
	if err := a.Kill(); err != nil {
		t.Error(err)
	}
}

// TestTasksKnowTheirGPUs: only what asked for a GPU is told of one, in the calls of an actor too.
func TestTasksKnowTheirGPUs(t *testing.T) {
	for name, inProcess := range map[string]bool{"in process": true, "one node": false} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			connect(t, mobula.Config{CPUs: 2, GPUs: 2, InProcess: inProcess})
			count := func() int {
				info, _ := mobula.Task(context.Background())
				return len(info.GPUs)
			}
			none, err := mobula.Go(count).Get(ctx)
			two, second := mobula.Go(count, mobula.GPU(2)).Get(ctx)
			if err != nil || second != nil || none != 0 || two != 2 {
				t.Errorf("%d and %d GPUs, %v, %v", none, two, err, second)
			}
			a := mobula.NewActor(func() *counter { return &counter{} }, mobula.GPU(1))
			one, err := mobula.Try(func(ctx context.Context) (int, error) { // by a connection of another process
				return mobula.Call(a, func(*counter) int { return count() }).Get(ctx)
			}).Get(ctx)
			if err != nil || one != 1 {
				t.Errorf("%d GPUs, %v", one, err)
			}
		})
	}
}

// TestNamedActorKeepsWhatItCaptures: the cluster makes an actor again also where its constructor captures much.
func TestNamedActorKeepsWhatItCaptures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	connect(t, mobula.Config{CPUs: 2})
	v := ramp(large)
	a := mobula.NewActor(func() *counter { return &counter{n: int(v[large-1])} }, mobula.Name("heavy"), mobula.Restarts(-1))
	v = nil
	pid, err := mobula.Call(a, func(*counter) int { return os.Getpid() }).Get(ctx)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n, err := mobula.Call(a, increment, retryAlways).Get(ctx)
	if err != nil || n != large {
		t.Errorf("%d, %v", n, err)
	}
	if err := a.Kill(); err != nil {
		t.Error(err)
	}
}

// TestDetachedActorCapturesLittle: what would be lost with this process is an error at once.
func TestDetachedActorCapturesLittle(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	connect(t, mobula.Config{CPUs: 2})
	v, put := ramp(large), mobula.Put(ramp(large))
	for name, f := range map[string]func() *counter{
		"a variable": func() *counter { return &counter{n: len(v)} },
		"an object":  func() *counter { return &counter{n: len(put.Value())} },
	} {
		err := mobula.NewActor(f, mobula.Name(name), mobula.Detached()).Wait(ctx)
		if err == nil || !strings.Contains(err.Error(), "read large data in the constructor") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMistakenAddress: an address that is no socket's says what is wanted.
func TestMistakenAddress(t *testing.T) {
	for _, address := range []string{"head:10001", "mobula://head:10001"} {
		if err := mobula.Connect(t.Context(), mobula.Config{Address: address}); err == nil || !strings.Contains(err.Error(), "mobula status shows it") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// TestCapturedActorLives: an actor that only a task refers to lives as long as that.
func TestCapturedActorLives(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	connect(t, mobula.Config{CPUs: 2})
	hold := mobula.NewActor(func() *gauge { return &gauge{} }, mobula.Concurrency(2))
	both := func(ctx context.Context, g *gauge) (int, error) { return g.enter(ctx, 2) }
	task := func() mobula.Ref[int] {
		a := mobula.NewActor(func() *counter { return &counter{} })
		return mobula.Try(func(ctx context.Context) (int, error) {
			if _, err := mobula.TryCall(hold, func(ctx context.Context, g *gauge) (int, error) { return g.enter(ctx, 2) }).Get(ctx); err != nil {
				return 0, err
			}
			return mobula.Call(a, increment).Get(ctx)
		})
	}()
	for range 5 {
		runtime.GC() // its handle here is collected
	}
	if _, err := mobula.TryCall(hold, both).Get(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := task.Get(ctx); err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
}
