// Package host is the session host: the process in which a notebook's Go code lives. It
// serves the requests of package hostrpc, runs cells on goroutines of their own, routes what they
// write, turns their panics into reports, and stops them.
//
// A goroutine belongs to the cell that started it, or whose goroutine started it (see
// package hook). Output is credited by that, a stop reaches all of them, and one that
// panics ends alone.
//
// # Usage
//
//	func main() { host.Main() } // with a hostrpc connection as file descriptor 3
//
// # Concurrency
//
// Requests run one after another; Interrupt, InputReply and messages of comms take effect at once. Lock order:
// Host.mu, router.mu, the connection's; comms.mu is held while none of them is.
//
// # Testing
//
// TestHost builds a real host with the overlay and talks to it over hostproc. Without the
// overlay New still serves, but cannot stop goroutines or survive a goroutine's panic.
package host

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"mobula/cluster/wire"
	"mobula/display"
	"mobula/internal/cellio"
	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
	"mobula/widgets"
)

// Digest identifies the source that the host was built from. Set at link time.
var Digest string

// EnvGOROOT names the environment variable that says where the toolchain is.
const EnvGOROOT = "MOBULA_GOROOT"

// maxStack is the limit of one goroutine's stack in bytes: endless recursion ends before memory does.
const maxStack = 256 << 20

// Host serves one kernel.
type Host struct {
	conn  *hostrpc.HostConn
	code  Code
	out   *router
	stops *stopper
	input inputs
	logs  *taskLogs
	tasks *taskProgress
	where questions[*hostrpc.Address]
	comms *comms

	functions functions

	mu      sync.Mutex // guards below
	wake    sync.Cond
	queue   []*task
	closed  bool
	current *cellrt.Run // of the request that is executed
	last    int         // the cell that ran last
}

// task is a request in the queue.
type task struct {
	req         *hostrpc.Request
	interrupted bool
}

// Main serves the kernel on file descriptor 3 until it goes, and ends the process group then. In a process that
// a node of a cluster has started it runs tasks instead.
func Main() {
	if os.Getenv(wire.EnvWorker) != "" {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, "mobula worker:", err)
			syscall.Exit(1)
		}
		return
	}
	conn, err := inherited()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mobula session host:", err)
		syscall.Exit(2)
	}
	code, err := newCode()
	h := New(conn, code)
	h.install()
	if c, ok := code.(linked); ok {
		h.hostSessions(c.program)
	}
	if err := h.Serve(err); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintln(os.Stderr, "mobula session host:", err)
	}
	endGroup()
}

// inherited returns the connection that the kernel has left as file descriptor 3.
func inherited() (*hostrpc.HostConn, error) {
	syscall.CloseOnExec(3)
	f := os.NewFile(3, "kernel")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("file descriptor 3 is not the kernel's socket (the kernel starts this program): %w", err)
	}
	return hostrpc.New[hostrpc.Event, hostrpc.Request](c), nil
}

// endGroup ends this process and what its cells have started.
func endGroup() {
	if syscall.Getpgrp() == syscall.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL) // does not return
	}
	syscall.Exit(0)
}

// New returns a host that serves conn and executes code.
func New(conn *hostrpc.HostConn, code Code) *Host {
	h := &Host{conn: conn, code: code}
	h.wake.L = &h.mu
	h.out = newRouter(conn.Send)
	h.stops = newStopper(h.giveUp)
	h.comms = newComms(h)
	h.logs = newTaskLogs(func(cell, stream int, text string) {
		_ = h.out.write(cell, stream, []byte(text)) // a lost kernel is noticed by the receiver
	})
	h.tasks = newTaskProgress(func(cell int, d cellio.Display) {
		_ = h.out.sendAfter(cell, &hostrpc.Event{Display: &hostrpc.Display{Cell: cell, Display: d}}) // as above
	})
	return h
}

// install makes this process's hooks call the host. Once per process.
func (h *Host) install() {
	debug.SetMaxStack(maxStack)
	cellrt.Owner = hook.Owner
	cellrt.Detach = func() { hook.SetOwner(nil) }
	cellrt.Formatter = display.Of
	cellio.Install(h.port())
	hook.Install(hook.Hooks{
		StopValue: cellrt.Interrupt{},
		Panicked:  h.panicked,
		Write:     h.write,
		Read:      h.input.readFor(h),
		Exit:      h.exiting,
	})
}

