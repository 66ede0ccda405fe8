// Package clusterproc supervises the embedded cluster of a notebook: a child process of the kernel, which it starts, finds the address of, and
// ends. The child ends by itself when its standard input does, however the kernel has ended.
//
// The child says where its node is by one line of JSON on its standard output, a Ready; nothing is written to its standard input.
//
// # Usage
//
//	c, err := clusterproc.Start(ctx, clusterproc.Config{Command: []string{"mobula", "start", "--head", "--embedded"}})
//	connect(c.Address())
//	defer c.Close()
//
// # Concurrency
//
// All methods may be called from any goroutine.
//
// # Testing
//
// The test binary stands for the child.
package clusterproc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Config says how to start a cluster.
type Config struct {
	Command []string // the program and its arguments
	Dir     string
	Env     []string
}

// Ready is what the child says when it can be used.
type Ready struct {
	Address string `json:"address"`
	PID     int    `json:"pid"`
}

// Cluster is a running child.
type Cluster struct {
	ready Ready
	cmd   *exec.Cmd
	in    io.Closer
	tail  *tail
	done  chan struct{}
	end   error // set before done is closed

	mu      sync.Mutex // guards below
	closing bool
}

const (
	startTime = 30 * time.Second
	endTime   = 3 * time.Second // a child that is asked to ends within 2 s
)

// Start starts a child and waits until it is ready.
func Start(ctx context.Context, c Config) (*Cluster, error) {
	if len(c.Command) == 0 {
		return nil, errors.New("start a cluster: this kernel has no program for it; connect to one that runs: %cluster connect ADDRESS")
	}
	x := &Cluster{cmd: exec.Command(c.Command[0], c.Command[1:]...), tail: &tail{}, done: make(chan struct{})}
	x.cmd.Dir, x.cmd.Env, x.cmd.Stderr = c.Dir, c.Env, x.tail
	x.cmd.SysProcAttr = sysProcAttr()
	x.cmd.WaitDelay = endTime // what a task has left running may still hold the pipe of stderr
	in, err := x.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	x.in = in
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	if err := x.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	go x.wait() // ends with the child; done tells
	if err := x.await(ctx, out); err != nil {
		_ = x.Close() // the error is told already
		return nil, fmt.Errorf("start a cluster: %w", err)
	}
	return x, nil
}

// await reads the child's line.
func (x *Cluster) await(ctx context.Context, out io.Reader) error {
	line := make(chan []byte, 1)
	go func() { // ends with the line, or the child
		b, _ := bufio.NewReader(out).ReadBytes('\n') // an empty one says enough
		line <- b
	}()
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	select {
	case b := <-line:
		if json.Unmarshal(b, &x.ready) == nil {
			return nil
		}
		select {
		case <-x.done: // all that it has said is there
		case <-time.After(endTime):
		}
		return fmt.Errorf("its process has ended: %s", x.tail)
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return fmt.Errorf("its process says nothing for %v", startTime)
	}
}

func (x *Cluster) wait() {
	err := x.cmd.Wait()
	x.mu.Lock()
	closing := x.closing
	x.mu.Unlock()
	switch {
	case closing:
		err = errors.New("it was stopped")
	case err == nil:
		err = errors.New("its process has ended")
	default:
		err = fmt.Errorf("its process has ended: %w", err)
		if said := x.tail.String(); said != "" {
			err = fmt.Errorf("%w: %s", err, said)
		}
	}
	x.end = err
	close(x.done)
}

// Address is that of the node's socket.
func (x *Cluster) Address() string { return x.ready.Address }

// PID is the child's process.
func (x *Cluster) PID() int { return x.cmd.Process.Pid }

// Done is closed when the child has ended.
func (x *Cluster) Done() <-chan struct{} { return x.done }

// Err tells how the child has ended, nil while it runs.
func (x *Cluster) Err() error {
	select {
	case <-x.done:
		return x.end
	default:
		return nil
	}
}

// Close ends the child and waits for it.
func (x *Cluster) Close() error {
	x.mu.Lock()
	x.closing = true
	x.mu.Unlock()
	_ = x.in.Close() // the child may be gone
	select {
	case <-x.done:
	case <-time.After(endTime):
		_ = x.cmd.Process.Kill() // it may be gone
		<-x.done
	}
	return nil
}

// tail keeps the end of what the child writes to stderr.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailKeep = 4 << 10

// Write keeps the end.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailKeep):]
	return len(b), nil
}

// String is the last line.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	return lines[len(lines)-1]
}
