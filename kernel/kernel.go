package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mobula/interp"
	"mobula/kernel/evaluate"
	"mobula/kernel/history"
	"mobula/kernel/magic"
	"mobula/kernel/wire"
)

// closeTimeout is how long the end of cells and of the engine is waited for.
const closeTimeout = 4 * time.Second // jupyter_client kills after 5 s

// Options says what a kernel is made of.
type Options struct {
	Connection wire.ConnectionInfo
	// Open starts the engine. It is called once, in the background, so that the kernel answers at once.
	Open func(ctx context.Context, sink interp.Sink) (interp.Engine, error)
	// Log gets what is not for front ends; nil discards it.
	Log *slog.Logger
	// HistoryDir is where the input history is kept; "" keeps it in memory only.
	HistoryDir string
	// Magics are the commands that cells may use; nil means magic.New().
	Magics *magic.Registry
	// Comms answer the comms that front ends open, by target. Cells answer others.
	Comms map[string]CommHandler
	// Version of the program, for kernel_info.
	Version string
}

// Kernel is a running kernel.
type Kernel struct {
	opts    Options
	log     *slog.Logger
	session string
	codec   *wire.Codec
	history *history.Store

	shell, control, stdin *wire.Router
	iopub                 *wire.Publisher
	heartbeat             *wire.Heartbeat

	count     atomic.Int64 // executions that were counted
	quiet     atomic.Int64 // executions that were not
	outputs   *outputs
	input     *input
	comms     *comms
	evaluator *evaluate.Runner
	lanes     *lanes
	language  *worker // complete, inspect, is_complete
	queries   *worker // comm_info, history

	ctx    context.Context // ends when the kernel is asked to stop
	cancel context.CancelFunc
	wg     sync.WaitGroup // all goroutines but those of sockets

	opened  chan struct{} // closed when the engine is there or has failed
	engine  interp.Engine // valid after opened
	openErr error
}

// Start binds the channels, begins to answer, and opens the engine in the background. The
// kernel stops when ctx ends.
func Start(ctx context.Context, opts Options) (*Kernel, error) {
	k := &Kernel{opts: opts, log: opts.Log, session: wire.NewID(), codec: wire.NewCodec(opts.Connection.Key), opened: make(chan struct{})}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.opts.Magics == nil {
		k.opts.Magics = magic.New()
	}
	k.ctx, k.cancel = context.WithCancel(ctx)
	k.openHistory()
	k.outputs = newOutputs(k)
	k.input = &input{k: k, turn: make(chan struct{}, 1)}
	k.comms = newComms(k)
	k.evaluator = &evaluate.Runner{Engine: k.ready, Magics: k.opts.Magics, Log: k.log}
	k.lanes = newLanes(k)
	k.language, k.queries = newWorker(k), newWorker(k)
	k.wg.Go(k.openEngine)
	if err := k.bind(); err != nil {
		k.cancel()
		return nil, errors.Join(err, k.Wait())
	}
	return k, nil
}

func (k *Kernel) openHistory() {
	store, err := history.Open(k.opts.HistoryDir)
	if err != nil {
		k.log.Warn("input history is kept in memory only", "err", err)
		store, _ = history.Open("")
	}
	k.history = store
}

func (k *Kernel) openEngine() {
	defer close(k.opened)
	k.engine, k.openErr = k.opts.Open(k.ctx, k.outputs)
	if k.openErr != nil {
		k.log.Error("open the engine", "err", k.openErr)
	}
}

