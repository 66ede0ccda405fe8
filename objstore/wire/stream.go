package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Conn is a stream of bytes and descriptors between the node and one client. Descriptors arrive with the first of the
// bytes that they were written with, or before. Read is called by one goroutine, Write by one at a time.
type Conn interface {
	Read(p []byte) (n int, fds []int, err error)
	Write(p []byte, fds []int) error
	Close() error // makes Read and Write return
}

// Reader takes messages from a connection.
type Reader struct {
	conn     Conn
	buf      []byte
	from, to int
	fds      []int
}

// NewReader returns a reader.
func NewReader(c Conn) *Reader { return &Reader{conn: c, buf: make([]byte, 64<<10)} }

// Next returns the next message. Its Data is valid until the next call.
func (r *Reader) Next() (*Message, error) {
	if err := r.need(4); err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint32(r.buf[r.from:]))
	if n > MaxMessage {
		return nil, fmt.Errorf("%w: it says that it has %d bytes", ErrDamaged, n)
	}
	if err := r.need(4 + n); err != nil {
		return nil, err
	}
	m, fds, err := decode(r.buf[r.from+4 : r.from+4+n])
	if err != nil {
		return nil, err
	}
	if fds > len(r.fds) {
		return nil, fmt.Errorf("%w: %d of %d descriptors have come", ErrDamaged, len(r.fds), fds)
	}
	if fds > 0 {
		m.FDs = append(m.FDs, r.fds[:fds]...)
		r.fds = append(r.fds[:0], r.fds[fds:]...)
	}
	r.from += 4 + n
	return &m, nil
}

// Buffered tells whether a message is here already.
func (r *Reader) Buffered() bool {
	return r.to-r.from >= 4 && r.to-r.from-4 >= int(binary.LittleEndian.Uint32(r.buf[r.from:]))
}

// need waits until n bytes are in the buffer.
func (r *Reader) need(n int) error {
	if r.to-r.from >= n {
		return nil
	}
	if r.from == r.to {
		r.from, r.to = 0, 0
	}
	if r.from+n > len(r.buf) {
		buf := r.buf
		if n > len(buf) {
			buf = make([]byte, n+64<<10)
		}
		r.to = copy(buf, r.buf[r.from:r.to])
		r.buf, r.from = buf, 0
	}
	for r.to-r.from < n {
		got, fds, err := r.conn.Read(r.buf[r.to:])
		r.to += got
		r.fds = append(r.fds, fds...)
		if err != nil {
			if errors.Is(err, io.EOF) && r.to > r.from {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// Drop closes the descriptors that no message has taken.
func (r *Reader) Drop() {
	for _, fd := range r.fds {
		closeFD(fd)
	}
	r.fds = nil
}

// Outbox queues messages and writes them in order. Whoever flushes writes for all; nobody waits for a peer
// that does not read, unless it asked to.
type Outbox struct {
	conn Conn

	mu       sync.Mutex // guards below; never held while writing
	idle     sync.Cond  // flushing has become false
	buf      []byte
	parts    []part
	spare    []byte
	flushing bool
	err      error
	wake     chan struct{} // something is there for the goroutine that runs Run
}

// part is a place in the buffer where descriptors are due: they go with the bytes from there on.
type part struct {
	at  int
	fds []int
}

// NewOutbox returns an outbox.
func NewOutbox(c Conn) *Outbox {
	o := &Outbox{conn: c, wake: make(chan struct{}, 1)}
	o.idle.L = &o.mu
	return o
}

// Queue adds a message and leaves writing to Run or to the next Flush. It takes over the descriptors.
func (o *Outbox) Queue(m *Message) {
	o.add(m)
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Add adds a message without waking anyone: a Flush follows.
func (o *Outbox) Add(m *Message) { o.add(m) }

func (o *Outbox) add(m *Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		for _, fd := range m.FDs {
			closeFD(fd)
		}
		return
	}
	if len(m.FDs) > 0 {
		o.parts = append(o.parts, part{len(o.buf), m.FDs})
	}
	o.buf = m.Append(o.buf)
}

// Send adds a message and writes it, or leaves that to the goroutine that is writing.
func (o *Outbox) Send(m *Message) error {
	o.add(m)
	return o.Flush()
}

// highWater is how much may wait for a writer before those who add wait, too.
const highWater = 4 << 20

// Flush writes what is queued. Where another goroutine is writing, that one goes on with it.
func (o *Outbox) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.flushing && o.err == nil {
		if len(o.buf) < highWater {
			return nil
		}
		o.idle.Wait()
	}
	o.flushing = true
	for len(o.buf) > 0 && o.err == nil {
		buf, parts := o.buf, o.parts
		o.buf, o.parts = o.spare[:0], nil
		o.mu.Unlock()
		err := o.write(buf, parts)
		o.mu.Lock()
		o.spare = buf
		if cap(buf) > highWater {
			o.spare = nil
		}
		if err != nil {
			o.fail(err)
		}
	}
	o.flushing = false
	o.idle.Broadcast()
	return o.err
}

func (o *Outbox) write(buf []byte, parts []part) error {
	at := 0
	for i, p := range parts {
		if p.at > at {
			if err := o.conn.Write(buf[at:p.at], nil); err != nil {
				dropParts(parts[i:])
				return err
			}
		}
		end := len(buf)
		if i+1 < len(parts) {
			end = parts[i+1].at
		}
		err := o.conn.Write(buf[p.at:end], p.fds)
		dropParts(parts[i : i+1])
		if err != nil {
			dropParts(parts[i+1:])
			return err
		}
		at = end
	}
	if at < len(buf) {
		return o.conn.Write(buf[at:], nil)
	}
	return nil
}

func dropParts(parts []part) {
	for _, p := range parts {
		for _, fd := range p.fds {
			closeFD(fd)
		}
	}
}

// fail drops what is queued. o.mu must be held.
func (o *Outbox) fail(err error) {
	if o.err == nil {
		o.err = err
	}
	dropParts(o.parts)
	o.buf, o.parts = nil, nil
	o.idle.Broadcast()
}

// Close lets later messages be dropped; the connection is the caller's.
func (o *Outbox) Close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail(err)
}

// Run writes what Queue adds until stop is closed.
func (o *Outbox) Run(stop <-chan struct{}) {
	for {
		select {
		case <-o.wake:
			_ = o.Flush() // the reader of the connection learns of its end
		case <-stop:
			return
		}
	}
}

// Pending is how many bytes wait for the writer.
func (o *Outbox) Pending() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.buf)
}
