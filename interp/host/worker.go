package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"mobula/cluster/session"
	"mobula/cluster/worker"
	"mobula/interp/host/hook"
)

// work runs tasks until the node that has started this process goes.
func work() error {
	name := os.Getenv(EnvSession)
	if name == "" {
		return errors.New("the session that its code is of is not in " + EnvSession + ": the driver must be a session host")
	}
	debug.SetMaxStack(maxStack)
	c, err := link(name)
	if err != nil {
		return err
	}
	out := &taskOutput{tasks: map[*worker.Task]*streams{}}
	hook.InstallOutput(out.write)
	if err := session.RunWorker(context.Background(), c.program, ""); err != nil {
		return fmt.Errorf("session %s: %w", name, err)
	}
	return nil
}

// taskOutput sends what tasks write to the drivers of their jobs, in whole lines where it can.
type taskOutput struct {
	mu    sync.Mutex // guards below, and the order of what is sent
	tasks map[*worker.Task]*streams
	armed bool
}

// taskFlushDelay is how long the lines of a task wait for more.
const taskFlushDelay = 10 * time.Millisecond

// write is the hook of package os; what no task writes goes to the file descriptor, and so to the node.
func (o *taskOutput) write(fd int, b []byte) (int, error, bool) {
	t := worker.Current()
	if t == nil || fd != 1 && fd != 2 {
		return 0, nil, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.tasks[t]
	if s == nil {
		s = &streams{}
		o.tasks[t] = s
		t.AtEnd(func() { o.end(t) })
	}
	s.buf[fd-1] = append(s.buf[fd-1], b...)
	if len(s.buf[fd-1]) >= flushSize {
		o.send(t, fd-1, len(s.buf[fd-1]))
	} else if !o.armed {
		o.armed = true
		time.AfterFunc(taskFlushDelay, o.flush)
	}
	return len(b), nil, true
}

// flush sends what waits. A line without an end gets one more delay.
func (o *taskOutput) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, s := range o.tasks {
		left := false
		for i := range s.buf {
			whole := bytes.LastIndexByte(s.buf[i], '\n') + 1
			if s.late[i] && whole == 0 {
				whole = len(s.buf[i])
			}
			if whole > 0 {
				o.send(t, i, whole)
			}
			s.late[i] = len(s.buf[i]) > 0
			left = left || s.late[i]
		}
		if !left {
			delete(o.tasks, t)
		}
	}
	if o.armed = len(o.tasks) > 0; o.armed {
		time.AfterFunc(taskFlushDelay, o.flush)
	}
}

// end sends all that a task has written.
func (o *taskOutput) end(t *worker.Task) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if s := o.tasks[t]; s != nil {
		for i := range s.buf {
			if n := len(s.buf[i]); n > 0 {
				o.send(t, i, n)
			}
		}
		delete(o.tasks, t)
	}
}

// send sends the first n bytes of a stream; o.mu is held.
func (o *taskOutput) send(t *worker.Task, stream, n int) {
	s := o.tasks[t]
	_ = t.Log(streamNames[stream], string(s.buf[stream][:n])) // without a node this process ends
	s.buf[stream] = append(s.buf[stream][:0], s.buf[stream][n:]...)
}
