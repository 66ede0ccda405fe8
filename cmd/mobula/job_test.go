//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/internal/eventually"
	"mobula/jobs"
)

// outcome is what a command has said, and its exit code.
type outcome struct {
	out, errs string
	code      int
}

// try runs a command to its end, which may be a failure.
func (b *binary) try(args ...string) outcome {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), b.path, args...)
	cmd.Env = b.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		b.t.Fatal(err)
	}
	return outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

func (b *binary) job(id string) (j jobs.Job) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.run("job", "status", id, "-o", "json")), &j); err != nil {
		b.t.Fatal(err)
	}
	return j
}

// jobBecomes waits until something holds of a job.
func (b *binary) jobBecomes(id, what string, holds func(jobs.Job) bool) (j jobs.Job) {
	b.t.Helper()
	eventually.Holds(b.t, what, func() bool { j = b.job(id); return holds(j) })
	return j
}

// twoNodes starts a head with a node, and another node with a license.
func (b *binary) twoNodes() (head *running, address string) {
	b.t.Helper()
	head = b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "1", "--node-name", "first")
	line := head.until(b.t, "The cluster's head runs at ")
	address, _, _ = strings.Cut(strings.TrimPrefix(line, "The cluster's head runs at "), ",")
	head.until(b.t, "End it with")
	b.start("start", "--address", address, "--token", filepath.Join(b.state, "mobula", "head", "join-token"), "--num-cpus", "1", "--resources", "license=1", "--node-name", "second").until(b.t, "Leave it with")
	return head, address
}

func TestJobsOfTheCommandLine(t *testing.T) {
	b := buildBinary(t)
	_, address := b.twoNodes()
	dir := t.TempDir()
	script := filepath.Join(dir, "hello.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho hello $1; echo $TEAM >&2; echo result > result.txt; exit $2\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEAM", "red")
	b.env = append(b.env, "TEAM=red")
	got := b.try("job", "submit", "--id", "hello", "--env", "TEAM", "--metadata", "who=me", "--keep", "*.txt", "--resources", "license=1", script, "you all", "7")
	if got.code != 7 || got.out != "hello you all\nred\n" || !strings.Contains(got.errs, "job hello is submitted") || !strings.Contains(got.errs, "job hello failed: exited with status 7") ||
		!strings.Contains(got.errs, "it has left result.txt") {
		t.Errorf("%+v", got)
	}
	if j := b.job("hello"); j.Attempts[0].NodeName != "second" || j.Name != "hello.sh" || j.Metadata["who"] != "me" {
		t.Errorf("%+v", j)
	}
	for _, want := range []struct {
		args []string
		text string
	}{
		{[]string{"job", "status", "hello"}, "on second, ran for"}, {[]string{"job", "status", "hello"}, "entrypoint  ./hello.sh 'you all' 7"}, {[]string{"job", "list"}, "exited with status 7"},
		{[]string{"list", "jobs", "--filter", "kind=submitted"}, "hello.sh"}, {[]string{"get", "job", "hello"}, "failed"}, {[]string{"job", "logs", "hello"}, "hello you all\nred\n"},
		{[]string{"job", "logs", "hel", "--tail", "1"}, "red\n"}, {[]string{"job", "output", "hello", "--dir", dir}, filepath.Join(dir, "result.txt")},
		{[]string{"summary", "jobs"}, "submitted  failed"},
		{[]string{"job", "list", "--address", address, "--token", filepath.Join(b.state, "mobula", "head", "user-token")}, "hello"},
	} {
		if got := b.run(want.args...); !strings.Contains(got, want.text) {
			t.Errorf("mobula %s: %s", strings.Join(want.args, " "), got)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, "result.txt")); err != nil || string(text) != "result\n" {
		t.Errorf("%q, %v", text, err)
	}
	for want, args := range map[string][]string{
		"file already exists":             {"job", "output", "hello", "--dir", dir},
		"has left no other.txt":           {"job", "output", "hello", "other.txt"},
		`there is no submitted job "nob"`: {"job", "status", "nob"},
		"a job with the id hello":         {"job", "submit", "--id", "hello", "--", "true"},
		"can never run":                   {"job", "submit", "--cpus", "9", "--", "true"},
		"no such program":                 {"job", "submit", "--id", "missing", "--", "no-such-program"},
	} {
		if got := b.try(args...); got.code != exitFailed || !strings.Contains(got.errs, want) {
			t.Errorf("mobula %s: %+v", strings.Join(args, " "), got)
		}
	}
	id := strings.TrimSpace(b.run("job", "submit", "--no-wait", "--", "sleep", "1000"))
	b.jobBecomes(id, "it runs", func(j jobs.Job) bool { return j.State == jobs.Running })
	if got := b.try("job", "delete", id); got.code != exitFailed || !strings.Contains(got.errs, "stop it first") {
		t.Errorf("%+v", got)
	}
	if got := b.run("job", "stop", id); got != "Job "+id+" is stopped.\n" {
		t.Error(got)
	}
	if got := b.try("job", "logs", "--follow", id); got.code != exitDone || got.out != "" {
		t.Errorf("%+v", got)
	}
	b.run("job", "delete", id, "hello", "missing")
	if got := b.run("job", "list"); got != "None.\n" {
		t.Error(got)
	}
}

