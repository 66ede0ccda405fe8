package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"mobula/objstore"
	"mobula/objstore/index"
	"mobula/objstore/wire"
)

// peer is a connected client.
type peer struct {
	id    index.ClientID
	conn  wire.Conn
	out   *wire.Outbox
	known map[index.SegmentID]access // guarded by Store.mu
	bye   bool
}

// access is what a client's descriptor of a segment can do.
type access uint8

const (
	canRead access = iota + 1
	canWrite
)

// budgetShare bounds the inline bytes that a client gets at once, beyond what it needs: one part of so many.
const budgetShare = 64

// Serve serves one client process until its connection ends, and then drops what the process held. The end of ctx closes the connection.
// The error tells of a client that breaks the protocol; it is nil where the client has ended, however that was.
func (s *Store) Serve(ctx context.Context, conn wire.Conn) error {
	p := &peer{conn: conn, out: wire.NewOutbox(conn), known: map[index.SegmentID]access{}}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		conn.Close()
		return objstore.ErrClosed
	}
	s.serving.Add(1)
	defer s.serving.Done()
	s.last++
	p.id = s.last
	s.clients[p.id] = p
	s.index.Connect(p.id)
	p.out.Queue(&wire.Message{Kind: wire.Hello, Extent: s.conf.SegmentSize})
	s.mu.Unlock()

	stopClosing := context.AfterFunc(ctx, func() { conn.Close() })
	defer stopClosing()
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { p.out.Run(stop) })
	err := s.receive(p)
	s.disconnect(p)
	conn.Close()
	p.out.Close(errors.New("the client has gone"))
	close(stop)
	writer.Wait()
	return err
}

func (s *Store) receive(p *peer) error {
	in := wire.NewReader(p.conn)
	defer in.Drop()
	for {
		m, err := in.Next()
		if err != nil {
			if !errors.Is(err, wire.ErrDamaged) {
				return nil // the process has ended
			}
			return fmt.Errorf("serve client %d: %w", p.id, err)
		}
		if err := s.handle(p, m); err != nil {
			s.conf.Log.Error("a client of the object store breaks the protocol", slog.Uint64("client", uint64(p.id)), slog.Any("err", err))
			return fmt.Errorf("serve client %d: %w", p.id, err)
		}
		if p.bye {
			return nil
		}
		if !in.Buffered() {
			if p.out.Flush() != nil {
				return nil
			}
		}
	}
}

func (s *Store) disconnect(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, p.id)
	s.collected(p)
	s.index.Disconnect(p.id, p.bye)
	if !s.closed {
		s.act()
	}
}

// Connect returns a connection to the store for this process itself.
func (s *Store) Connect() (wire.Conn, error) {
	node, client, err := wire.Pair()
	if err != nil {
		return nil, fmt.Errorf("connect to the object store: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		node.Close()
		client.Close()
		return nil, objstore.ErrClosed
	}
	s.serving.Go(func() { _ = s.Serve(context.Background(), node) }) // logged
	return client, nil
}

// handle takes one message in. An error ends the connection.
func (s *Store) handle(p *peer, m *wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.current = p
	defer func() { s.current = nil }()
	if err := s.apply(p, m); err != nil {
		return err
	}
	s.act()
	return nil
}

func (s *Store) apply(p *peer, m *wire.Message) error {
	x := s.index
	switch m.Kind {
	case wire.Lease:
		x.Create(index.Request{Client: p.id, Seq: m.Seq, Bytes: s.conf.SegmentSize, Owner: m.Owner})
	case wire.Budget:
		n := max(m.Count, min(m.Size, s.conf.Capacity/budgetShare))
		x.Create(index.Request{Client: p.id, Seq: m.Seq, Inline: true, Bytes: n, Owner: m.Owner})
	case wire.Create:
		x.Create(index.Request{Client: p.id, Seq: m.Seq, Bytes: m.Size, Object: m.ID, Owner: m.Owner})
	case wire.Put, wire.Seal:
		return s.seal(p, m)
	case wire.Retire:
		x.Retire(p.id, index.SegmentID(m.Segment))
	case wire.Get:
		if m.Flags&wire.Here != 0 {
			x.GetHere(p.id, m.Seq, m.ID)
		} else {
			x.Get(p.id, m.Seq, m.ID)
		}
	case wire.Stat:
		info := x.Info(m.ID)
		s.send(p, &wire.Message{Kind: wire.Reply, Seq: m.Seq, ID: m.ID, Size: info.Size, Owner: info.Owner, Count: int64(info.State)})
	case wire.Release:
		x.Release(p.id, m.ID, int(m.Count))
	case wire.Ref:
		x.AddRef(p.id, m.ID, int(m.Count))
	case wire.Free:
		x.Free(m.ID)
	case wire.Mark:
		x.SetReplaceable(m.ID, m.Flags&wire.Replaceable != 0)
	case wire.Cancel:
		x.Cancel(p.id, m.Target, m.ID)
		s.send(p, &wire.Message{Kind: wire.Failed, Seq: m.Target, Data: objstore.MarshalError(context.Canceled)})
	case wire.Return:
		x.ReturnBudget(p.id, m.Size)
	case wire.Collected:
		s.collected(p)
	case wire.Sync:
		s.send(p, &wire.Message{Kind: wire.Reply, Seq: m.Seq})
	case wire.Bye:
		p.bye = true
	default:
		return fmt.Errorf("a message of kind %d is the node's to send", m.Kind)
	}
	return nil
}

func (s *Store) seal(p *peer, m *wire.Message) error {
	place := index.Place{Segment: index.SegmentID(m.Segment), Offset: m.Offset, Size: m.Size}
	if m.Kind == wire.Put {
		place = index.Place{Size: int64(len(m.Data))}
	} else if m.Segment == 0 {
		return errors.New("an object is sealed in no segment")
	}
	fresh, err := s.index.Seal(p.id, index.Sealed{
		ID: m.ID, Owner: m.Owner, Place: place,
		Replaceable: m.Flags&wire.Replaceable != 0, Pin: m.Flags&wire.Pin != 0, Retire: m.Flags&wire.Alone != 0,
	})
	if err != nil {
		return err
	}
	if m.Kind == wire.Put {
		if fresh {
			s.inline[m.ID] = bytes.Clone(m.Data)
		}
	} else if fresh && m.Flags&wire.Pin != 0 {
		s.send(p, &wire.Message{Kind: wire.Pinned, ID: m.ID, Segment: m.Segment, Offset: m.Offset, Size: m.Size})
	}
	return nil
}

// send queues a message. The client whose message is being handled writes what is for it afterwards; for others the
// writer is woken, because they may not read.
func (s *Store) send(p *peer, m *wire.Message) {
	if p == s.current {
		p.out.Add(m)
	} else {
		p.out.Queue(m)
	}
}
