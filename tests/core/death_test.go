package core

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula"
)

// TestIsolatedTaskIsKilled: the error of a task that has no attempt left says how its process ended.
func TestIsolatedTaskIsKilled(t *testing.T) {
	connect(t, mobula.Config{CPUs: 2})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	suicide := func() int {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	start := time.Now()
	_, err := mobula.Go(suicide, mobula.Isolated(), mobula.Retries(2), mobula.Name("suicide")).Get(ctx)
	died, ok := errors.AsType[*mobula.WorkerDiedError](err)
	if !ok || died.Attempts != 3 || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// TestNodeEnds: everything fails at once, and says so.
func TestNodeEnds(t *testing.T) {
	connect(t, mobula.Config{CPUs: 1})
	r := mobula.Try(forever)
	a := newCounter(1)
	if err := a.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := mobula.Close(); err != nil {
		t.Fatal(err)
	}
	for _, get := range []func() (int, error){
		func() (int, error) { return r.Get(t.Context()) },
		func() (int, error) { return mobula.Call(a, increment).Get(t.Context()) },
	} {
		if _, err := get(); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
}
