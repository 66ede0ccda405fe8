package transfer

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"mobula/objstore"
	"mobula/objstore/client"
)

// ServerConfig says how much a server does at once. Zero fields have the defaults that are named.
type ServerConfig struct {
	Client    *client.Client // of this node's store; stays the caller's
	Transfers int            // objects that are sent at the same time; 8
	Pinned    int64          // bytes that are pinned at the same time, or one object where it is bigger; 1 GiB
	Stall     time.Duration  // how long the other end may take for a chunk before it counts as gone; 30 s
	Arrival   time.Duration  // how long an object is waited for that is not here yet: word of it may overtake it; 2 s
	Log       *slog.Logger   // nil: none
}

// Server sends this node's objects to others.
type Server struct {
	conf   ServerConfig
	slots  *limit
	pinned *limit
	stats  counters
}

// Stats are what an end has done since its start.
type Stats struct {
	Running int64 // objects that are on their way now
	Objects int64 // that have arrived
	Bytes   int64 // of chunks
	Resumed int64 // transfers that went on after a connection had broken
	Failed  int64
	Near    int64 // that were copied from the store of a node on this machine
}

type counters struct{ running, objects, bytes, resumed, failed, near atomic.Int64 }

func (c *counters) stats() Stats {
	return Stats{c.running.Load(), c.objects.Load(), c.bytes.Load(), c.resumed.Load(), c.failed.Load(), c.near.Load()}
}

const (
	defaultTransfers = 8
	defaultBytes     = 1 << 30
	defaultStall     = 30 * time.Second
	defaultArrival   = 2 * time.Second
)

// NewServer returns a server.
func NewServer(c ServerConfig) *Server {
	c.Transfers = cmp.Or(c.Transfers, defaultTransfers)
	c.Pinned = cmp.Or(c.Pinned, defaultBytes)
	c.Stall = cmp.Or(c.Stall, defaultStall)
	c.Arrival = cmp.Or(c.Arrival, defaultArrival)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{conf: c, slots: newLimit(int64(c.Transfers)), pinned: newLimit(c.Pinned)}
}

// Stats returns the figures of the server.
func (s *Server) Stats() Stats { return s.stats.stats() }

// Serve answers one stream, which it takes over, until it ends or ctx does. The error tells of an end that breaks the protocol; it is nil
// where the other end has gone, however that was.
func (s *Server) Serve(ctx context.Context, stream net.Conn) error {
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	for {
		m, err := readMessage(stream)
		if err == nil {
			switch m.kind {
			case kindAsk:
				err = s.find(ctx, stream, m.id)
			case kindSend:
				err = s.send(ctx, stream, m)
			default:
				err = fmt.Errorf("a message of kind %d is the server's to send: %w", m.kind, errDamaged)
			}
		}
		if errors.Is(err, errDamaged) {
			s.conf.Log.Error("a node breaks the protocol of transfers", slog.String("from", addressOf(stream)), slog.Any("err", err))
			return fmt.Errorf("send objects to %s: %w", addressOf(stream), err)
		}
		if err != nil {
			return nil // the other end has gone
		}
	}
}

func addressOf(stream net.Conn) string {
	if a := stream.RemoteAddr(); a != nil {
		return a.String()
	}
	return "another node"
}

// write sends a message within the time that the other end may take.
func (s *Server) write(stream net.Conn, m *message) error {
	if err := stream.SetWriteDeadline(time.Now().Add(s.conf.Stall)); err != nil {
		return err
	}
	return writeMessage(stream, m)
}

func (s *Server) fail(stream net.Conn, err error) error {
	s.stats.failed.Add(1)
	return s.write(stream, &message{kind: kindFail, text: objstore.MarshalError(err)})
}

// find tells the size and the owner of an object.
func (s *Server) find(ctx context.Context, stream net.Conn, id objstore.ID) error {
	info, err := arrived(ctx, s.conf.Client, id, s.conf.Arrival)
	if err != nil {
		return s.fail(stream, err)
	}
	return s.write(stream, &message{kind: kindFound, id: id, size: info.Size, owner: info.Owner})
}

