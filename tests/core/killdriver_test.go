package core

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"mobula"
)

const (
	envJob  = "MOBULA_TEST_JOB"  // tells a driver, and its workers on all nodes
	envOnce = "MOBULA_TEST_ONCE" // a driver that ends by itself
)

// beDriver is a program that has something of everything, and works on until it is killed.
func beDriver(ctx context.Context) error {
	job := os.Getenv(envJob)
	if err := mobula.Connect(ctx, mobula.Config{CPUs: 2, Store: 128 * mib, Env: map[string]string{envJob: job}}); err != nil {
		return err
	}
	if os.Getenv(envOnce) != "" {
		return errors.Join(plainTasks(ctx, 1), mobula.Close())
	}
	put := mobula.Put(ramp(large))
	defer runtime.KeepAlive(put)
	own := newCounter(0)
	if _, err := mobula.Call(own, increment).Get(ctx); err != nil {
		return err
	}
	left := mobula.NewActor(func() *counter { return &counter{n: 10} }, mobula.Name(job), mobula.Namespace("left"), mobula.Detached())
	pid, err := mobula.Call(left, func(c *counter) int { c.n++; return os.Getpid() }).Get(ctx)
	if err != nil {
		return err
	}
	for child, err := range mobula.Stream(withChild, mobula.Isolated()) {
		if err != nil {
			return err
		}
		fmt.Println(pid, child)
		for n := 1; err == nil; n++ {
			err = round(ctx, n)
		}
		return err
	}
	return errors.New("a stream ended by itself")
}

// withChild yields the process that it has started, and goes on.
func withChild(ctx context.Context, yield func(int) bool) error {
	child := exec.Command("sleep", "1000")
	if err := child.Start(); err != nil {
		return err
	}
	yield(child.Process.Pid)
	return child.Wait()
}

// strikeDriver kills a program that is connected to the node of this process. What is its own ends, its detached actor lives on.
func strikeDriver(ctx context.Context, c *killCluster, r *rand.Rand) func() error {
	job := c.mark("driver")
	p := start(c.t, "driver", envMark+"="+job, envJob+"="+job, "MOBULA_ADDRESS="+c.first.Address())
	ready := killDriver(c, p, job, r)
	return func() error {
		awaitOnly(c.t, envMark+"="+job)
		a, err := mobula.FindActor[counter](ctx, job, mobula.Namespace("left"))
		if err != nil && ready.actor == 0 {
			awaitOnly(c.t, envJob+"="+job)
			return nil
		}
		if err != nil {
			return err
		}
		pid, err := mobula.Call(a, func(*counter) int { return os.Getpid() }).Get(ctx)
		if err != nil {
			return fmt.Errorf("a detached actor: %w", err)
		}
		awaitOnly(c.t, envJob+"="+job, pid)
		n, err := mobula.Call(a, increment).Get(ctx)
		if ready.actor != 0 && (pid != ready.actor || n != 12) || err != nil {
			return fmt.Errorf("a detached actor was in process %d, and is in %d, where it counts %d: %w", ready.actor, pid, n, err)
		}
		err = a.Kill()
		awaitOnly(c.t, envJob+"="+job)
		return err
	}
}

// strikeEmbedded kills a program that has a cluster of its own. All of it ends, and the next one removes what is left on disk.
func strikeEmbedded(_ context.Context, c *killCluster, r *rand.Rand) func() error {
	job, dir := c.mark("embedded"), c.t.TempDir()
	env := []string{envMark + "=" + job, envJob + "=" + job, "TMPDIR=" + dir, "XDG_RUNTIME_DIR="}
	killDriver(c, start(c.t, "driver", env...), job, r)
	return func() error {
		awaitOnly(c.t, envMark+"="+job)
		awaitOnly(c.t, envJob+"="+job)
		if err := start(c.t, "driver", append(env, envOnce+"=yes")...).cmd.Wait(); err != nil {
			return fmt.Errorf("the next program: %w", err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
			return fmt.Errorf("it leaves %q, %w", left, err)
		}
		return nil
	}
}

// readyDriver is what a driver says that is ready.
type readyDriver struct{ actor, child int } // processes; 0: it was killed before

// killDriver kills a driver, now and then while it starts.
func killDriver(c *killCluster, p *process, job string, r *rand.Rand) (d readyDriver) {
	moment := time.Duration(r.IntN(300)) * time.Millisecond
	if r.IntN(4) != 0 {
		if _, err := fmt.Sscan(p.ready(c.t), &d.actor, &d.child); err != nil {
			c.t.Error(err)
		}
		if all := running(c.t, envJob+"="+job); len(all) < 4 {
			c.t.Errorf("a program, its workers and a child of these are the processes %v", all)
		}
	}
	<-time.After(moment) // the kills are spread over the program
	p.kill()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && !status.Signaled() {
		c.t.Errorf("%s has ended before: %v", job, p.cmd.ProcessState)
	}
	return d
}
