package client

import (
	"context"
	"fmt"

	"mobula/internal/bytesize"
	"mobula/objstore"
	"mobula/objstore/memfile"
	"mobula/objstore/view"
	"mobula/objstore/wire"
)

// Meta is what the node is told about an object.
type Meta struct {
	Owner       objstore.Owner
	Replaceable bool // it has copies elsewhere or lineage: it may be evicted instead of spilled
}

// Writer fills an object that nobody can see yet.
type Writer struct {
	Head    []byte
	Buffers [][]byte
	Whole   []byte // of CreateCopy instead: the object with its header

	c      *Client
	id     objstore.ID
	meta   Meta
	size   int64
	inline []byte           // the object, where it is small
	alone  *memfile.Mapping // the segment, where it is big
	lease  *lease           // the shared segment, in between
	at     uint64           // segment
	offset int64
	over   bool
}

// Put makes an object of size bytes, which fill writes, with one reference of this process. Its bytes are the Head of
// the object.
func (c *Client) Put(ctx context.Context, id objstore.ID, size int64, fill func([]byte) error, meta Meta) error {
	w, err := c.Create(ctx, id, size, nil, meta)
	if err != nil {
		return err
	}
	defer w.Abort()
	if err := fill(w.Head); err != nil {
		return fmt.Errorf("fill object %s: %w", id, err)
	}
	return w.Seal()
}

// PutBuffers makes an object of a head and buffers, which are copied.
func (c *Client) PutBuffers(ctx context.Context, id objstore.ID, head []byte, buffers [][]byte, meta Meta) error {
	sizes := make([]int64, len(buffers))
	for i, b := range buffers {
		sizes[i] = int64(len(b))
	}
	w, err := c.Create(ctx, id, int64(len(head)), sizes, meta)
	if err != nil {
		return err
	}
	copy(w.Head, head)
	for i, b := range buffers {
		copy(w.Buffers[i], b)
	}
	return w.Seal()
}

// Create returns a writer of an object with a head and buffers of these sizes. It waits for memory until ctx ends.
func (c *Client) Create(ctx context.Context, id objstore.ID, head int64, buffers []int64, meta Meta) (*Writer, error) {
	if id.IsZero() {
		return nil, fmt.Errorf("create an object: the zero ID names none")
	}
	layout, err := objstore.NewLayout(head, buffers)
	if err != nil {
		return nil, err
	}
	w := &Writer{c: c, id: id, meta: meta, size: layout.Size()}
	data, err := w.memory(ctx)
	if err != nil {
		return nil, fmt.Errorf("create an object of %s: %w", bytesize.Format(w.size), err)
	}
	w.Ensure(w.size)
	w.Head, w.Buffers = layout.Format(data)
	return w, nil
}

// CreateCopy returns a writer of an object of size bytes, header included, that is a copy of another node's. Seal looks at
// the header. It waits for memory until ctx ends.
func (c *Client) CreateCopy(ctx context.Context, id objstore.ID, size int64, meta Meta) (*Writer, error) {
	if id.IsZero() || size <= 0 {
		return nil, fmt.Errorf("create a copy of object %s: %d bytes are none", id, size)
	}
	w := &Writer{c: c, id: id, meta: meta, size: size}
	var err error
	if w.Whole, err = w.memory(ctx); err != nil {
		return nil, fmt.Errorf("create a copy of an object of %s: %w", bytesize.Format(size), err)
	}
	return w, nil
}

// Ensure prepares the first n bytes of the object for being written: for CreateCopy, whose memory is not prepared at once.
func (w *Writer) Ensure(n int64) {
	if w.alone != nil {
		w.alone.Ensure(min(n, w.size))
	}
}

