package clusterproc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// child is a process with a node in it.
type child struct {
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

// startChild starts a process and waits until it is ready.
func startChild(ctx context.Context, command []string, dir string, env []string) (*child, error) {
	x := &child{cmd: exec.Command(command[0], command[1:]...), tail: &tail{}, done: make(chan struct{})}
	x.cmd.Dir, x.cmd.Env, x.cmd.Stderr = dir, env, x.tail
	x.cmd.SysProcAttr = sysProcAttr()
	x.cmd.WaitDelay = endTime // what a task has left running may still hold the pipe of stderr
	in, err := x.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	x.in = in
	out, err := x.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := x.cmd.Start(); err != nil {
		return nil, err
	}
	go x.wait() // ends with the child; done tells
	if err := x.await(ctx, out); err != nil {
		x.close()
		return nil, err
	}
	return x, nil
}

// await reads the child's line.
func (x *child) await(ctx context.Context, out io.Reader) error {
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
		return &EndedError{Why: x.tail.String(), Said: x.tail.all()}
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout.C:
		return fmt.Errorf("its process says nothing for %v", startTime)
	}
}

func (x *child) wait() {
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

// err tells how the child has ended, nil while it runs.
func (x *child) err() error {
	select {
	case <-x.done:
		return x.end
	default:
		return nil
	}
}

// close ends the child and waits for it.
func (x *child) close() {
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
}

// tail keeps the end of what the child writes to stderr.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailKeep = 64 << 10

// Write keeps the end.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailKeep):]
	return len(b), nil
}

// all is what is kept.
func (t *tail) all() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// String is the line that says why a child has ended: that of a command's error, which a hint may follow, or the last one.
func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(t.all()), "\n")
	for _, line := range slices.Backward(lines) {
		if why, ok := strings.CutPrefix(line, "mobula: "); ok {
			return why
		}
	}
	return lines[len(lines)-1]
}

// EndedError is the failure of a process that has ended before it was ready.
type EndedError struct {
	Why  string // one line
	Said string // all that it has written to stderr
}

// Error has the one line.
func (e *EndedError) Error() string { return "its process has ended: " + e.Why }
