package yaegi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"

	"mobula/interp/hostrpc"
)

// process is a child that interprets, and the kernel's conversation with it.
type process struct {
	cmd    *exec.Cmd
	conn   *hostrpc.KernelConn
	events func(*hostrpc.Event)
	tail   tailBuffer
	gone   chan struct{} // closed when the process has ended and all that it sent was handled
	err    error         // how it ended; set before gone is closed

	mu      sync.Mutex // guards what follows
	id      uint64
	pending map[uint64]chan *hostrpc.Reply
	exiting *hostrpc.Exiting
}

// errKilled says that an interrupt had to end the process.
var errKilled = errors.New("the cell waited in compiled code and did not end in time, so the interpreter was ended: the variables are gone")

// start starts a child; events are delivered one at a time, before the reply that follows them.
func start(cmd *exec.Cmd, events func(*hostrpc.Event)) (*process, error) {
	c, started, err := childSide(cmd)
	if err != nil {
		return nil, fmt.Errorf("start the interpreter: %w", err)
	}
	p := &process{cmd: cmd, conn: hostrpc.New[hostrpc.Request, hostrpc.Event](c), events: events,
		gone: make(chan struct{}), pending: map[uint64]chan *hostrpc.Reply{}}
	cmd.Stderr = &p.tail
	cmd.WaitDelay = time.Second // for the pipes of orphans
	own(cmd)
	running := make(chan error, 1)
	go p.supervise(running)
	err = <-running
	if err = errors.Join(err, started()); err != nil {
		return nil, fmt.Errorf("start the interpreter: %w", errors.Join(err, p.conn.Close()))
	}
	return p, nil
}

// supervise owns the process until it has ended; close and kill wait for it. It keeps its
// thread, as the child is set to die with the thread that started it.
func (p *process) supervise(running chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	running <- err
	if err != nil {
		return
	}
	var reader sync.WaitGroup
	reader.Go(p.receive)
	reader.Wait() // the connection ends with the process
	p.err = p.cmd.Wait()
	_ = p.conn.Close() // nobody is at the other end
	close(p.gone)
}

func (p *process) receive() {
	for {
		e, err := p.conn.Receive()
		if err != nil {
			return
		}
		switch {
		case e.Reply != nil:
			p.mu.Lock()
			if ch := p.pending[e.Reply.ID]; ch != nil {
				ch <- e.Reply
				delete(p.pending, e.Reply.ID)
			}
			p.mu.Unlock()
		case e.Exiting != nil:
			p.mu.Lock()
			p.exiting = e.Exiting
			p.mu.Unlock()
		default:
			p.events(e)
		}
	}
}

// patience is how long an interrupted child may take to reply.
const patience = 300 * time.Millisecond

// call sends a request and waits for the reply. When ctx ends it interrupts the child,
// and ends it if that does not help.
func (p *process) call(ctx context.Context, r *hostrpc.Request) (*hostrpc.Reply, error) {
	ch := make(chan *hostrpc.Reply, 1)
	p.mu.Lock()
	p.id++
	r.ID = p.id
	p.pending[r.ID] = ch
	p.mu.Unlock()
	if err := p.conn.Send(r); err != nil {
		<-p.gone
		return nil, p.died()
	}
	select {
	case reply := <-ch:
		return reply, nil
	case <-p.gone:
		return nil, p.died()
	case <-ctx.Done():
	}
	if err := p.conn.Send(&hostrpc.Request{Interrupt: &hostrpc.Interrupt{}}); err != nil {
		<-p.gone
		return nil, p.died()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case reply := <-ch:
		return reply, nil
	case <-p.gone:
		return nil, p.died()
	case <-timer.C:
		p.kill()
		return nil, errKilled
	}
}

// kill ends the child and its children, and waits for that.
func (p *process) kill() {
	end(p.cmd)
	<-p.gone
}

// died says in one line how the process ended.
func (p *process) died() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	why := fmt.Sprint(p.err)
	if p.exiting != nil {
		why = p.exiting.Reason
	} else if line := p.tail.cause(); line != "" {
		why = line
	}
	return fmt.Errorf("%s ended the interpreter; the variables are gone", why)
}

// tailBuffer keeps the beginning of what a process says when it dies.
type tailBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const maxTail = 64 << 10

// Write keeps what fits.
func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p[:min(len(p), max(0, maxTail-t.b.Len()))])
	return len(p), nil
}

// cause finds the line in which the runtime says why.
func (t *tailBuffer) cause() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range strings.Lines(t.b.String()) {
		for _, prefix := range []string{"fatal error: ", "panic: ", "runtime: out of memory"} {
			if strings.HasPrefix(line, prefix) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}