// TestInterruptLeavesTheJob: Ctrl-C ends what shows a job, not the job.
func TestInterruptLeavesTheJob(t *testing.T) {
	b := buildBinary(t)
	b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "1").until(t, "End it with")
	cmd := exec.CommandContext(t.Context(), b.path, "job", "submit", "--id", "long", "--", "sh", "-c", "echo begins; sleep 1000")
	cmd.Env = b.env
	var errs bytes.Buffer
	cmd.Stderr = &errs
	r := &running{cmd: cmd}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.until(t, "begins")
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitInterrupted || !strings.Contains(errs.String(), "job long goes on: see it with  mobula job logs long --follow") {
		t.Errorf("%v: %s", err, &errs)
	}
	if j := b.job("long"); j.State != jobs.Running {
		t.Errorf("%+v", j)
	}
	if got := b.run("job", "stop", "long"); !strings.Contains(got, "is stopped") {
		t.Error(got)
	}
}

// TestKilledWithJobs: what becomes of jobs where their entrypoint, their node or the head's process is killed.
func TestKilledWithJobs(t *testing.T) {
	b := buildBinary(t)
	head, address := b.twoNodes()
	file := filepath.Join(t.TempDir(), "pids")
	tree := "echo $$ >> " + file + "; setsid sh -c 'trap \"\" TERM; echo $$ >> " + file + "; sleep 1000; sleep 1000' & sleep 1000"
	submit := func(id string, flags ...string) {
		t.Helper()
		args := append(append([]string{"job", "submit", "--no-wait", "--id", id, "--resources", "license=1"}, flags...), "--", "sh", "-c", tree)
		b.run(args...)
	}
	running := func(id string) jobs.Job {
		t.Helper()
		return b.jobBecomes(id, id+" runs", func(j jobs.Job) bool { return j.State == jobs.Running })
	}
	processes := func(n int) (all []int) {
		t.Helper()
		eventually.Holds(t, "its processes run", func() bool {
			text, err := os.ReadFile(file)
			all = nil
			for word := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil {
					all = append(all, pid)
				}
			}
			return err == nil && len(all) == n
		})
		return all
	}
	gone := func(pids []int) {
		t.Helper()
		eventually.Holds(t, "all that it has started ends", func() bool {
			return !slices.ContainsFunc(pids, lives)
		})
	}
	// The entrypoint is killed: what it has left ends, and the job says how.
	submit("killed")
	j := running("killed")
	pids := processes(2)
	if err := syscall.Kill(j.Attempts[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	j = b.jobBecomes("killed", "it has failed", jobs.Ended)
	if j.State != jobs.Failed || !strings.Contains(j.Message, "killed (signal 9)") {
		t.Errorf("%+v", j)
	}
	gone(pids)
	// Its node is killed: the job fails with that, and nothing is left.
	submit("lost")
	running("lost")
	pids = processes(4)
	for _, n := range b.nodes() {
		if n.Name == "second" {
			if err := syscall.Kill(n.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	killed := time.Now()
	gone(pids)
	t.Logf("its processes have ended after %v", time.Since(killed))
	j = b.jobBecomes("lost", "the head notices", jobs.Ended)
	if j.State != jobs.Failed || !strings.Contains(j.Message, "second died") {
		t.Errorf("%+v", j)
	}
	// The head is killed while a job runs on another node, and started again: the job has gone on.
	token := filepath.Join(b.state, "mobula", "head", "join-token")
	b.start("start", "--address", address, "--token", token, "--num-cpus", "1", "--resources", "license=1", "--node-name", "third").until(t, "Leave it with")
	mark := filepath.Join(t.TempDir(), "go")
	b.run("job", "submit", "--no-wait", "--id", "long", "--resources", "license=1", "--", "sh", "-c", "echo begins; while ! [ -e "+mark+" ]; do sleep 0.05; done; echo ends")
	before := running("long")
	for _, n := range b.nodes() {
		if n.Name == "first" {
			if err := syscall.Kill(n.PID, syscall.SIGKILL); err != nil { // the head is in its process
				t.Fatal(err)
			}
		}
	}
	_ = head.cmd.Wait() // it was killed
	if !lives(before.Attempts[0].PID) {
		t.Error("the job has ended with the head")
	}
	_, port, _ := strings.Cut(address, ":")
	b.start("start", "--head", "--host", "127.0.0.1", "--port", port, "--num-cpus", "1", "--node-name", "first").until(t, "End it with")
	eventually.Holds(t, "its node is back", func() bool {
		for _, n := range b.nodes() {
			if n.Name == "third" && n.State == "alive" {
				return true
			}
		}
		return false
	})
	if j := b.job("long"); j.State != jobs.Running || j.Attempts[0].PID != before.Attempts[0].PID {
		t.Errorf("%+v", j)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.try("job", "logs", "--follow", "long"); got.code != exitDone || got.out != "begins\nends\n" {
		t.Errorf("%+v", got)
	}
	if j := b.jobBecomes("long", "it ends", jobs.Ended); j.State != jobs.Succeeded || len(j.Attempts) != 1 {
		t.Errorf("%+v", j)
	}
	if j := b.job("lost"); j.State != jobs.Failed {
		t.Errorf("%+v", j)
	}
}

// TestFolderOfAProgram: the folder of a program that uses package mobula is built and sent, and joins the cluster as the job's driver.
func TestFolderOfAProgram(t *testing.T) {
	useSDKCache(t)
	b := buildBinary(t)
	b.start("start", "--head", "--host", "127.0.0.1", "--port", "0", "--num-cpus", "2").until(t, "End it with")
	dir := filepath.Join(t.TempDir(), "square")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module example.com/square\n\ngo 1.26\n",
		"main.go": `package main

import (
	"fmt"
	"os"

	"mobula"
)

func main() {
	refs := mobula.Map([]int{1, 2, 3}, func(n int) int { return n * n })
	fmt.Println(os.Args[1:], mobula.Values(refs))
}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := b.try("job", "submit", "--id", "square", dir, "-x", "1")
	if got.code != exitDone || got.out != "[-x 1] [1 4 9]\n" || !strings.Contains(got.errs, "job square succeeded") {
		t.Errorf("%+v", got)
	}
	if list := b.run("list", "jobs", "-o", "json"); strings.Count(list, `"kind"`) != 1 || !strings.Contains(list, `"submission": "square"`) {
		t.Error(list)
	}
	if j := b.job("square"); len(j.Attempts[0].Drivers) != 1 || j.Name != "square" {
		t.Errorf("%+v", j)
	}
}
