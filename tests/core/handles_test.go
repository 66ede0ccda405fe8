package core

import (
	"context"
	"os"
	"runtime"
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
