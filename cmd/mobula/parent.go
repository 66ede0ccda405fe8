package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// parentPoll is how often the parent is looked for: a process that is not its child's waiter cannot be waited for portably.
const parentPoll = 500 * time.Millisecond

// watchParent returns a channel that is closed when the process that Jupyter named as the
// kernel's parent has ended. It is nil where there is nothing to watch.
func watchParent(ctx context.Context, named string, getppid func() int) <-chan struct{} {
	pid, err := strconv.Atoi(named)
	if err != nil || pid <= 1 || runtime.GOOS == "windows" {
		return nil
	}
	ended := func() bool { return getppid() != pid }
	if ended() { // started through another program: watch the named process itself, if it can be seen
		if !exists(pid) {
			return nil
		}
		ended = func() bool { return !exists(pid) }
	}
	gone := make(chan struct{})
	go func() {
		tick := time.NewTicker(parentPoll)
		defer tick.Stop()
		for !ended() {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		close(gone)
	}()
	return gone
}

func exists(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer p.Release()
	return p.Signal(syscall.Signal(0)) == nil
}
