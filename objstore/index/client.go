package index

import (
	"mobula/objstore"
)

// client is a process that holds references, pins and leases.
type client struct {
	id     ClientID
	budget int64                // inline bytes that it may put
	held   map[*object]struct{} // objects with refs or pins of it
	leases map[SegmentID]*segment
}

func newClient(id ClientID) *client {
	return &client{id: id, held: map[*object]struct{}{}, leases: map[SegmentID]*segment{}}
}

func (c *client) addPin(o *object, n int) {
	o.pins.add(c.id, n)
	c.note(o)
}

func (c *client) addRef(o *object, n int) {
	o.refs.add(c.id, n)
	c.note(o)
}

func (c *client) note(o *object) {
	if o.pins.of(c.id) == 0 && o.refs.of(c.id) == 0 {
		delete(c.held, o)
	} else {
		c.held[o] = struct{}{}
	}
}

// forgetRef notes that the references of an object are being dropped.
func (c *client) forgetRef(o *object) {
	if o.pins.of(c.id) == 0 {
		delete(c.held, o)
	}
}

// Connect adds a client.
func (x *Index) Connect(id ClientID) { x.clients[id] = newClient(id) }

// Disconnect drops all that a client holds. Clean means that it has unmapped everything and is done; otherwise the process may, for all
// that the node knows, still read or write the segments that it used: these are not used again.
func (x *Index) Disconnect(id ClientID, clean bool) {
	c := x.clients[id]
	if c == nil || id == Node {
		return
	}
	x.dropRequests(id)
	if !clean {
		for _, seg := range c.leases {
			seg.tainted = true
		}
		for o := range c.held {
			if o.segment != nil && o.pins.of(id) > 0 {
				o.segment.tainted = true
			}
		}
	}
	x.budget -= c.budget
	for _, seg := range c.leases {
		x.abort(seg)
	}
	for o := range c.held {
		x.dropHolds(c, o)
	}
	for _, seg := range x.segments {
		if seg.client == id {
			seg.client = Node
		}
	}
	delete(x.clients, id)
}

func (x *Index) dropHolds(c *client, o *object) {
	o.pins.add(c.id, -o.pins.of(c.id))
	n := o.refs.of(c.id)
	o.refs.add(c.id, -n)
	delete(c.held, o)
	switch {
	case o.doomed:
		x.removeUnused(o)
	case n > 0 && len(o.refs) == 0 && o.state != objstore.Absent && o.state != objstore.Writing:
		x.free(o)
	case len(o.refs) == 0 && o.state == objstore.Absent && len(o.waiters) == 0:
		delete(x.objects, o.id)
	default:
		x.touch(o)
	}
}

// dropRequests forgets what a client waits for.
func (x *Index) dropRequests(id ClientID) {
	x.cancelRequests(func(r *request) bool { return r.Client == id && r.restore == nil })
	for _, o := range x.objects {
		for i := 0; i < len(o.waiters); i++ {
			if o.waiters[i].client == id {
				o.waiters = append(o.waiters[:i], o.waiters[i+1:]...)
				i--
			}
		}
		x.forgetIfUnknown(o)
	}
}

// Cancel forgets one request, for memory or for an object. What was answered already stays the client's.
func (x *Index) Cancel(id ClientID, seq uint64, object objstore.ID) {
	x.cancelRequests(func(r *request) bool { return r.Client == id && r.Seq == seq && r.restore == nil })
	if o := x.objects[object]; o != nil {
		for i, w := range o.waiters {
			if w.client == id && w.seq == seq {
				o.waiters = append(o.waiters[:i], o.waiters[i+1:]...)
				break
			}
		}
		x.forgetIfUnknown(o)
	}
}

func (x *Index) forgetIfUnknown(o *object) {
	if o.state == objstore.Absent && len(o.waiters) == 0 && len(o.refs) == 0 && len(o.pins) == 0 {
		delete(x.objects, o.id)
	}
}

// ReturnBudget gives inline bytes back that a client does not need.
func (x *Index) ReturnBudget(id ClientID, n int64) {
	c := x.clients[id]
	n = max(0, min(n, c.budget))
	c.budget -= n
	x.budget -= n
}
