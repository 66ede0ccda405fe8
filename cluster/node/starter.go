package node

import (
	"context"
	"io"
	"os"

	"mobula/cluster/wire"
	"mobula/internal/crash"
	"mobula/internal/id"
)

// WorkerSpec says what worker to start.
type WorkerSpec struct {
	Worker  id.Worker
	Node    string // address of the node's socket
	Dir     string // where its own socket belongs
	Class   wire.Class
	Devices []string // GPUs that it may use
	HasGPUs bool     // the node has some, so that those of others must be hidden
	// What the driver registered under Class.Program; empty where it registered none.
	Path string
	Args []string
	Env  []string
	// Stdout and Stderr take what bypasses the worker's own routing of output.
	Stdout, Stderr io.Writer
}

// Starter starts workers: Processes or a Function.
type Starter interface {
	// Start returns without waiting for the worker to get ready. The worker ends when ctx does.
	Start(ctx context.Context, spec WorkerSpec) (Process, error)
}

// Process is a worker that was started.
type Process interface {
	PID() int
	// Kill ends it at once, with all that it has started.
	Kill()
	// Wait returns when it has ended and its output was written.
	Wait() crash.End
}

// Function is a Starter for workers in this process: each is a call on a goroutine of its own. Nothing can stop one that does not heed ctx,
// so it must; memory limits and devices of its class are for it to heed, too.
type Function func(ctx context.Context, spec WorkerSpec) error

// Start calls the function.
func (f Function) Start(ctx context.Context, spec WorkerSpec) (Process, error) {
	c := &call{done: make(chan struct{})}
	ctx, c.cancel = context.WithCancel(ctx)
	go func() { // Wait waits for it
		defer close(c.done)
		defer c.cancel()
		c.err = f(ctx, spec)
	}()
	return c, nil
}

// call is a worker that runs in this process.
type call struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // set before done is closed
}

func (c *call) PID() int { return os.Getpid() }
func (c *call) Kill()    { c.cancel() }
func (c *call) Wait() crash.End {
	<-c.done
	if c.err != nil {
		return crash.End{Reason: c.err.Error(), Code: -1}
	}
	return crash.End{Reason: "its function has returned"}
}
