package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// Config says what a worker is.
type Config struct {
	Node     string // the address of the node's socket
	Worker   id.Worker
	Dir      string // where its own socket is made
	Build    string
	Executor Executor
	Values   map[string]string // for the node, in the handshake
	// Own says that the process does nothing else: the worker sets GOMAXPROCS.
	Own bool
}

// Worker runs tasks.
type Worker struct {
	conf       Config
	exec       Executor
	ctx        context.Context
	node       *frame.Conn
	nodeID     id.Node
	address    string // of its own socket
	processors processors
	runners    *runners
	conns      sync.WaitGroup

	mu     sync.Mutex // guards below
	actors map[id.Actor]*actor
	open   map[*conn]bool
	closed bool
}

// Run serves drivers until the node goes or ctx ends, and then waits for what runs, unless it does not heed its context.
func Run(ctx context.Context, c Config) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &Worker{conf: c, exec: c.Executor, ctx: ctx, actors: map[id.Actor]*actor{}, open: map[*conn]bool{}, runners: newRunners()}
	listener, err := net.Listen("unix", filepath.Join(c.Dir, c.Worker.String()+".sock"))
	if err != nil {
		return fmt.Errorf("worker: listen for drivers: %w", err)
	}
	w.address = listener.Addr().String()
	if err := w.join(ctx); err != nil {
		listener.Close()
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("worker: join node %s: %w", c.Node, err)
	}
	if c.Own && os.Getenv("GOMAXPROCS") == "" { // else its user has decided
		w.processors.own()
		w.conns.Go(func() { w.processors.watch(ctx) })
	}
	w.conns.Go(func() { w.accept(listener) })
	closing := context.AfterFunc(ctx, func() { _ = w.node.Close() })
	err = w.node.Serve(func(byte, []byte) error { return nil })
	closing()
	listener.Close()
	stop(errors.New("the worker's node has gone"))
	w.closeAll()
	w.conns.Wait()
	w.drain()
	_ = w.node.Close()
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("worker: %w", err)
}

// join connects to the node and tells it where drivers find this worker.
func (w *Worker) join(ctx context.Context) error {
	stream, err := net.Dial("unix", w.conf.Node)
	if err != nil {
		return err
	}
	w.node = frame.New(stream)
	values := map[string]string{"worker": w.conf.Worker.String()}
	maps.Copy(values, w.conf.Values)
	peer, _, err := w.node.Handshake(ctx, frame.Hello{Role: "worker", Build: w.conf.Build, PID: os.Getpid(), Values: values})
	if err != nil {
		w.node.Abort()
		return err
	}
	w.nodeID, _ = id.Parse[id.Node](peer.Values["node"]) // only for messages to users
	return w.node.Send(wire.KindWorkerReady, wire.JSON(wire.WorkerReady{Worker: w.conf.Worker, Address: w.address}))
}

func (w *Worker) accept(l net.Listener) {
	for {
		stream, err := l.Accept()
		if err != nil {
			return // closed
		}
		c := &conn{Conn: frame.NewBlocking(stream), w: w, pending: map[id.Task]*Task{}}
		w.mu.Lock()
		closed := w.closed
		w.open[c] = true
		w.mu.Unlock()
		if closed {
			c.Abort()
			return
		}
		w.conns.Go(c.serve)
	}
}

// start has f run on a goroutine of the worker.
func (w *Worker) start(f func()) { w.runners.run(w.ctx, f) }

// startLoop is start for what runs tasks until none waits. Where one of them ends its goroutine, another goes on.
func (w *Worker) startLoop(f func()) {
	w.start(func() {
		returned := false
		defer func() {
			if !returned {
				w.startLoop(f)
			}
		}()
		f()
		returned = true
	})
}

// drain waits for tasks to heed the end of their contexts, for a while.
func (w *Worker) drain() {
	ended := make(chan struct{})
	go func() { // ends with the last task
		w.runners.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(drainTime):
	}
}

// drainTime is how long a worker that ends waits for its tasks.
const drainTime = time.Second

func (w *Worker) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for c := range w.open {
		go c.Abort() // ends serve, which conns waits for
	}
}
