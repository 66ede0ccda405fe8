package replog

import (
	"errors"
	"net"
	"sync"
	"time"
)

// hub is a network of this process that can be cut.
type hub struct {
	mu        sync.Mutex // guards below
	endpoints map[string]*endpoint
	alone     map[string]bool // whom nobody reaches, and who reaches nobody
	conns     map[net.Conn][2]string
}

func newHub() *hub {
	return &hub{endpoints: map[string]*endpoint{}, alone: map[string]bool{}, conns: map[net.Conn][2]string{}}
}

// cut takes an endpoint off the network, with what it is connected to.
func (h *hub) cut(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.alone[address] = true
	for c, ends := range h.conns {
		if ends[0] == address || ends[1] == address {
			_ = c.Close() // of a pipe: it never fails
			delete(h.conns, c)
		}
	}
}

func (h *hub) heal() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.alone)
}

// endpoint is where a log is.
type endpoint struct {
	hub      *hub
	address  string
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func (h *hub) open(address string) *endpoint {
	e := &endpoint{hub: h, address: address, incoming: make(chan net.Conn), closed: make(chan struct{})}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endpoints[address] = e
	return e
}

func (e *endpoint) Accept() (net.Conn, error) {
	select {
	case c := <-e.incoming:
		return c, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

func (e *endpoint) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (e *endpoint) Addr() net.Addr { return name(e.address) }

type name string

func (n name) Network() string { return "hub" }
func (n name) String() string  { return string(n) }

var errCut = errors.New("the network is cut")

func (e *endpoint) Dial(address string, timeout time.Duration) (net.Conn, error) {
	h := e.hub
	h.mu.Lock()
	other, cut := h.endpoints[address], h.alone[e.address] || h.alone[address]
	h.mu.Unlock()
	if other == nil || cut {
		return nil, errCut
	}
	mine, theirs := net.Pipe()
	select {
	case other.incoming <- theirs:
	case <-other.closed:
		return nil, net.ErrClosed
	case <-time.After(timeout):
		return nil, errCut
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range []net.Conn{mine, theirs} {
		h.conns[c] = [2]string{e.address, address}
	}
	if h.alone[e.address] || h.alone[address] {
		_ = mine.Close() // as above
		return nil, errCut
	}
	return mine, nil
}
