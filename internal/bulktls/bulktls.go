// Package bulktls is TLS for much data: package crypto/tls hands each record of 16 KB to the system by itself, which takes longer than to encrypt
// it. Here the records of one Write go out together, and as many come in at once as are there.
//
// # Usage
//
//	stream := bulktls.Client(socket, conf)
//	listener = bulktls.NewListener(listener, conf) // accepts a *bulktls.Conn
//
// # Concurrency
//
// As that of a tls.Conn. Nothing is held back when Write returns.
//
// # Testing
//
// Connections of all sizes of writes, in both directions at once, and the number of writes that reach the socket.
package bulktls

import (
	"bufio"
	"crypto/tls"
	"net"
	"sync"
)

// batchSize is how much goes out, or comes in, at a time, in bytes: about sixteen records and four.
const (
	batchSize = 256 << 10
	readSize  = 64 << 10
	record    = 16 << 10
)

// Conn is a TLS connection.
type Conn struct {
	*tls.Conn
	socket  *socket
	writing sync.Mutex // held while records are collected
}

// Client is the end that has dialed.
func Client(stream net.Conn, conf *tls.Config) *Conn {
	s := newSocket(stream)
	return &Conn{Conn: tls.Client(s, withFullRecords(conf)), socket: s}
}

// withFullRecords has records not begin small.
func withFullRecords(conf *tls.Config) *tls.Config {
	conf = conf.Clone()
	conf.DynamicRecordSizingDisabled = true
	return conf
}

// Write sends p.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) <= record {
		return c.Conn.Write(p)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.socket.hold()
	n, err := c.Conn.Write(p)
	if failed := c.socket.letGo(); err == nil {
		err = failed
	}
	return n, err
}

// socket is what is below TLS.
type socket struct {
	net.Conn
	in *bufio.Reader

	mu   sync.Mutex // guards below, and the order of writes
	held *[]byte    // what is collected; nil where records go out as they come
}

func newSocket(stream net.Conn) *socket {
	return &socket{Conn: stream, in: bufio.NewReaderSize(stream, readSize)}
}

func (s *socket) Read(p []byte) (int, error) { return s.in.Read(p) }

// Write sends a record, or keeps it until letGo.
func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return s.Conn.Write(p)
	}
	if len(*s.held)+len(p) > batchSize {
		if err := s.flush(); err != nil {
			return 0, err
		}
	}
	*s.held = append(*s.held, p...)
	return len(p), nil
}

var batches = sync.Pool{New: func() any {
	b := make([]byte, 0, batchSize)
	return &b
}}

func (s *socket) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = batches.Get().(*[]byte)
}

func (s *socket) letGo() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.flush()
	batches.Put(s.held)
	s.held = nil
	return err
}

// flush sends what is held; s.mu is held.
func (s *socket) flush() error {
	_, err := s.Conn.Write(*s.held)
	*s.held = (*s.held)[:0]
	return err
}

type listener struct {
	net.Listener
	conf *tls.Config
}

// NewListener returns a listener whose connections are servers' ends; they shake hands when they are used.
func NewListener(l net.Listener, conf *tls.Config) net.Listener {
	return &listener{l, withFullRecords(conf)}
}

// Accept returns the next connection, a *Conn.
func (l *listener) Accept() (net.Conn, error) {
	stream, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s := newSocket(stream)
	return &Conn{Conn: tls.Server(s, l.conf), socket: s}, nil
}
