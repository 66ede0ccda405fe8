package client

import (
	"container/list"
	"context"
	"fmt"

	"mobula/objstore"
	"mobula/objstore/view"
	"mobula/objstore/wire"
)

// Object is a sealed object. Its slices may be kept, cut and written: they are this reader's own, and stay good for as long as
// anyone has them.
type Object struct {
	Head    []byte
	Buffers [][]byte

	view *view.View
}

// Release gives the object up now, instead of when the collector finds it unused. The caller promises that nobody needs
// slices of it; those that are left read as zeros.
func (o *Object) Release() {
	if o.view != nil {
		o.view.Release()
	}
	o.Head, o.Buffers = nil, nil
}

// pin is an object in a segment that the node keeps in place for this process.
type pin struct {
	id      objstore.ID
	segment uint64
	offset  int64
	size    int64
	held    int64         // pins that the node counts
	users   int           // readers and views
	idle    *list.Element // in Client.idle, where there are no users
	freed   bool          // goes with the last user
}

// Get returns an object. It waits until the object is sealed, or until ctx ends.
func (c *Client) Get(ctx context.Context, id objstore.ID) (*Object, error) {
	o, err := c.get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("get object %s: %w", id, err)
	}
	return o, nil
}

func (c *Client) get(ctx context.Context, id objstore.ID) (*Object, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, objstore.ErrClosed
	}
	if data := c.made.get(id); data != nil {
		c.mu.Unlock()
		return parse(append([]byte(nil), data...), nil)
	}
	p := c.pins[id]
	if p != nil && !p.freed {
		c.use(p)
		c.mu.Unlock()
		return c.read(p)
	}
	c.mu.Unlock()
	a, err := c.call(ctx, &wire.Message{Kind: wire.Get, ID: id})
	if err != nil {
		return nil, err
	}
	if a.pin == nil {
		return parse(a.m.Data, nil)
	}
	return c.read(a.pin)
}

func parse(data []byte, v *view.View) (*Object, error) {
	head, buffers, err := objstore.Parse(data)
	if err != nil {
		return nil, err
	}
	return &Object{Head: head, Buffers: buffers, view: v}, nil
}

// read makes an object of a pin that has a user for it.
func (c *Client) read(p *pin) (*Object, error) {
	c.mu.Lock()
	s := c.segments[p.segment]
	if s == nil || c.closed {
		c.unuse(p)
		c.mu.Unlock()
		return nil, objstore.ErrClosed
	}
	file, mapping := s.file, s.mapping
	c.reads.Add(1)
	defer c.reads.Done()
	c.mu.Unlock()
	if p.size >= view.MinSize {
		v, err := view.Map(file.Fd(), p.offset, p.size, func() { c.unuseUnlocked(p) })
		if err == nil {
			o, err := parse(v.Bytes(), v)
			if err != nil {
				v.Release()
			}
			return o, err
		}
	}
	defer c.unuseUnlocked(p)
	data := make([]byte, p.size)
	if mapping != nil {
		copy(data, mapping.Bytes()[p.offset:])
	} else if _, err := file.ReadAt(data, p.offset); err != nil {
		return nil, err
	}
	return parse(data, nil)
}

// unuseUnlocked ends one use of a pin.
func (c *Client) unuseUnlocked(p *pin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unuse(p)
}

// pinned counts a pin that the node has given. c.mu must be held, as in all below.
func (c *Client) pinned(m *wire.Message) *pin {
	p := c.pins[m.ID]
	if p == nil {
		p = &pin{id: m.ID, segment: m.Segment, offset: m.Offset, size: m.Size}
		c.pins[m.ID] = p
	}
	p.held++
	p.freed = false
	return p
}

func (c *Client) use(p *pin) {
	p.users++
	if p.idle != nil {
		c.idle.Remove(p.idle)
		p.idle = nil
	}
}

func (c *Client) unuse(p *pin) {
	p.users--
	c.rest(p)
}

// rest keeps a pin without users for a while, so that the object can be read again without asking.
func (c *Client) rest(p *pin) {
	if p.users > 0 || p.idle != nil {
		return
	}
	if p.freed || c.closed {
		c.release(p)
		return
	}
	p.idle = c.idle.PushBack(p)
	if c.idle.Len() > c.opt.IdlePins {
		c.release(c.idle.Front().Value.(*pin))
	}
}

func (c *Client) release(p *pin) {
	if p.idle != nil {
		c.idle.Remove(p.idle)
		p.idle = nil
	}
	if c.pins[p.id] == p {
		delete(c.pins, p.id)
	}
	c.out.Queue(&wire.Message{Kind: wire.Release, ID: p.id, Count: p.held})
}

func (c *Client) dropIdle() {
	for e := c.idle.Front(); e != nil; e = c.idle.Front() {
		c.release(e.Value.(*pin))
	}
}

// unpin releases an object that was freed, now or with its last user.
func (c *Client) unpin(id objstore.ID) {
	c.made.remove(id)
	if p := c.pins[id]; p != nil {
		p.freed = true
		if p.users == 0 {
			c.release(p)
		}
	}
}

func (c *Client) forget(id objstore.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unpin(id)
}

// cache holds small objects that were made here, the oldest of which go first.
type cache struct {
	limit, bytes int64
	objects      map[objstore.ID]*list.Element // of cached
	order        *list.List
}

type cached struct {
	id   objstore.ID
	data []byte
}

func newCache(limit int64) cache {
	return cache{limit: limit, objects: map[objstore.ID]*list.Element{}, order: list.New()}
}

func (c *cache) get(id objstore.ID) []byte {
	if e := c.objects[id]; e != nil {
		return e.Value.(cached).data
	}
	return nil
}

func (c *cache) add(id objstore.ID, data []byte) {
	c.remove(id)
	c.objects[id] = c.order.PushBack(cached{id, data})
	c.bytes += int64(len(data))
	for c.bytes > c.limit {
		c.remove(c.order.Front().Value.(cached).id)
	}
}

func (c *cache) remove(id objstore.ID) {
	if e := c.objects[id]; e != nil {
		c.bytes -= int64(len(c.order.Remove(e).(cached).data))
		delete(c.objects, id)
	}
}
