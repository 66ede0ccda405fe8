//go:build linux

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/node"
)

// TestStopOfWhatHangs: a node that was stopped, as by Ctrl-Z, answers nobody; its guard takes no ends.
func TestStopOfWhatHangs(t *testing.T) {
	b := buildBinary(t)
	for _, args := range [][]string{{"stop"}, {"stop", "--force"}} {
		r := b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "1", "--node-name", "hung")
		r.until(t, "End it with")
		here := node.Here()
		if len(here) != 1 || here[0].PID <= 0 || here[0].Name != "hung" || here[0].Embedded {
			t.Fatalf("%+v", here)
		}
		guard, hung := r.cmd.Process.Pid, here[0].PID
		for _, pid := range []int{guard, hung} {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		if got := b.run("__complete", "get", "node", ""); time.Since(begin) > 5*time.Second {
			t.Errorf("a completion takes %v: %s", time.Since(begin), got)
		}
		if got := b.run(args...); !strings.Contains(got, "Stopped node hung") {
			t.Errorf("%v: %s", args, got)
		}
		_ = r.cmd.Wait() // how it ends differs
		if lives(hung) || lives(guard) {
			t.Errorf("%v: it lives on", args)
		}
	}
}