// Serve says hello and serves requests until the kernel goes. loadErr tells why code cannot be loaded.
func (h *Host) Serve(loadErr error) error {
	hello := &hostrpc.Hello{PID: os.Getpid(), Digest: Digest, GoVersion: runtime.Version(), Packages: h.code.Packages()}
	if loadErr != nil {
		hello.Err = loadErr.Error()
	}
	if err := h.conn.Send(&hostrpc.Event{Hello: hello}); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(h.work)
	err := h.receive()
	h.mu.Lock()
	h.closed = true
	h.wake.Broadcast()
	h.mu.Unlock()
	if !errors.Is(err, io.EOF) {
		return err
	}
	return nil // Main ends the process; a cell that runs is not waited for
}

// receive reads requests until the connection ends.
func (h *Host) receive() error {
	for {
		req, err := h.conn.Receive()
		if err != nil {
			return err
		}
		switch {
		case req.Interrupt != nil && req.Interrupt.Comms:
			h.comms.interrupt()
		case req.Interrupt != nil:
			h.interrupt(req.Interrupt.Cell)
			if req.ID != 0 {
				h.reply(&hostrpc.Reply{ID: req.ID})
			}
		case req.InputReply != nil:
			h.input.reply(req.InputReply.Token, req.InputReply)
		case req.CancelTasks != nil:
			go cancelTasks(req.CancelTasks.Cell) // it may wait for the node; ends when all are told
		case req.CancelView != nil:
			r := &hostrpc.Reply{ID: req.ID}
			if err := widgets.Cancel(req.CancelView.ID); err != nil {
				r.Fault = &hostrpc.Fault{Message: err.Error()}
			}
			h.reply(r)
		case req.Address != nil:
			h.where.reply(req.Address.Token, req.Address)
		case req.Comm != nil:
			h.comms.receive(req)
		default:
			h.mu.Lock()
			h.queue = append(h.queue, &task{req: req})
			h.wake.Signal()
			h.mu.Unlock()
		}
	}
}

// work executes queued requests.
func (h *Host) work() {
	for {
		h.mu.Lock()
		for len(h.queue) == 0 && !h.closed {
			h.wake.Wait()
		}
		if h.closed {
			h.mu.Unlock()
			return
		}
		t := h.queue[0]
		h.queue = h.queue[1:]
		run := cellrt.NewRun(t.req.CellNumber())
		h.current = run
		h.last = cmp.Or(run.Cell, h.last)
		interrupted := t.interrupted
		h.mu.Unlock()

		start := time.Now()
		r := &hostrpc.Reply{Interrupted: true}
		if !interrupted {
			r = h.serve(run, t.req)
		}
		r.ID, r.Elapsed = t.req.ID, int64(time.Since(start))
		h.mu.Lock()
		h.current = nil
		h.mu.Unlock()
		h.tasks.ended(run.Cell)
		if run.Cell != 0 {
			h.comms.cellEnded()
		}
		h.out.flush(run.Cell)
		if r.ID != 0 {
			h.reply(r)
		}
	}
}

func (h *Host) reply(r *hostrpc.Reply) {
	if err := h.conn.Send(&hostrpc.Event{Reply: r}); err != nil {
		endGroup() // the kernel has gone
	}
}

// interrupt stops the runs of a cell, or of all cells, started or queued.
func (h *Host) interrupt(cell int) {
	hit := func(c int) bool { return cell == 0 || cell == c }
	h.mu.Lock()
	for _, t := range h.queue {
		if hit(t.req.CellNumber()) && (t.req.Load != nil || t.req.Run != nil || t.req.Eval != nil) {
			t.interrupted = true
		}
	}
	current := h.current
	h.mu.Unlock()
	if current != nil && hit(current.Cell) {
		current.Stop()
	}
	for _, g := range hook.Goroutines(nil) {
		if r := (*cellrt.Run)(g.Owner); hit(r.Cell) {
			r.Stop()
		}
	}
	h.stops.start()
}

// cellHere returns the cell that the calling goroutine belongs to: one that nobody
// started counts for the cell that runs, or ran last.
func (h *Host) cellHere() int {
	if r := (*cellrt.Run)(hook.Owner()); r != nil {
		return r.Cell
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// giveUp ends the host: a cell was asked to stop and does not.
func (h *Host) giveUp(r *cellrt.Run) {
	h.out.flushAll()
	e := &hostrpc.Exiting{Cell: r.Cell, Code: exitBusy, Reason: "the cell was interrupted, but code that it called outside the notebook kept computing for 5 s"}
	_ = h.conn.Send(&hostrpc.Event{Exiting: e}) // the exit code says the same
	syscall.Exit(exitBusy)
}

// exitBusy is the exit status of giveUp.
const exitBusy = 86

// owner is what hook keeps of a run.
func owner(r *cellrt.Run) unsafe.Pointer { return unsafe.Pointer(r) }
