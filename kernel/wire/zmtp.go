package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// The bounds of what a peer may send in one message.
const (
	MaxMessage = 512 << 20 // bytes, all frames together
	MaxFrames  = 4096
)

const (
	handshakeTimeout = 10 * time.Second
	maxReadyCommand  = 4 << 10 // bytes; a READY command holds the socket type and an identity of at most 255 bytes
	greetingSize     = 64

	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

// handshakeConn is what zmq4 sees of a connection: the same bytes, but a frame header after
// the greeting that claims more than a READY command can need ends it, because zmq4
// allocates what the header claims.
type handshakeConn struct {
	net.Conn
	r    *bufio.Reader
	read int // bytes given so far
}

func (h *handshakeConn) Read(p []byte) (int, error) {
	if h.read < greetingSize {
		p = p[:min(len(p), greetingSize-h.read)]
	} else if h.read == greetingSize {
		head, err := h.r.Peek(9)
		if err != nil {
			return 0, err
		}
		if head[0]&flagLong != 0 && binary.BigEndian.Uint64(head[1:]) > maxReadyCommand {
			return 0, errors.New("the first frame is too long for a READY command")
		}
	}
	n, err := h.r.Read(p)
	h.read += n
	return n, err
}

// handshake makes a ZMTP connection of raw and returns the peer's identity ("" if it gave none)
// and the reader that continues the stream.
func handshake(raw net.Conn, typ zmq4.SocketType) (identity string, r *bufio.Reader, err error) {
	defer func() { // zmq4 indexes metadata by lengths that it does not check
		if p := recover(); p != nil {
			err = fmt.Errorf("ZMTP handshake: malformed metadata: %v", p)
		}
	}()
	if err := raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return "", nil, err
	}
	r = bufio.NewReaderSize(raw, 64<<10)
	z, err := zmq4.Open(&handshakeConn{Conn: raw, r: r}, null.Security(), typ, nil, true, nil)
	if err != nil {
		return "", nil, err
	}
	return z.Peer.Meta["Identity"], r, raw.SetDeadline(time.Time{})
}

// readFrames reads one message or command.
func readFrames(r *bufio.Reader) (frames [][]byte, command bool, err error) {
	total := 0
	for {
		flags, err := r.ReadByte()
		if err != nil {
			if len(frames) > 0 {
				err = unexpected(err)
			}
			return nil, false, err
		}
		if flags&^(flagMore|flagLong|flagCommand) != 0 || flags&flagCommand != 0 && (len(frames) > 0 || flags&flagMore != 0) {
			return nil, false, fmt.Errorf("%w: flags %#x", ErrFraming, flags)
		}
		size, err := readSize(r, flags&flagLong != 0)
		if err != nil {
			return nil, false, unexpected(err)
		}
		if size > uint64(MaxMessage-total) || len(frames) == MaxFrames {
			return nil, false, fmt.Errorf("%w: more than %d bytes or %d frames in one message", ErrFraming, MaxMessage, MaxFrames)
		}
		body, err := readBody(r, int(size))
		if err != nil {
			return nil, false, unexpected(err)
		}
		total += len(body)
		frames = append(frames, body)
		if flags&flagMore == 0 {
			return frames, flags&flagCommand != 0, nil
		}
	}
}

func readSize(r *bufio.Reader, long bool) (uint64, error) {
	if !long {
		b, err := r.ReadByte()
		return uint64(b), err
	}
	var b [8]byte
	_, err := io.ReadFull(r, b[:])
	return binary.BigEndian.Uint64(b[:]), err
}

// readBody grows the buffer as bytes arrive, so that a header alone costs no memory.
func readBody(r *bufio.Reader, size int) ([]byte, error) {
	const step = 1 << 20
	body := make([]byte, 0, min(size, step))
	for len(body) < size {
		n := min(size-len(body), max(step, len(body)))
		body = slices.Grow(body, n)
		at := len(body)
		body = body[:at+n]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writeFrames writes one message, or with command one command frame.
func writeFrames(w *bufio.Writer, frames [][]byte, command bool) error {
	var head [9]byte
	for i, f := range frames {
		head[0] = 0
		if i < len(frames)-1 {
			head[0] |= flagMore
		}
		if command {
			head[0] |= flagCommand
		}
		n := 2
		if len(f) > 255 {
			head[0] |= flagLong
			binary.BigEndian.PutUint64(head[1:], uint64(len(f)))
			n = 9
		} else {
			head[1] = byte(len(f))
		}
		w.Write(head[:n]) // a bufio.Writer keeps its first error for the next call
		if _, err := w.Write(f); err != nil {
			return err
		}
	}
	return nil
}

// parseCommand splits a command frame into its name and data.
func parseCommand(body []byte) (name string, data []byte, ok bool) {
	if len(body) == 0 || int(body[0]) > len(body)-1 {
		return "", nil, false
	}
	n := int(body[0])
	return string(body[1 : 1+n]), body[1+n:], true
}
