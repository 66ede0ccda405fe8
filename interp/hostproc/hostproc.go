//go:build unix

// Package hostproc supervises one session host: it starts the process, carries the
// conversation of package hostrpc, collects what bypasses it on file descriptors 1 and 2, and explains
// how the host ended.
//
// # Usage
//
//	p, err := hostproc.Start(ctx, hostproc.Config{Path: host, Dir: dir, OnEvent: show})
//	reply, err := p.Call(ctx, &hostrpc.Request{Run: &hostrpc.Run{Cell: 3, Func: "main.cell_3"}})
//	<-p.Done()
//	fmt.Println(p.Exit().Reason)
//
// # Concurrency
//
// All methods may be called from any goroutine. OnEvent is called from one goroutine at a time, in
// the order of the host, and must not call Call. When Call returns, all output of that
// request has been handed to OnEvent.
//
// # Testing
//
// TestMain lets the test binary stand for a host; the tests of real hosts build one.
package hostproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"mobula/interp/hostrpc"
)

// Config says which host to start and how.
type Config struct {
	Path string   // the host's binary
	Args []string // further arguments
	Dir  string   // working directory
	Env  []string // nil: this process's
	// OnEvent gets every event but Hello and Reply.
	OnEvent func(*hostrpc.Event)
	// MemoryLimit is how many bytes the host may hold, 0: nearly all that the machine has.
	MemoryLimit int64
}

// Exit says how a host ended.
type Exit struct {
	Reason  string // one line
	Cell    int    // the cell that did it, 0 if unknown
	Code    int    // exit status; 128 + signal
	Frames  []hostrpc.Frame
	Detail  string // what the runtime printed, bounded
	Planned bool   // Close was called
}

// Process is a running session host.
type Process struct {
	Hello *hostrpc.Hello

	conf  Config
	cmd   *exec.Cmd
	conn  *hostrpc.KernelConn
	raw   [2]*rawStream // stdout, stderr
	emit  sync.Mutex    // one OnEvent at a time
	ended chan struct{} // the process has ended
	done  chan struct{} // all is collected
	exit  Exit          // set before done is closed

	mu          sync.Mutex // guards below
	next        uint64
	calls       map[uint64]call
	running     int // cell of the oldest call
	closing     bool
	exiting     *hostrpc.Exiting
	outOfMemory string // why the host was ended for lack of memory
}

type call struct {
	cell  int
	reply chan *hostrpc.Reply
}

// ErrExited is wrapped by errors of calls that the host's end has cut off; Exit tells more.
var ErrExited = errors.New("the session host has ended")

// Start starts a host and waits for its Hello.
func Start(ctx context.Context, c Config) (*Process, error) {
	p := &Process{conf: c, ended: make(chan struct{}), done: make(chan struct{}), calls: map[uint64]call{}}
	hello := make(chan *hostrpc.Hello, 1)
	if err := p.start(hello); err != nil {
		return nil, fmt.Errorf("start the session host %s: %w", c.Path, err)
	}
	select {
	case p.Hello = <-hello:
		return p, nil
	case <-p.done:
		return nil, fmt.Errorf("start the session host %s: %s\n%s", c.Path, p.exit.Reason, p.exit.Detail)
	case <-ctx.Done():
		p.kill()
		<-p.done
		return nil, fmt.Errorf("start the session host %s: %w", c.Path, ctx.Err())
	}
}

func (p *Process) start(hello chan<- *hostrpc.Hello) error {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|closeOnExec, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	for _, fd := range fds {
		syscall.CloseOnExec(fd) // where Socketpair cannot say it
	}
	mine, theirs := os.NewFile(uintptr(fds[0]), "session host"), os.NewFile(uintptr(fds[1]), "kernel")
	defer mine.Close()
	defer theirs.Close()
	c, err := net.FileConn(mine)
	if err != nil {
		return fmt.Errorf("use a socket: %w", err)
	}
	p.conn = hostrpc.New[hostrpc.Request, hostrpc.Event](c)
	p.cmd = exec.Command(p.conf.Path, p.conf.Args...)
	p.cmd.Dir, p.cmd.Env = p.conf.Dir, p.conf.Env
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.SysProcAttr = sysProcAttr()
	var writers [2]*os.File
	for i := range p.raw {
		if p.raw[i], writers[i], err = newRawStream(p, i); err != nil {
			c.Close()
			return err
		}
		defer writers[i].Close()
	}
	p.cmd.Stdout, p.cmd.Stderr = writers[0], writers[1]
	waited := make(chan error, 1)
	started := make(chan error)
	// The kernel signals the host when the thread that has started it ends: this one stays.
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			waited <- p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		c.Close()
		p.raw[0].close()
		p.raw[1].close()
		return err
	}
	preferForOOM(p.cmd.Process.Pid)
	go p.supervise(hello, waited) // ends with the process; done tells
	return nil
}

