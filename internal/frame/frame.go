// Package frame carries messages between the processes of a cluster over a stream: a length, a kind and a body each.
//
// A frame is a 32-bit little-endian length of what follows, a byte that tells the kind, and the body. What is sent while
// a write is under way goes out with the next one, so that many small messages cost few system calls. One alone is written
// by its sender, as far as the system takes it at once; a goroutine of the connection writes the rest, and all others. The first frames of a connection are a handshake: both ends tell the range of versions that they
// speak, what they are and the program they were built from, and use the highest common version.
//
// # Usage
//
//	c := frame.New(stream)           // or NewBlocking, where round trips count
//	peer, err := c.Handshake(ctx, frame.Hello{Role: "driver"})
//	c.Send(kindPush, func(b []byte) []byte { return task.Append(b) })
//	err = c.Serve(func(kind byte, body []byte) error { ... })
//
// # Concurrency
//
// Send, Throttle and Close may be called from any goroutine, Send from handlers too: it never blocks. Serve runs on one
// goroutine and calls the handler there. Close waits for the writing goroutine.
//
// # Testing
//
// net.Pipe and sockets stand for connections. FuzzServe feeds the reader.
package frame

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	headSize = 5
	// MaxBody bounds the body of a frame in bytes. Larger values travel by the object store.
	MaxBody = 64 << 20

	readSize     = 64 << 10
	highWater    = 8 << 20  // unsent bytes above which Throttle waits
	writeSize    = 64 << 10 // what is unsent is kept in parts of about this size
	keepFree     = 8        // parts that are kept for reuse
	keepBuffer   = 1 << 20  // larger buffers of readers are not kept for reuse
	growAtOnce   = 1 << 20  // a body grows by what has arrived, not by what its length promises
	handshakeFor = 0xff     // the kind of handshake frames
)

// ErrClosed is returned by Send after Close or after the connection broke.
var ErrClosed = errors.New("the connection is closed")

// Conn is one end of a connection.
type Conn struct {
	stream net.Conn
	direct direct
	in     *reader
	wake   chan struct{} // room for one
	done   chan struct{} // the writer has ended

	mu     sync.Mutex // guards below
	room   sync.Cond  // signalled when what is unsent gets less
	out    []byte     // unsent, behind what is in full
	full   [][]byte   // the same, of writeSize or more each
	unsent int        // bytes in both, and those that the writer is writing
	free   [][]byte   // to be used again
	sent   time.Time
	closed bool
	err    error
}

// New returns an end over a stream, which it owns, and starts its writer.
func New(stream net.Conn) *Conn {
	c := &Conn{stream: stream, direct: newDirect(stream), in: &reader{from: stream}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	c.room.L = &c.mu
	go c.write() // Close waits for it
	return c
}

// NewBlocking is New for a connection whose round trips count: it has a thread of the process, if it is a unix socket and there are not too many.
func NewBlocking(stream net.Conn) *Conn {
	if s := newBlocking(stream); s != nil {
		return New(s)
	}
	return New(stream)
}

// Send queues a frame; appendBody adds its body to the buffer that it is given. An error tells that the connection has ended;
// what is queued may be lost when it does.
func (c *Conn) Send(kind byte, appendBody func([]byte) []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.failure()
	}
	c.makeRoom()
	start := len(c.out)
	c.out = append(c.out, 0, 0, 0, 0, kind)
	if appendBody != nil {
		c.out = appendBody(c.out)
	}
	n := len(c.out) - start - 4
	if n-1 > MaxBody {
		c.out = c.out[:start]
		return fmt.Errorf("a message of %d MB exceeds the limit of %d MB: put large values into the object store", n>>20, MaxBody>>20)
	}
	binary.LittleEndian.PutUint32(c.out[start:], uint32(n))
	c.unsent += 4 + n
	if c.unsent == len(c.out) && c.sendNow() {
		return nil
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// makeRoom begins another part where the last is full; c.mu is held.
func (c *Conn) makeRoom() {
	if len(c.out) >= writeSize {
		c.full, c.out = append(c.full, c.out), nil
	}
	if last := len(c.free) - 1; c.out == nil && last >= 0 {
		c.out, c.free = c.free[last], c.free[:last]
	}
}

// quiet is for how long nothing was sent before a message goes out without the writer, whose wake-up would delay it. Where
// messages come faster, many go out in one write.
const quiet = 20 * time.Microsecond

// sendNow writes a message that is alone, and reports whether all of it is sent; c.mu is held.
func (c *Conn) sendNow() bool {
	now := time.Now()
	alone := c.direct.usable() && len(c.out) <= readSize && now.Sub(c.sent) > quiet
	c.sent = now
	if !alone {
		return false
	}
	n := c.direct.write(c.out)
	c.out = c.out[:copy(c.out, c.out[n:])]
	c.unsent -= n
	return len(c.out) == 0
}

func (c *Conn) failure() error {
	if c.err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, c.err)
	}
	return ErrClosed
}

