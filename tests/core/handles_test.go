package core

import (
	"context"
	"os"
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
			count := func(ctx context.Context) (int, error) {
				info, _ := mobula.Task(ctx)
				return len(info.GPUs), nil
			}
			none, err := mobula.Try(count).Get(ctx)
			two, second := mobula.Try(count, mobula.GPU(2)).Get(ctx)
			if err != nil || second != nil || none != 0 || two != 2 {
				t.Errorf("%d and %d GPUs, %v, %v", none, two, err, second)
			}
			a := mobula.NewActor(func() *counter { return &counter{} }, mobula.GPU(1))
			one, err := mobula.Try(func(ctx context.Context) (int, error) { // by a connection of another process
				return mobula.TryCall(a, func(ctx context.Context, _ *counter) (int, error) { return count(ctx) }).Get(ctx)
			}).Get(ctx)
			if err != nil || one != 1 {
				t.Errorf("%d GPUs, %v", one, err)
			}
		})
	}
}
