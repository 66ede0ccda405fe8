package interp

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mobula/internal/cellio"
	"mobula/interp/hostproc"
	"mobula/interp/hostrpc"
)

// CommSink is a Sink whose front end has comms. Where a session's Sink is none its cells are told that there are no comms.
type CommSink interface {
	Sink
	// Comm takes one step of the session's end of a comm.
	Comm(e cellio.CommEvent)
	// CommsEnded tells that nobody answers these comms and targets any more: the session's process has ended.
	CommsEnded(ids, targets []string)
}

// CommEngine is an Engine whose cells can open comms and answer them.
type CommEngine interface {
	Engine
	// Comm hands on one step of the front end's end of a comm, and returns when the handler has: so a front end that waits for that sends
	// no faster than the handler works. An error tells that nobody has taken it. What a handler does wrong is shown by the Sink.
	Comm(ctx context.Context, e cellio.CommEvent) error
	// InterruptComms stops the handlers that run.
	InterruptComms()
}

var (
	_ CommEngine = (*Session)(nil)
	_ CommEngine = (*Notebook)(nil)
)

// hostComms are the comms and targets of one host. fromHost is called from the host's goroutine, end when that has ended.
type hostComms struct {
	sink    CommSink // nil: there is none
	open    map[string]bool
	targets map[string]bool
	ended   chan struct{} // closed when the Sink knows of the end
}

func newHostComms(sink Sink) *hostComms {
	s, _ := sink.(CommSink)
	return &hostComms{sink: s, open: map[string]bool{}, targets: map[string]bool{}, ended: make(chan struct{})}
}

// environment is what the host is told about comms.
func (h *hostComms) environment() []string {
	if h.sink == nil {
		return nil
	}
	return []string{hostrpc.EnvComms + "=1"}
}

func (h *hostComms) fromHost(e cellio.CommEvent) {
	switch e.Op {
	case cellio.CommOpen:
		h.open[e.ID] = true
	case cellio.CommClose:
		delete(h.open, e.ID)
	case cellio.CommServe:
		h.targets[e.Target] = true
	}
	if h.sink != nil {
		h.sink.Comm(e)
	}
}

// end closes what the host has left open.
func (h *hostComms) end() {
	defer close(h.ended)
	if h.sink != nil {
		h.sink.CommsEnded(slices.Sorted(maps.Keys(h.open)), slices.Sorted(maps.Keys(h.targets)))
	}
}

// errNoHost is the error of what has no host to go to.
var errNoHost = errors.New("the process that answered has ended")

// Comm hands on what the front end does with a comm.
func (s *Session) Comm(ctx context.Context, e cellio.CommEvent) error {
	proc := s.host()
	if proc == nil {
		return errNoHost
	}
	reply, err := proc.Call(ctx, &hostrpc.Request{Comm: &e})
	switch {
	case errors.Is(err, hostproc.ErrExited):
		return errNoHost
	case err != nil:
		return fmt.Errorf("wait for the handler of comm %s: %w", e.ID, err)
	case reply.Fault != nil:
		return errors.New(reply.Fault.Message)
	}
	return nil
}

// InterruptComms stops the handlers that run.
func (s *Session) InterruptComms() {
	if proc := s.host(); proc != nil {
		_ = proc.Tell(&hostrpc.Request{Interrupt: &hostrpc.Interrupt{Comms: true}}) // a host that is gone runs none
	}
}

// host is the process of the session, nil where none runs.
func (s *Session) host() *hostproc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.proc
}

// Comm hands on what the front end does with a comm: only compiled cells have any.
func (n *Notebook) Comm(ctx context.Context, e cellio.CommEvent) error { return n.session.Comm(ctx, e) }

// InterruptComms stops the handlers that run.
func (n *Notebook) InterruptComms() { n.session.InterruptComms() }
