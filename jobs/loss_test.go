//go:build linux

package jobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/internal/eventually"
)

// TestHeadRestarts: a job runs on while the head is away, and ends meanwhile; the head knows everything when it is back.
func TestHeadRestarts(t *testing.T) {
	c := startCluster(t)
	c.join("here")
	dir := t.TempDir()
	waits := func(name string) Spec {
		return sh("echo %[1]s begins; while ! [ -e %[2]s/%[1]s ]; do sleep 0.02; done; echo %[1]s ends; echo x > out", name, dir)
	}
	touch := func(name string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	long, short := waits("long"), waits("short")
	long.Outputs, short.Outputs = []string{"out"}, []string{"out"}
	a, b := c.submit(long), c.submit(short)
	a, b = c.becomes(a.ID, "it runs", running), c.becomes(b.ID, "it runs", running)
	followed := make(chan string, 1)
	go func() { // ends with the job
		text, err := c.read(a.ID, LogOptions{Follow: true})
		if err != nil {
			text += err.Error()
		}
		followed <- text
	}()
	if err := c.head.Close(); err != nil {
		t.Fatal(err)
	}
	touch("short")
	eventually.Holds(t, "the short one ends", func() bool { return !lives(b.Attempts[0].PID) })
	if !lives(a.Attempts[0].PID) {
		t.Error("the long one has ended with the head")
	}
	c.startHead()
	b = c.ends(b.ID, Succeeded)
	if c.log(b.ID) != "short begins\nshort ends\n" || len(b.Outputs) != 1 {
		t.Errorf("%q, %+v", c.log(b.ID), b.Outputs)
	}
	touch("long")
	now := c.ends(a.ID, Succeeded)
	if len(now.Attempts) != 1 || now.Attempts[0].PID != a.Attempts[0].PID || len(now.Outputs) != 1 {
		t.Errorf("%+v", now)
	}
	if text := <-followed; text != "long begins\nlong ends\n" {
		t.Errorf("who followed it read %q", text)
	}
	if err := c.head.Close(); err != nil { // it has both, and their logs
		t.Fatal(err)
	}
	c.startHead()
	if got := c.log(b.ID); got != "short begins\nshort ends\n" {
		t.Errorf("%q", got)
	}
	if all, err := c.List(c.context()); err != nil || len(all) != 2 {
		t.Error(all, err)
	}
}

// TestNodeIsLost: a job fails with its node, or is tried on another one, after the lease of the first.
func TestNodeIsLost(t *testing.T) {
	c := startCluster(t)
	way := &line{c: c}
	c.join("first", license, func(conf *node.Config) { conf.Head.Dial = way.dial })
	dir := t.TempDir()
	s := sh("echo on $MOBULA_JOB_ATTEMPT; echo $$ > %s/pid$MOBULA_JOB_ATTEMPT; [ $MOBULA_JOB_ATTEMPT -eq 2 ] || sleep 1000", dir)
	s.Resources = map[string]float64{"license": 1}
	s.Retries = 1
	retried := c.submit(s)
	c.becomes(retried.ID, "it runs", running)
	once := c.submit(sh("echo once; echo $$ > %s/pid0; sleep 1000", dir))
	c.becomes(once.ID, "it runs", running)
	c.join("second", license)
	processes := append(pids(t, filepath.Join(dir, "pid1"), 1), pids(t, filepath.Join(dir, "pid0"), 1)...)
	way.cut(true)
	job := c.ends(once.ID, Failed)
	if !strings.HasPrefix(job.Message, "first died: not heard from") {
		t.Error(job.Message)
	}
	if _, err := c.read(once.ID, LogOptions{}); err == nil || !strings.Contains(err.Error(), "is lost with its node: first died") {
		t.Error(err)
	}
	job = c.ends(retried.ID, Succeeded)
	if len(job.Attempts) != 2 || job.Attempts[1].NodeName != "second" || job.Attempts[1].Placed-job.Attempts[0].Ended < (quick.Lease-quick.Dead).Milliseconds()/2 {
		t.Errorf("%+v", job.Attempts)
	}
	if got := c.log(retried.ID); got != "on 2\n" {
		t.Errorf("%q", got)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", processes[0]))
	if err != nil || !strings.Contains(string(stat), ") T ") {
		t.Errorf("what may run twice is not paused: %s, %v", stat, err)
	}
	way.cut(false)
	eventually.Holds(t, "what the first node ran ends when it hears of that", func() bool { return !lives(processes[0]) && !lives(processes[1]) })
	eventually.Holds(t, "it is a node again", func() bool {
		nodes, err := headwire.Ask(c.context(), c.caller, headwire.ListNodes, headwire.None{})
		return err == nil && len(nodes) == 2 && nodes[0].State == "alive" && nodes[1].State == "alive"
	})
}

// line is a node's way to the head, which can be cut.
type line struct {
	c *cluster

	mu    sync.Mutex // guards below
	down  bool
	conns []net.Conn
}

func (l *line) dial(ctx context.Context) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.New("the line is cut")
	}
	conn, err := l.c.dial(ctx)
	if err == nil {
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *line) cut(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down = down; !down {
		return
	}
	for _, conn := range l.conns {
		_ = conn.Close() // it may be closed
	}
	l.conns = nil
}
