package host

import (
	"os"
	"runtime"
	"sync"
	"time"

	"mobula/internal/cellio"
	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
)

const (
	flushSize  = 64 << 10              // bytes of one stream that are sent at once
	flushDelay = 25 * time.Millisecond // how long output waits for more
)

// router collects what cells write, by cell and stream, and sends it in large pieces. A
// write that fills a buffer waits until the kernel has taken it, so memory is bounded.
type router struct {
	send func(*hostrpc.Event) error

	mu    sync.Mutex // guards below, and the order of what is sent
	cells map[int]*streams
	armed bool
}

// streams is the unsent output of one cell: stdout and stderr.
type streams struct {
	buf   [2][]byte
	first int     // which of them was written first
	late  [2]bool // of a task: it holds the start of a line that has waited once
}

var streamNames = [2]string{"stdout", "stderr"}

func newRouter(send func(*hostrpc.Event) error) *router {
	return &router{send: send, cells: map[int]*streams{}}
}

// write adds output of a cell; stream is 0 or 1.
func (o *router) write(cell, stream int, b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.cells[cell]
	if s == nil {
		s = &streams{}
		o.cells[cell] = s
	}
	if len(s.buf[0])+len(s.buf[1]) == 0 {
		s.first = stream
	}
	s.buf[stream] = append(s.buf[stream], b...)
	if len(s.buf[stream]) >= flushSize {
		return o.flushLocked(cell)
	}
	if !o.armed {
		o.armed = true
		time.AfterFunc(flushDelay, o.flushAll)
	}
	return nil
}

// flush sends the output of a cell.
func (o *router) flush(cell int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.flushLocked(cell) // a lost kernel is noticed by the receiver
}

func (o *router) flushAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.armed = false
	for cell := range o.cells {
		_ = o.flushLocked(cell)
	}
}

func (o *router) flushLocked(cell int) error {
	s := o.cells[cell]
	if s == nil {
		return nil
	}
	for i := range s.buf {
		n := (s.first + i) % 2
		if len(s.buf[n]) == 0 {
			continue
		}
		err := o.send(&hostrpc.Event{Output: &hostrpc.Output{Cell: cell, Stream: streamNames[n], Text: s.buf[n]}})
		s.buf[n] = s.buf[n][:0]
		if cap(s.buf[n]) > 2*flushSize {
			s.buf[n] = nil
		}
		if err != nil {
			return err
		}
	}
	if cap(s.buf[0])+cap(s.buf[1]) < flushSize/4 {
		return nil
	}
	delete(o.cells, cell) // cells are many, those that write at a time are few
	return nil
}

// sendAfter sends an event behind the output that the cell has written before.
func (o *router) sendAfter(cell int, e *hostrpc.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.flushLocked(cell); err != nil {
		return err
	}
	return o.send(e)
}

// write is the hook of package os for stdout and stderr.
func (h *Host) write(fd int, b []byte) (int, error, bool) {
	if fd != 1 && fd != 2 {
		return 0, nil, false
	}
	if cellrt.Current().IsStopped() && !unwinding() {
		cellrt.Stopped() // a cell that mostly prints is seldom seen elsewhere
	}
	if out := captured(); out != nil {
		out.Write(streamNames[fd-1], b)
		return len(b), nil, true
	}
	if err := h.out.write(h.cellHere(), fd-1, b); err != nil {
		return 0, err, true
	}
	return len(b), nil, true
}

// unwinding reports whether the calling goroutine runs a deferred call of a panic.
func unwinding() bool {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// port carries what package display shows.
type port struct{ h *Host }

// port returns the port of this process: one with comms where the kernel has a front end for them.
func (h *Host) port() cellio.Port {
	has := os.Getenv(hostrpc.EnvComms) != ""
	_ = os.Unsetenv(hostrpc.EnvComms) // not for the cells
	if has {
		return commPort{port{h}}
	}
	return port{h}
}

// captured returns what takes the output of the calling goroutine in place of its cell, nil for none.
func captured() cellio.Outputs {
	if r := (*cellrt.Run)(hook.Owner()); r != nil {
		return r.Out
	}
	return nil
}

// Display sends rich output.
func (p port) Display(d cellio.Display) error {
	if out := captured(); out != nil && out.Display(d) {
		return nil
	}
	cell := p.h.cellHere()
	return p.h.out.sendAfter(cell, &hostrpc.Event{Display: &hostrpc.Display{Cell: cell, Display: d}})
}

// ClearOutput clears the cell's output.
func (p port) ClearOutput(wait bool) error {
	if out := captured(); out != nil {
		out.ClearOutput(wait)
		return nil
	}
	cell := p.h.cellHere()
	return p.h.out.sendAfter(cell, &hostrpc.Event{Clear: &hostrpc.Clear{Cell: cell, Wait: wait}})
}

// Input asks the user for a line.
func (p port) Input(prompt string, password bool) (string, error) {
	return p.h.input.ask(p.h, prompt, password)
}