// supervise reads events until the host ends, and then finds out why.
func (p *Process) supervise(hello chan<- *hostrpc.Hello, waited <-chan error) {
	var readers sync.WaitGroup
	for _, r := range p.raw {
		readers.Go(r.read)
	}
	var watch sync.WaitGroup
	watch.Go(p.watchMemory)
	p.receive(hello)
	var err error
	select {
	case err = <-waited:
	case <-time.After(endGrace): // it has closed the connection but does not end
		p.kill()
		err = <-waited
	}
	close(p.ended)
	watch.Wait()
	p.kill() // its children
	for _, r := range p.raw {
		r.drainAndClose()
	}
	readers.Wait()
	p.finish(err)
}

// endGrace is how long a host may take to end after its connection.
const endGrace = 2 * time.Second

func (p *Process) finish(err error) {
	p.mu.Lock()
	p.exit = explain(p.cmd.ProcessState, err, p.exiting, p.raw[1].crash())
	p.exit.Planned = p.closing
	if p.outOfMemory != "" {
		p.exit.Reason = p.outOfMemory
	}
	if p.exit.Cell == 0 && !p.closing {
		p.exit.Cell = p.running
	}
	calls := p.calls
	p.calls = nil
	p.mu.Unlock()
	p.conn.Close()
	close(p.done)
	for _, c := range calls {
		close(c.reply)
	}
}

func (p *Process) receive(hello chan<- *hostrpc.Hello) {
	for {
		e, err := p.conn.Receive()
		switch {
		case err != nil:
			return
		case e.Hello != nil:
			hello <- e.Hello
		case e.Reply != nil:
			p.reply(e.Reply)
		default:
			if e.Exiting != nil {
				p.mu.Lock()
				p.exiting = e.Exiting
				p.mu.Unlock()
			}
			p.event(e)
		}
	}
}

func (p *Process) event(e *hostrpc.Event) {
	p.emit.Lock()
	defer p.emit.Unlock()
	if p.conf.OnEvent != nil {
		p.conf.OnEvent(e)
	}
}

// reply ends a call, after what the request has written to the file descriptors themselves.
func (p *Process) reply(r *hostrpc.Reply) {
	for _, s := range p.raw {
		s.drain()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.calls[r.ID]
	if !ok {
		return
	}
	delete(p.calls, r.ID)
	c.reply <- r
	p.running = 0
	oldest := uint64(0)
	for id, c := range p.calls {
		if c.cell != 0 && (oldest == 0 || id < oldest) {
			oldest, p.running = id, c.cell
		}
	}
}

// Call sends a request and waits for its reply. When ctx ends first the reply is dropped; the
// request goes on (Interrupt stops it).
func (p *Process) Call(ctx context.Context, req *hostrpc.Request) (*hostrpc.Reply, error) {
	c := call{cell: req.CellNumber(), reply: make(chan *hostrpc.Reply, 1)}
	p.mu.Lock()
	if p.calls == nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("%w: %s", ErrExited, p.exit.Reason)
	}
	p.next++
	r := *req
	r.ID = p.next
	p.calls[r.ID] = c
	if p.running == 0 {
		p.running = c.cell
	}
	p.mu.Unlock()
	if err := p.conn.Send(&r); err != nil {
		<-p.done // a broken connection means that the host ends
		return nil, fmt.Errorf("%w: %s", ErrExited, p.exit.Reason)
	}
	select {
	case reply, ok := <-c.reply:
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrExited, p.exit.Reason)
		}
		return reply, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Interrupt stops the goroutines of a cell, or of all cells where it is 0.
func (p *Process) Interrupt(cell int) error {
	return p.conn.Send(&hostrpc.Request{Interrupt: &hostrpc.Interrupt{Cell: cell}})
}

// Answer gives the user's line to a cell that has asked for it.
func (p *Process) Answer(r *hostrpc.InputReply) error {
	return p.conn.Send(&hostrpc.Request{InputReply: r})
}

// Tell sends a request that has no reply.
func (p *Process) Tell(r *hostrpc.Request) error { return p.conn.Send(r) }

// Done is closed when the host has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exit says how the host ended; zero before.
func (p *Process) Exit() Exit {
	select {
	case <-p.done:
		return p.exit
	default:
		return Exit{}
	}
}

// PID is the host's process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Close ends the host and everything that its cells have started, and waits for it.
func (p *Process) Close() error {
	p.mu.Lock()
	p.closing = true
	ended := p.calls == nil
	p.mu.Unlock()
	if !ended {
		p.kill()
	}
	<-p.done
	return nil
}

// kill ends the process group.
func (p *Process) kill() {
	_ = killGroup(p.cmd.Process.Pid) // it may be gone
}