// memory gets the object's bytes.
func (w *Writer) memory(ctx context.Context) ([]byte, error) {
	c := w.c
	if w.size <= c.opt.InlineMax {
		if err := c.takeCredit(ctx, w.size, w.meta.Owner); err != nil {
			return nil, err
		}
		w.inline = make([]byte, w.size)
		return w.inline, nil
	}
	select {
	case <-c.hello:
	case <-c.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if w.size <= c.shared/2 {
		return c.takeShared(ctx, w)
	}
	a, err := c.call(ctx, &wire.Message{Kind: wire.Create, ID: w.id, Size: w.size, Owner: w.meta.Owner})
	if err != nil {
		return nil, err
	}
	w.at = a.m.Segment
	m, err := c.mapped(w.at)
	if err != nil {
		c.out.Queue(&wire.Message{Kind: wire.Retire, Segment: w.at})
		return nil, err
	}
	c.mu.Lock()
	c.writers++
	c.mu.Unlock()
	w.alone = m
	return m.Bytes()[:w.size:w.size], nil
}

// Seal makes the object visible. Its bytes must not be written any more.
func (w *Writer) Seal() error {
	if w.over {
		return fmt.Errorf("seal object %s: it is sealed or aborted", w.id)
	}
	if w.Whole != nil {
		if _, _, err := objstore.Parse(w.Whole); err != nil {
			return fmt.Errorf("seal the copy of object %s: %w", w.id, err)
		}
	}
	w.over = true
	c := w.c
	m := &wire.Message{Kind: wire.Seal, ID: w.id, Segment: w.at, Offset: w.offset, Size: w.size, Owner: w.meta.Owner, Flags: wire.Pin}
	if w.inline != nil {
		m = &wire.Message{Kind: wire.Put, ID: w.id, Data: w.inline, Owner: w.meta.Owner}
	} else if w.lease == nil {
		m.Flags |= wire.Alone
	}
	if w.meta.Replaceable {
		m.Flags |= wire.Replaceable
	}
	c.mu.Lock()
	err := c.usable()
	c.out.Add(m)
	c.writers--
	if w.inline != nil {
		c.made.add(w.id, w.inline)
	} else if w.lease != nil {
		c.leave(w.lease)
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("seal object %s: %w", w.id, err)
	}
	if err := c.out.Flush(); err != nil {
		return fmt.Errorf("seal object %s: %w", w.id, &objstore.NodeGoneError{Cause: err.Error()})
	}
	return nil
}

// Abort gives the object up; after Seal it does nothing.
func (w *Writer) Abort() {
	if w.over {
		return
	}
	w.over = true
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writers--
	switch {
	case w.inline != nil:
		c.credit += w.size
	case w.lease != nil:
		c.leave(w.lease)
	default:
		c.out.Queue(&wire.Message{Kind: wire.Retire, Segment: w.at})
	}
}

// lease is the shared segment that this process writes.
type lease struct {
	segment uint64
	mapping *memfile.Mapping
	next    int64 // offset of the next object
	writers int
	full    bool // it is given up with the last writer
}

// takeShared gives the writer room in the shared segment, and gets a new one where needed.
func (c *Client) takeShared(ctx context.Context, w *Writer) ([]byte, error) {
	align := int64(64)
	if w.size >= view.MinSize {
		align = objstore.Page // it will be mapped
	}
	for {
		c.mu.Lock()
		if err := c.usable(); err != nil {
			c.mu.Unlock()
			return nil, err
		}
		if l := c.lease; l != nil {
			size := int64(len(l.mapping.Bytes()))
			if at := (l.next + align - 1) &^ (align - 1); at+w.size <= size {
				l.next = at + w.size
				l.writers++
				c.writers++
				c.mu.Unlock()
				w.lease, w.at, w.offset = l, l.segment, at
				l.mapping.Ensure(at + w.size)
				return l.mapping.Bytes()[at : at+w.size : at+w.size], nil
			}
		}
		c.mu.Unlock()
		if err := c.refill(ctx, needLease, func() error { return c.newLease(ctx, w.meta.Owner) }); err != nil {
			return nil, err
		}
	}
}

func (c *Client) newLease(ctx context.Context, owner objstore.Owner) error {
	c.mu.Lock()
	c.giveUpLease()
	c.mu.Unlock()
	a, err := c.call(ctx, &wire.Message{Kind: wire.Lease, Owner: owner})
	if err != nil {
		return err
	}
	m, err := c.mapped(a.m.Segment)
	if err != nil {
		c.out.Queue(&wire.Message{Kind: wire.Retire, Segment: a.m.Segment})
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.giveUpLease()
	c.lease = &lease{segment: a.m.Segment, mapping: m}
	return nil
}

// giveUpLease gives the shared segment back, once its writers are done. c.mu must be held.
func (c *Client) giveUpLease() {
	if l := c.lease; l != nil {
		c.lease = nil
		l.full = true
		l.writers++
		c.leave(l)
	}
}

// leave notes that a writer of a shared segment is done. c.mu must be held.
func (c *Client) leave(l *lease) {
	l.writers--
	if l.full && l.writers == 0 {
		c.out.Queue(&wire.Message{Kind: wire.Retire, Segment: l.segment})
	}
}

// budget is how many bytes for small objects are asked for at once.
const budget = 1 << 20

// takeCredit takes bytes for a small object.
func (c *Client) takeCredit(ctx context.Context, n int64, owner objstore.Owner) error {
	for {
		c.mu.Lock()
		if err := c.usable(); err != nil {
			c.mu.Unlock()
			return err
		}
		if c.credit >= n {
			c.credit -= n
			c.writers++
			c.mu.Unlock()
			return nil
		}
		c.mu.Unlock()
		err := c.refill(ctx, needCredit, func() error {
			_, err := c.call(ctx, &wire.Message{Kind: wire.Budget, Size: budget, Count: n, Owner: owner})
			return err
		})
		if err != nil {
			return err
		}
	}
}

// What refill gets.
const (
	needLease = iota
	needCredit
)

// refill lets one goroutine ask for more; others wait for it, and then look again.
func (c *Client) refill(ctx context.Context, need int, ask func() error) error {
	c.mu.Lock()
	if running := c.refills[need]; running != nil {
		c.mu.Unlock()
		select {
		case <-running:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	done := make(chan struct{})
	c.refills[need] = done
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.refills[need] = nil
		c.mu.Unlock()
		close(done)
	}()
	return ask()
}