// ready returns the engine once it is open.
func (k *Kernel) ready(ctx context.Context) (interp.Engine, error) {
	select {
	case <-k.opened:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if k.openErr != nil {
		return nil, fmt.Errorf("the cell engine did not start: %w", k.openErr)
	}
	return k.engine, nil
}

// bind listens on all channels. iopub comes first: every other channel publishes there.
func (k *Kernel) bind() (err error) {
	c := &k.opts.Connection
	if k.iopub, err = wire.ListenPublisher(c.IOPub(), k.log, k.welcome); err != nil {
		return err
	}
	if k.heartbeat, err = wire.ListenHeartbeat(c.Heartbeat(), k.log); err != nil {
		return err
	}
	// A handler may get a message before its Router is stored: hold messages back until all are bound.
	bound := make(chan struct{})
	defer close(bound)
	listen := func(name string, at wire.Endpoint, serve func(*request), to **wire.Router) {
		if err != nil {
			return
		}
		*to, err = wire.ListenRouter(name, at, k.log, func(frames [][]byte) {
			<-bound
			if r := k.decode(name, *to, frames); r != nil {
				serve(r)
			}
		})
	}
	listen("stdin", c.Stdin(), k.onStdin, &k.stdin)
	listen("control", c.Control(), k.onControl, &k.control)
	listen("shell", c.Shell(), k.onShell, &k.shell)
	return err
}

// Addr returns the bound address of a channel: shell, control, stdin, iopub or hb.
func (k *Kernel) Addr(channel string) net.Addr {
	switch channel {
	case "shell":
		return k.shell.Addr()
	case "control":
		return k.control.Addr()
	case "stdin":
		return k.stdin.Addr()
	case "iopub":
		return k.iopub.Addr()
	default:
		return k.heartbeat.Addr()
	}
}

// Interrupt stops the cells that run, in all subshells, and the comm handlers of cells. With none running it does nothing.
func (k *Kernel) Interrupt() {
	k.lanes.interrupt()
	if e, ok := k.commEngine(); ok {
		e.InterruptComms()
	}
}

// Engine returns the engine, once it is there.
func (k *Kernel) Engine(ctx context.Context) (interp.Engine, error) { return k.ready(ctx) }

// Stop asks the kernel to end; Wait returns when it has.
func (k *Kernel) Stop() { k.cancel() }

// Wait blocks until the kernel is stopped, then ends cells and engine, writes what is queued and
// closes the channels.
func (k *Kernel) Wait() error {
	<-k.ctx.Done()
	k.lanes.interrupt()
	ended := make(chan error, 1)
	go func() { // left behind, with the process at its end, if the engine hangs
		<-k.opened
		var err error
		if k.engine != nil {
			err = k.engine.Close()
		}
		k.comms.wait()
		k.wg.Wait()
		ended <- err
	}()
	var err error
	select {
	case err = <-ended:
	case <-time.After(closeTimeout):
		err = fmt.Errorf("cells or engine did not end within %v", closeTimeout)
	}
	k.outputs.stopViews() // of an engine that hangs too
	return errors.Join(err, k.closeSockets(), k.history.Close())
}

func (k *Kernel) closeSockets() error {
	var err error
	for _, r := range []*wire.Router{k.shell, k.control, k.stdin} {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	if k.iopub != nil {
		err = errors.Join(err, k.iopub.Close())
	}
	if k.heartbeat != nil {
		err = errors.Join(err, k.heartbeat.Close())
	}
	return err
}

// welcome is what a new subscriber of iopub gets first.
func (k *Kernel) welcome(subscription string) [][]byte {
	frames, err := k.encode(subscription, nil, "iopub_welcome", object{"subscription": subscription}, nil, nil)
	if err != nil {
		k.log.Error("encode the welcome", "err", err)
	}
	return frames
}

// object is a JSON object to send.
type object = map[string]any

// publish sends a message to all subscribers of iopub.
func (k *Kernel) publish(parent json.RawMessage, msgType string, content any) {
	k.publishFull(parent, msgType, content, nil, nil)
}

func (k *Kernel) publishFull(parent json.RawMessage, msgType string, content, metadata any, buffers [][]byte) {
	frames, err := k.encode("kernel."+k.session+"."+msgType, parent, msgType, content, metadata, buffers)
	if err != nil {
		k.log.Error("publish", "type", msgType, "err", err)
		return
	}
	if k.iopub != nil {
		k.iopub.Publish(frames)
	}
}

// encode returns the frames of a new message; first is its first frame, a topic or an identity.
func (k *Kernel) encode(first string, parent json.RawMessage, msgType string, content, metadata any, buffers [][]byte) ([][]byte, error) {
	m := wire.Message{Identities: [][]byte{[]byte(first)}, Header: wire.NewHeader(k.session, msgType), Parent: parent, Buffers: buffers}
	var err error
	if m.Content, err = wire.Marshal(content); err != nil {
		return nil, fmt.Errorf("encode the content of %s: %w", msgType, err)
	}
	if metadata != nil {
		if m.Metadata, err = wire.Marshal(metadata); err != nil {
			return nil, fmt.Errorf("encode the metadata of %s: %w", msgType, err)
		}
	}
	return k.codec.Encode(&m)
}
