//go:build linux

package jobs

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stubborn is a tree of processes that ignore SIGTERM, some of which leave the process group, and one of which has no parent left.
const stubborn = `trap "" TERM; note() { echo $1 >> %[1]s; }; note $$
sh -c 'trap "" TERM; echo $$ >> %[1]s; while :; do sleep 1000; done' &
setsid sh -c 'trap "" TERM; echo $$ >> %[1]s; while :; do sleep 1000; done' &
(setsid sh -c 'echo $$ >> %[1]s; trap "" TERM; sleep 1000; sleep 1000' &)
echo begun; wait; sleep 1000`

func TestStopOfAStubbornTree(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	file := filepath.Join(t.TempDir(), "pids")
	s := sh(stubborn, file)
	s.Grace, s.Retries = 300*time.Millisecond, 3
	job := c.submit(s)
	processes := pids(t, file, 4)
	asked := time.Now()
	if j, err := c.Stop(c.context(), job.ID); err != nil || !j.Stopping {
		t.Fatal(j, err)
	}
	job = c.ends(job.ID, Stopped)
	if took := time.Since(asked); took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("it ended after %v", took)
	}
	if !strings.Contains(job.Message, "stopped: killed (signal 9)") || len(job.Attempts) != 1 {
		t.Errorf("%+v", job)
	}
	gone(t, processes)
	if j, err := c.Stop(c.context(), job.ID); err != nil || j.State != Stopped {
		t.Error(j, err)
	}
}

// TestStopGivesTime: who heeds SIGTERM can finish, also where the shell that has started it does not wait.
func TestStopGivesTime(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	file := filepath.Join(t.TempDir(), "pids")
	s := sh(`sh -c 'trap "sleep 0.3; echo saved > model; echo saved; exit" TERM; echo $$ >> %[1]s; while :; do sleep 0.05; done' & echo $$ >> %[1]s; wait`, file)
	s.Outputs, s.Grace = []string{"model"}, 20*time.Second
	job := c.submit(s)
	processes := pids(t, file, 2)
	asked := time.Now()
	if _, err := c.Stop(c.context(), job.ID); err != nil {
		t.Fatal(err)
	}
	job = c.ends(job.ID, Stopped)
	if len(job.Outputs) != 1 || !strings.HasSuffix(c.log(job.ID), "saved\n") { // the shell tells of its sleep, too
		t.Errorf("%+v, %q", job.Outputs, c.log(job.ID))
	}
	if took := time.Since(asked); took > 5*time.Second {
		t.Errorf("it ended after %v", took)
	}
	gone(t, processes)
}

// TestNothingIsLeft: what an entrypoint leaves in the background ends when it does.
func TestNothingIsLeft(t *testing.T) {
	c := startCluster(t)
	n := c.join("here")
	file := filepath.Join(t.TempDir(), "pids")
	job := c.submit(sh(stubborn[:strings.Index(stubborn, "echo begun")]+"while [ $(wc -l < %[1]s) -lt 4 ]; do sleep 0.02; done", file))
	processes := pids(t, file, 4)
	c.ends(job.ID, Succeeded)
	gone(t, processes)
	// Nor when the node does.
	file = filepath.Join(t.TempDir(), "pids")
	job = c.submit(sh(stubborn, file))
	processes = pids(t, file, 4)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, processes)
	if job = c.ends(job.ID, Failed); job.Message != "here died: it was stopped" {
		t.Error(job.Message)
	}
}

func TestStopBeforeItRuns(t *testing.T) {
	c := startCluster(t)
	c.join("here", license)
	s := sh("sleep 1000")
	s.Resources = map[string]float64{"license": 1}
	first := c.submit(s)
	c.becomes(first.ID, "it runs", running)
	second := c.submit(s)
	if _, err := c.Stop(c.context(), second.ID); err != nil {
		t.Fatal(err)
	}
	if job := c.ends(second.ID, Stopped); job.Message != "stopped before it ran" || len(job.Attempts) != 0 {
		t.Errorf("%+v", job)
	}
	if text, err := c.read(second.ID, LogOptions{Follow: true}); err != nil || text != "" {
		t.Errorf("%q, %v", text, err)
	}
}
