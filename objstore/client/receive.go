package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"mobula/objstore"
	"mobula/objstore/memfile"
	"mobula/objstore/wire"
)

// receive takes what the node says, until the connection ends. It never waits for the node to read.
func (c *Client) receive() {
	in := wire.NewReader(c.conn)
	defer in.Drop()
	defer close(c.done)
	for {
		m, err := in.Next()
		if err == nil {
			err = c.take(m)
			c.empty()
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it has closed the connection")
			}
			c.conn.Close()
			c.fail(err)
			return
		}
	}
}

func (c *Client) take(m *wire.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.adopt(m); err != nil {
		return err
	}
	switch m.Kind {
	case wire.Reply:
		c.answer(m)
	case wire.Failed:
		if p := c.calls[m.Seq]; p != nil {
			delete(c.calls, m.Seq)
			if !p.orphan {
				p.answer <- answer{err: objstore.UnmarshalError(m.Data)}
			}
		}
	case wire.Pinned:
		c.rest(c.pinned(m))
	case wire.Unpin:
		c.unpin(m.ID)
	case wire.Gone:
		c.drop(m.Segment)
	case wire.Hello:
		if c.shared != 0 || m.Extent <= 0 {
			return fmt.Errorf("%w: a second greeting", wire.ErrDamaged)
		}
		c.shared = m.Extent
		close(c.hello)
	case wire.Collect:
		c.collect()
	default:
		return fmt.Errorf("%w: kind %d is not the node's to send", wire.ErrDamaged, m.Kind)
	}
	return nil
}

// answer hands a reply to who waits for it. What comes for nobody is given back.
func (c *Client) answer(m *wire.Message) {
	p := c.calls[m.Seq]
	if p == nil {
		return
	}
	delete(c.calls, m.Seq)
	a := answer{m: *m}
	a.m.Data = bytes.Clone(m.Data)
	switch p.kind {
	case wire.Get:
		if m.Segment != 0 {
			a.pin = c.pinned(m)
			c.use(a.pin)
			if p.orphan {
				c.unuse(a.pin)
			}
		}
	case wire.Lease, wire.Create:
		if p.orphan {
			c.out.Queue(&wire.Message{Kind: wire.Retire, Segment: m.Segment})
		}
	case wire.Budget:
		c.credit += m.Size
	}
	if !p.orphan {
		p.answer <- a
	}
}

// segment is a segment that this process can reach. The node says when it is gone; until then it stays mapped.
type segment struct {
	file     *memfile.File
	writable bool
	old      []*memfile.File  // read-only ones that a writable one has replaced; readers may be using them
	mapping  *memfile.Mapping // of writers; nil before the first
	reading  *memfile.Mapping // of Pin, where there was no other
}

// adopt takes the descriptor of a message. c.mu must be held.
func (c *Client) adopt(m *wire.Message) error {
	for _, fd := range m.FDs {
		f, err := memfile.Open(fd, m.Extent)
		if err != nil {
			return err
		}
		s := c.segments[m.Segment]
		if s == nil {
			s = &segment{}
			c.segments[m.Segment] = s
		}
		if s.file != nil {
			s.old = append(s.old, s.file)
		}
		s.file, s.writable = f, m.Flags&wire.Writable != 0
	}
	return nil
}

// drop forgets a segment that the node has given up: nobody here has a pin in it, or writes it. c.mu must be held.
func (c *Client) drop(id uint64) {
	if s := c.segments[id]; s != nil {
		delete(c.segments, id)
		c.trash = append(c.trash, s)
	}
}

// empty closes dropped segments; the system takes a while for a big one.
func (c *Client) empty() {
	c.mu.Lock()
	trash := c.trash
	c.trash = nil
	c.mu.Unlock()
	for _, s := range trash {
		_ = s.close() // nothing can be done
	}
}

func (s *segment) close() error {
	var err error
	if s.mapping != nil {
		err = s.mapping.Unmap()
		s.mapping = nil
	}
	if s.reading != nil {
		err = errors.Join(err, s.reading.Unmap())
		s.reading = nil
	}
	for _, f := range s.old {
		err = errors.Join(err, f.Close())
	}
	s.old = nil
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	return err
}

// mapped returns the segment's mapping for writing.
func (c *Client) mapped(id uint64) (*memfile.Mapping, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.segments[id]
	if s == nil {
		return nil, fmt.Errorf("the node grants segment %d and does not send it", id)
	}
	if s.mapping == nil {
		m, err := s.file.Map()
		if err != nil {
			return nil, err
		}
		s.mapping = m
	}
	return s.mapping, nil
}

// unmapAll gives all segments up. Who has a view has its own mapping.
func (c *Client) unmapAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writers > 0 {
		return // they write on into memory that the node does not use again
	}
	for id, s := range c.segments {
		delete(c.segments, id)
		_ = s.close() // nothing can be done
	}
}

// collect drops what is not in use, and lets the process collect garbage. c.mu must be held.
func (c *Client) collect() {
	if c.round || c.closed {
		c.out.Queue(&wire.Message{Kind: wire.Collected})
		return
	}
	c.round = true
	c.dropIdle()
	c.giveUpLease()
	if c.credit > 0 {
		c.out.Queue(&wire.Message{Kind: wire.Return, Size: c.credit})
		c.credit = 0
	}
	c.workers.Go(func() {
		c.opt.OnPressure()
		c.mu.Lock()
		c.dropIdle()
		c.round = false
		c.mu.Unlock()
		c.out.Queue(&wire.Message{Kind: wire.Collected})
	})
}

// finalizerWait bounds the wait for finalizers: another package's may hang.
const finalizerWait = 100 * time.Millisecond

// collectGarbage runs the collector, and waits for the finalizers that it has found.
func collectGarbage() {
	done := make(chan struct{})
	mark := new([64]byte) // the runtime runs finalizers in turn
	runtime.SetFinalizer(mark, func(*[64]byte) { close(done) })
	runtime.GC()
	timer := time.NewTimer(finalizerWait)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