// Throttle waits until not too much is unsent: for those who send much on their own account. Handlers must not call it.
func (c *Conn) Throttle(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unsent < highWater && !c.closed {
		return nil
	}
	defer context.AfterFunc(ctx, c.room.Broadcast)()
	for c.unsent >= highWater && !c.closed {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.room.Wait()
	}
	if c.closed {
		return c.failure()
	}
	return nil
}

// write sends what is queued until the connection is closed.
func (c *Conn) write() {
	defer close(c.done)
	for range c.wake {
		for {
			parts, closed := c.take()
			if len(parts) == 0 {
				if closed {
					return
				}
				break
			}
			for _, b := range parts {
				if _, err := c.stream.Write(b); err != nil {
					c.end(err)
					return
				}
				c.written(b)
			}
		}
	}
}

// take returns what is to be written.
func (c *Conn) take() (parts [][]byte, closed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	parts = c.full
	if len(c.out) > 0 {
		parts = append(parts, c.out)
	}
	c.full, c.out = nil, nil
	return parts, c.closed
}

func (c *Conn) written(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unsent -= len(b)
	c.room.Broadcast()
	if cap(b) <= 2*writeSize && len(c.free) < keepFree {
		c.free = append(c.free, b[:0])
	}
}

// end marks the connection as closed for a reason.
func (c *Conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed, c.err = true, err
		c.room.Broadcast()
	}
}

// Serve reads frames and hands them to handle until the stream ends or handle returns an error. The body is valid only during
// the call. The end of the stream between two frames is io.EOF.
func (c *Conn) Serve(handle func(kind byte, body []byte) error) error {
	for {
		kind, body, err := c.in.next()
		if err != nil {
			c.end(err)
			return err
		}
		if err := handle(kind, body); err != nil {
			c.end(err)
			return err
		}
	}
}

// Close sends what is queued, closes the stream and waits for the writer.
func (c *Conn) Close() error {
	c.end(nil)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	<-c.done
	return c.stream.Close()
}

// Abort closes the stream at once; what is queued is lost.
func (c *Conn) Abort() {
	_ = c.stream.Close() // ends a write that blocks
	_ = c.Close()
}

// reader cuts a stream into frames.
type reader struct {
	from       io.Reader
	buf        []byte
	start, end int // of what is read and not yet consumed
}

func (r *reader) next() (kind byte, body []byte, err error) {
	if err := r.fill(headSize); err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(r.buf[r.start:]))
	if n < 1 || n-1 > MaxBody {
		return 0, nil, fmt.Errorf("a frame of %d bytes: the other end speaks another protocol", n)
	}
	if err := r.fill(4 + n); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	kind, body = r.buf[r.start+4], r.buf[r.start+headSize:r.start+4+n]
	r.start += 4 + n
	return kind, body, nil
}

// fill reads until n bytes are there. io.EOF means that none was.
func (r *reader) fill(n int) error {
	for r.end-r.start < n {
		if err := r.makeRoom(n); err != nil {
			return err
		}
		got, err := r.from.Read(r.buf[r.end:])
		r.end += got
		if got == 0 && err != nil {
			if errors.Is(err, io.EOF) && r.end > r.start {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// makeRoom makes room behind end, moving what is there to the front.
func (r *reader) makeRoom(n int) error {
	if r.start == r.end {
		r.start, r.end = 0, 0
		if len(r.buf) > keepBuffer && n <= readSize {
			r.buf = nil
		}
	}
	if r.start > 0 && r.end == len(r.buf) {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end < len(r.buf) {
		return nil
	}
	size := max(readSize, min(n, len(r.buf)+max(growAtOnce, len(r.buf))))
	grown := make([]byte, size)
	copy(grown, r.buf[r.start:r.end])
	r.start, r.end, r.buf = 0, r.end-r.start, grown
	return nil
}