// arrived waits for an object whose maker has sealed it, but whose node has not read so.
func arrived(ctx context.Context, at *client.Client, id objstore.ID, patience time.Duration) (objstore.Info, error) {
	info, err := stat(ctx, at, id)
	if _, lost := errors.AsType[*objstore.LostError](err); !lost {
		return info, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := at.Await(waiting, id); err != nil {
		if _, freed := errors.AsType[*objstore.FreedError](err); freed {
			err = &objstore.LostError{ID: id, Reason: "it was freed on this node"} // others may have it
		}
		if waiting.Err() == nil {
			return info, err
		}
	}
	return stat(ctx, at, id)
}

func stat(ctx context.Context, at *client.Client, id objstore.ID) (objstore.Info, error) {
	info, err := at.Stat(ctx, id)
	if err == nil && !here(info.State) {
		err = &objstore.LostError{ID: id, Reason: "it is " + info.State.String() + " on this node"}
	}
	return info, err
}

// here tells whether a node has all bytes of an object.
func here(s objstore.State) bool {
	return s == objstore.Sealed || s == objstore.Spilled || s == objstore.Restoring
}

// send sends the bytes of an object.
func (s *Server) send(ctx context.Context, stream net.Conn, m *message) error {
	info, err := stat(ctx, s.conf.Client, m.id)
	if err == nil && info.Size != m.size {
		err = &objstore.LostError{ID: m.id, Reason: fmt.Sprintf("it has %d bytes here, and had %d", info.Size, m.size)}
	}
	if err != nil {
		return s.fail(stream, err)
	}
	r := s.reserve(ctx, stream, info)
	defer r.giveBack(s)
	switch {
	case r.streamErr != nil:
		return r.streamErr
	case r.err != nil:
		return s.fail(stream, r.err)
	case int64(len(r.object.Whole)) != m.size:
		return s.fail(stream, &objstore.LostError{ID: m.id, Reason: "it has changed"})
	}
	s.stats.running.Add(1)
	defer s.stats.running.Add(-1)
	if err := s.sendBytes(stream, r.object.Whole, m); err != nil {
		s.stats.failed.Add(1)
		return err
	}
	s.stats.objects.Add(1)
	return nil
}

// reserved is an object that is pinned, and the shares of the server that it takes.
type reserved struct {
	object       *client.Pinned
	slots, bytes int64
	err          error // there is no object
	streamErr    error // nobody wants it any more
}

func (r *reserved) giveBack(s *Server) {
	if r.object != nil {
		r.object.Release()
	}
	s.slots.give(r.slots)
	s.pinned.give(r.bytes)
}

// reserve waits until it is the object's turn and until it is in memory, and meanwhile says so.
func (s *Server) reserve(ctx context.Context, stream net.Conn, info objstore.Info) (r reserved) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() { // reserve waits for it
		defer close(ended)
		if r.slots, r.err = s.slots.take(ctx, 1); r.err != nil {
			return
		}
		if r.bytes, r.err = s.pinned.take(ctx, info.Size); r.err != nil {
			return
		}
		r.object, r.err = s.conf.Client.Pin(ctx, info.ID)
	}()
	tick := time.NewTicker(s.conf.Stall / 3)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return r
		case <-tick.C:
			if err := s.write(stream, &message{kind: kindWait}); err != nil {
				cancel()
				<-ended
				r.streamErr = err
				return r
			}
		}
	}
}

// pieceSize is how much is written or read at a time.
const pieceSize = 512 << 10

func (s *Server) sendBytes(stream net.Conn, object []byte, m *message) error {
	at, sum := m.offset, sumCold(0, object[:m.offset])
	if sum != m.sum {
		at, sum = 0, 0
	} else if at > 0 {
		s.stats.resumed.Add(1)
	}
	if err := s.write(stream, &message{kind: kindData, id: m.id, offset: at, size: m.size}); err != nil {
		return err
	}
	sums, stop := sumAhead(object[at:], sum)
	defer stop()
	for at < m.size {
		end := min(at+ChunkSize, m.size)
		if err := stream.SetWriteDeadline(time.Now().Add(s.conf.Stall)); err != nil {
			return err
		}
		if err := writeChunk(stream, object[at:end], sums); err != nil {
			return err
		}
		s.stats.bytes.Add(end - at)
		at = end
	}
	return nil
}

// sumAhead gives the checksum up to the end of each chunk, while the chunks before are being written. stop ends it.
func sumAhead(b []byte, sum uint32) (sums <-chan uint32, stop func()) {
	out, stopped := make(chan uint32, 2), make(chan struct{})
	var summing sync.WaitGroup
	summing.Go(func() {
		for len(b) > 0 {
			n := min(len(b), ChunkSize)
			sum = sumCold(sum, b[:n])
			b = b[n:]
			select {
			case out <- sum:
			case <-stopped:
				return
			}
		}
	})
	return out, func() {
		close(stopped)
		summing.Wait()
	}
}

// writeChunk writes a chunk and, as soon as it is known, its checksum.
func writeChunk(w io.Writer, chunk []byte, sums <-chan uint32) error {
	for len(chunk) > pieceSize {
		if _, err := w.Write(chunk[:pieceSize]); err != nil {
			return err
		}
		chunk = chunk[pieceSize:]
	}
	last := net.Buffers{chunk, binary.LittleEndian.AppendUint32(nil, <-sums)}
	_, err := last.WriteTo(w)
	return err
}
