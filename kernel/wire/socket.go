package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

const (
	linger       = 2 * time.Second        // to write what is queued when a socket closes
	acceptRetry  = 100 * time.Millisecond // after a failed accept, e.g. no file descriptors left
	maxPeerQueue = 1 << 30                // bytes; beyond it a peer is cut off
)

// peer is one client connection.
type peer struct {
	*outbox
	identity string
	topics   map[string]int // subscriptions; guarded by socket.mu
}

// socket is what the three kinds of socket share: a listener and its peers.
type socket struct {
	name     string
	typ      zmq4.SocketType
	log      *slog.Logger
	listener net.Listener
	receive  func(p *peer, frames [][]byte)          // on the peer's goroutine
	command  func(p *peer, name string, data []byte) // may be nil
	wg       sync.WaitGroup                          // every goroutine of the socket
	done     chan struct{}                           // closed by Close
	mu       sync.Mutex                              // guards what follows, and peer.topics
	peers    map[*peer]struct{}
	byID     map[string]*peer      // the newest peer of an identity
	admitted chan struct{}         // closed and replaced when a client has connected
	pending  map[net.Conn]struct{} // in their handshake
	closed   bool
}

func (s *socket) listen(at Endpoint) error {
	l, err := net.Listen(at.Network, at.Address)
	if err != nil {
		return fmt.Errorf("bind the %s channel: %w", s.name, err)
	}
	s.listener = l
	s.done, s.admitted = make(chan struct{}), make(chan struct{})
	s.peers, s.byID, s.pending = make(map[*peer]struct{}), make(map[string]*peer), make(map[net.Conn]struct{})
	s.wg.Go(s.accept)
	return nil
}

// Addr is the bound address.
func (s *socket) Addr() net.Addr { return s.listener.Addr() }

func (s *socket) accept() {
	for {
		raw, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("accept a client", "channel", s.name, "err", err)
			select {
			case <-time.After(acceptRetry):
			case <-s.done:
				return
			}
			continue
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			raw.Close()
			return
		}
		s.pending[raw] = struct{}{}
		s.wg.Go(func() { s.serve(raw) })
		s.mu.Unlock()
	}
}

// serve owns a connection from its handshake to its end.
func (s *socket) serve(raw net.Conn) {
	identity, r, err := handshake(raw, s.typ)
	p := s.admit(raw, identity, err == nil)
	if p == nil {
		raw.Close()
		s.log.Debug("refuse a client", "channel", s.name, "from", raw.RemoteAddr(), "err", err)
		return
	}
	s.wg.Go(func() {
		if err := p.run(); err != nil {
			s.log.Debug("write to a client", "channel", s.name, "err", err)
		}
	})
	if err := s.readAll(p, r); !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("client connection ends", "channel", s.name, "err", err)
	}
	s.forget(p)
	p.kill()
}

// admit registers a connection whose handshake is over; nil where it failed or the socket is closing.
func (s *socket) admit(raw net.Conn, identity string, ok bool) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, raw)
	if !ok || s.closed {
		return nil
	}
	if identity == "" {
		identity = "\x00" + NewID() // as ZeroMQ does it: a leading NUL cannot be a client's choice
	}
	p := &peer{outbox: newOutbox(raw), identity: identity, topics: make(map[string]int)}
	s.peers[p] = struct{}{}
	s.byID[identity] = p
	close(s.admitted)
	s.admitted = make(chan struct{})
	return p
}

func (s *socket) forget(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, p)
	if s.byID[p.identity] == p {
		delete(s.byID, p.identity)
	}
}

// readAll hands on what the peer sends, until the connection ends; it says why.
func (s *socket) readAll(p *peer, r *bufio.Reader) error {
	for {
		frames, command, err := readFrames(r)
		if err != nil {
			return err
		}
		if !command {
			s.receive(p, frames)
			continue
		}
		name, data, ok := parseCommand(frames[0])
		switch {
		case !ok:
			return fmt.Errorf("%w: command without a name", ErrFraming)
		case name == "PING" && len(data) >= 2: // two bytes time to live, then a context to echo
			p.push(packet{frames: [][]byte{append([]byte("\x04PONG"), data[2:]...)}, command: true}, maxPeerQueue)
		case s.command != nil:
			s.command(p, name, data)
		}
	}
}

// Close stops listening, writes what is queued for a bounded time, and waits for all goroutines.
// It must not be called by a handler of this socket.
func (s *socket) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		s.wg.Wait()
		return nil
	}
	s.closed = true
	close(s.done)
	err := s.listener.Close()
	for raw := range s.pending {
		raw.Close()
	}
	for p := range s.peers {
		p.end(linger)
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}
