//go:build linux

package jobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mobula/cluster/head"
	"mobula/cluster/headclient"
	"mobula/cluster/node"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/internal/eventually"
)

// patience bounds the wait for what must come.
const patience = 30 * time.Second

// quick is a timing for tests: what takes seconds takes parts of one.
var quick = head.Timing{Heartbeat: 50 * time.Millisecond, Suspect: time.Second, Dead: 2 * time.Second, Lease: 3 * time.Second, Margin: 50 * time.Millisecond}

func TestMain(m *testing.M) {
	if os.Getenv("JOBS_TEST_DRIVER") != "" {
		drive()
	}
	os.Exit(m.Run())
}

// cluster is a head and nodes in this process.
type cluster struct {
	*Client
	t    *testing.T
	dir  string // of the head
	head *head.Head
}

func logger() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

func startCluster(t *testing.T, change ...func(*head.Config)) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "mb") //nolint:usetesting // its paths are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	c := &cluster{t: t, dir: filepath.Join(dir, "head")}
	c.startHead(change...)
	t.Cleanup(func() {
		_ = c.head.Close() // logged
		_ = os.RemoveAll(dir)
	})
	client, err := headclient.Connect(t.Context(), headclient.Config{Dial: c.dial})
	if err != nil {
		t.Fatal(err)
	}
	c.Client = &Client{client, client.Close}
	t.Cleanup(c.Close)
	return c
}

func (c *cluster) startHead(change ...func(*head.Config)) {
	c.t.Helper()
	conf := head.Config{Dir: c.dir, Log: replog.In(c.dir, logger()), Timing: quick, Logger: logger()}
	for _, f := range change {
		f(&conf)
	}
	var err error
	if c.head, err = head.Start(context.Background(), conf); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(c.dir, head.SocketName))
}

// join starts a node of two CPUs.
func (c *cluster) join(name string, change ...func(*node.Config)) *node.Node {
	c.t.Helper()
	conf := node.Config{
		Starter: node.Processes{}, Name: name, Resources: sched.Resources{CPU: sched.Whole(2)}, Head: &node.HeadConfig{Dial: c.dial}, Logger: logger().With("at", name),
		StopGrace: 100 * time.Millisecond,
	}
	for _, f := range change {
		f(&conf)
	}
	n, err := node.Start(context.Background(), conf)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = n.Close() })
	return n
}

func license(c *node.Config) { c.Resources.Custom = map[string]sched.Amount{"license": sched.One} }

func (c *cluster) context() context.Context {
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	c.t.Cleanup(cancel)
	return ctx
}

// submit submits a job that must be taken.
func (c *cluster) submit(s Spec) Job {
	c.t.Helper()
	job, err := c.Submit(c.context(), s)
	if err != nil {
		c.t.Fatal(err)
	}
	return job
}

// sh is a job that is a line of shell.
func sh(line string, args ...any) Spec {
	return Spec{Entrypoint: []string{"sh", "-c", fmt.Sprintf(line, args...)}}
}

// ends waits for the end of a job in a state.
func (c *cluster) ends(id, state string) Job {
	c.t.Helper()
	job, err := c.Wait(c.context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	if job.State != state {
		c.t.Fatalf("job %s %s: %s; want %s\n%s", id, job.State, job.Message, state, c.log(id))
	}
	return job
}

// becomes waits until something holds of a job.
func (c *cluster) becomes(id, what string, holds func(Job) bool) Job {
	c.t.Helper()
	var job Job
	eventually.Holds(c.t, what, func() bool {
		var err error
		if job, err = c.Status(c.context(), id); err != nil {
			c.t.Fatal(err)
		}
		return holds(job)
	})
	return job
}

func running(j Job) bool { return j.State == Running }

// log is all that a job has written.
func (c *cluster) log(id string) string {
	c.t.Helper()
	text, err := c.read(id, LogOptions{})
	if err != nil {
		c.t.Error(err)
	}
	return text
}

func (c *cluster) read(id string, o LogOptions) (string, error) {
	var text bytes.Buffer
	for part, err := range c.Logs(c.context(), id, o) {
		if err != nil {
			return text.String(), err
		}
		text.Write(part.Text)
	}
	return text.String(), nil
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name := range maps.Keys(files) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(files[name]), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pids reads the ids of processes that a job has written to a file, once there are n.
func pids(t *testing.T, file string, n int) (all []int) {
	t.Helper()
	eventually.Holds(t, "its processes run", func() bool {
		text, err := os.ReadFile(file)
		all = nil
		for word := range strings.FieldsSeq(string(text)) {
			pid, wrong := strconv.Atoi(word)
			if wrong != nil {
				return false
			}
			all = append(all, pid)
		}
		return err == nil && len(all) >= n && strings.HasSuffix(string(text), "\n")
	})
	t.Cleanup(func() {
		for _, pid := range all {
			if lives(pid) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	return all
}

// lives reports whether a process is there and is no zombie: nobody may wait for orphans here.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// gone checks that none of the processes is left.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if lives(pid) {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			t.Errorf("process %d is left: %q", pid, line)
		}
	}
}
