package client

import (
	"context"
	"fmt"

	"mobula/objstore"
	"mobula/objstore/memfile"
	"mobula/objstore/wire"
)

// Stat returns what the node knows about an object at this moment: its owner, size and state.
func (c *Client) Stat(ctx context.Context, id objstore.ID) (objstore.Info, error) {
	a, err := c.call(ctx, &wire.Message{Kind: wire.Stat, ID: id})
	if err != nil {
		return objstore.Info{}, fmt.Errorf("look for object %s: %w", id, err)
	}
	return objstore.Info{ID: id, Owner: a.m.Owner, Size: a.m.Size, State: objstore.State(a.m.Count)}, nil
}

// Await waits until the node has an object, or ctx ends.
func (c *Client) Await(ctx context.Context, id objstore.ID) error {
	a, err := c.call(ctx, &wire.Message{Kind: wire.Get, ID: id})
	if err != nil {
		return fmt.Errorf("wait for object %s: %w", id, err)
	}
	if a.pin != nil {
		c.unuseUnlocked(a.pin)
	}
	return nil
}

// Pinned is an object that stays where it lies in the node's memory until Release.
type Pinned struct {
	// Whole is the object with its header. It is gone after Release, however many slices there are, and must not be written.
	Whole []byte

	c   *Client
	pin *pin // nil: Whole is a copy
}

// Pin returns an object that the node has, for being sent elsewhere: its bytes are in a mapping that stays, so that they
// cost no page faults the next time. It does not wait for an object to be made: what the node has not is a LostError.
func (c *Client) Pin(ctx context.Context, id objstore.ID) (*Pinned, error) {
	p, err := c.pinHere(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("pin object %s: %w", id, err)
	}
	return p, nil
}

func (c *Client) pinHere(ctx context.Context, id objstore.ID) (*Pinned, error) {
	c.mu.Lock()
	if p := c.pins[id]; p != nil && !p.freed && !c.closed {
		c.use(p)
		c.mu.Unlock()
		return c.lend(p)
	}
	c.mu.Unlock()
	a, err := c.call(ctx, &wire.Message{Kind: wire.Get, ID: id, Flags: wire.Here})
	if err != nil {
		return nil, err
	}
	if a.pin == nil {
		return &Pinned{Whole: a.m.Data}, nil
	}
	return c.lend(a.pin)
}

// lend makes a Pinned of a pin that has a user for it.
func (c *Client) lend(p *pin) (*Pinned, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.segments[p.segment]
	if s == nil || c.closed {
		c.unuse(p)
		return nil, objstore.ErrClosed
	}
	m, err := s.readable()
	if err != nil {
		c.unuse(p)
		return nil, err
	}
	c.reads.Add(1)
	return &Pinned{Whole: m.Bytes()[p.offset : p.offset+p.size : p.offset+p.size], c: c, pin: p}, nil
}

// readable returns a mapping of the segment; the one for writing serves, too.
func (s *segment) readable() (*memfile.Mapping, error) {
	if s.mapping != nil {
		return s.mapping, nil
	}
	if s.reading == nil {
		m, err := s.file.MapRead()
		if err != nil {
			return nil, err
		}
		s.reading = m
	}
	return s.reading, nil
}

// Release gives the object up; a second call does nothing.
func (p *Pinned) Release() {
	p.Whole = nil
	if p.pin == nil {
		return
	}
	p.c.unuseUnlocked(p.pin)
	p.c.reads.Done()
	p.pin = nil
}
