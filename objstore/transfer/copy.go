package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"mobula/objstore"
	"mobula/objstore/client"
)

// copying is an object on its way here. It outlives connections.
type copying struct {
	f    *Fetcher
	id   objstore.ID
	from Peer

	w      *client.Writer // nil until the size is known
	memory int64          // share of Fetcher.memory
	size   int64
	done   int64  // bytes that are here and right
	sum    uint32 // of these
}

// final is an error that another connection would not change; this one is as good as before.
type final struct{ err error }

func (e *final) Error() string { return e.err.Error() }
func (e *final) Unwrap() error { return e.err }

// firstPause is how long the second connection waits; each later one waits twice as long.
const firstPause = 50 * time.Millisecond

// run copies the object from a node of this machine, or makes connections until it is here.
func (c *copying) run(ctx context.Context) error {
	if c.from.Near != nil && c.near(ctx) == nil {
		return c.w.Seal()
	}
	for failures := 0; ; {
		before := c.done
		kept, err := c.connection(ctx)
		if err == nil {
			return c.w.Seal()
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if e, ok := errors.AsType[*final](err); ok {
			return e.err
		}
		if kept {
			continue // it was an old connection: the other node may have closed it long ago
		}
		if c.done > before {
			failures = 0
		}
		if failures++; failures >= c.f.conf.Tries {
			return &PeerGoneError{Peer: c.from.Name, ID: c.id, Done: c.done, Size: c.size, Cause: err.Error()}
		}
		timer := time.NewTimer(firstPause << (failures - 1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// drop gives up what run has not sealed.
func (c *copying) drop() {
	if c.w != nil {
		c.w.Abort()
	}
	c.f.memory.give(c.memory)
}

// connection copies over one connection, and tells whether that was one that had been kept.
func (c *copying) connection(ctx context.Context) (kept bool, err error) {
	stream := c.f.pool.get(c.from.Name)
	if kept = stream != nil; !kept {
		dialing, cancel := context.WithTimeout(ctx, c.f.conf.Stall)
		stream, err = c.from.Dial(dialing)
		cancel()
		if err != nil {
			return false, err
		}
	}
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	err = c.converse(ctx, stream)
	_, inStep := errors.AsType[*final](err)
	if !stop() || err != nil && !inStep {
		stream.Close()
		return kept, err
	}
	c.f.pool.put(c.from.Name, stream)
	return kept, err
}

// converse asks for the object, if its size is not known yet, and then for the bytes that lack.
func (c *copying) converse(ctx context.Context, stream net.Conn) error {
	if c.w == nil {
		m, err := c.request(stream, &message{kind: kindAsk, id: c.id}, kindFound)
		if err != nil {
			return err
		}
		if err := c.begin(ctx, m.size, m.owner); err != nil {
			return &final{err}
		}
	}
	asked := c.done
	m, err := c.request(stream, &message{kind: kindSend, id: c.id, offset: c.done, size: c.size, sum: c.sum}, kindData)
	if err != nil {
		return err
	}
	switch {
	case m.id != c.id || m.size != c.size || m.offset != asked && m.offset != 0:
		return fmt.Errorf("bytes from %d on of %d are offered: %w", m.offset, m.size, errDamaged)
	case m.offset != asked:
		c.done, c.sum = 0, 0
	case asked > 0:
		c.f.stats.resumed.Add(1)
	}
	return c.receive(stream)
}

// begin gets memory for the object.
func (c *copying) begin(ctx context.Context, size int64, owner objstore.Owner) error {
	var err error
	if c.memory, err = c.f.memory.take(ctx, size); err != nil {
		return err
	}
	c.size = size
	c.w, err = c.f.conf.Client.CreateCopy(ctx, c.id, size, client.Meta{Owner: owner, Replaceable: true})
	if err != nil {
		c.f.memory.give(c.memory)
		c.memory = 0
	}
	return err
}

// request sends a message and returns the answer, which is of this kind.
func (c *copying) request(stream net.Conn, m *message, want kind) (*message, error) {
	if err := stream.SetDeadline(time.Now().Add(c.f.conf.Stall)); err != nil {
		return nil, err
	}
	if err := writeMessage(stream, m); err != nil {
		return nil, err
	}
	for {
		answer, err := readMessage(stream)
		if err != nil {
			return nil, err
		}
		switch answer.kind {
		case want:
			return answer, nil
		case kindFail:
			return nil, &final{&PeerError{Peer: c.from.Name, Err: objstore.UnmarshalError(answer.text)}}
		case kindWait:
			if err := stream.SetDeadline(time.Now().Add(c.f.conf.Stall)); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a message of kind %d where %d was due: %w", answer.kind, want, errDamaged)
		}
	}
}

// receive reads the bytes that lack straight to their place.
func (c *copying) receive(stream net.Conn) error {
	for c.done < c.size {
		end := min(c.done+ChunkSize, c.size)
		if err := stream.SetReadDeadline(time.Now().Add(c.f.conf.Stall)); err != nil {
			return err
		}
		c.w.Ensure(end)
		sum, err := readChunk(stream, c.w.Whole[c.done:end], c.sum)
		if err != nil {
			return err
		}
		c.f.stats.bytes.Add(end - c.done)
		c.done, c.sum = end, sum
	}
	return stream.SetDeadline(time.Time{})
}

// readChunk fills a chunk and compares the checksum up to its end, which it returns. What has come is summed before more is read: it is
// still in the processor's cache.
func readChunk(r io.Reader, chunk []byte, sum uint32) (uint32, error) {
	for len(chunk) > 0 {
		n, err := r.Read(chunk[:min(len(chunk), pieceSize)])
		sum = crc32.Update(sum, castagnoli, chunk[:n])
		chunk = chunk[n:]
		if err != nil && len(chunk) > 0 {
			return 0, unexpected(err)
		}
	}
	var told [4]byte
	if _, err := io.ReadFull(r, told[:]); err != nil {
		return 0, unexpected(err)
	}
	if binary.LittleEndian.Uint32(told[:]) != sum {
		return 0, fmt.Errorf("bytes of an object: %w (checksum)", errDamaged)
	}
	return sum, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
