package driver

import (
	"slices"
	"time"

	"mobula/cluster/wire"
)

// class holds the tasks that may share workers, and the leases for them. All is guarded by Driver.mu.
type class struct {
	id      classID
	spec    wire.Class
	depth   int
	request uint64
	actors  bool // its leases hold actors: any number of constructors may be pushed
	queue   []*task
	head    int
	leases  []*lease
	asked   int // slots that the node still owes us
}

const (
	maxAsked = 1024 // slots asked for at a time
	// busyFor is for how long pushed tasks should keep a slot busy.
	busyFor   = 2 * time.Millisecond
	maxWindow = 1024 // tasks pushed ahead for one slot
)

func (c *class) len() int { return len(c.queue) - c.head }

func (c *class) add(t *task) {
	if c.head > 1024 && c.head*2 > len(c.queue) {
		n := copy(c.queue, c.queue[c.head:])
		clear(c.queue[n:])
		c.queue, c.head = c.queue[:n], 0
	}
	c.queue = append(c.queue, t)
}

// addFirst puts tasks before all others.
func (c *class) addFirst(list []*task) {
	c.queue = slices.Concat(list, c.queue[c.head:])
	c.head = 0
}

// next takes the first task that is still wanted.
func (c *class) next() *task {
	for c.len() > 0 {
		t := c.queue[c.head]
		c.queue[c.head] = nil
		c.head++
		if !t.over {
			return t
		}
	}
	c.queue, c.head = c.queue[:0], 0
	return nil
}

// pump pushes tasks to leases that have room, and asks for slots while tasks wait.
func (d *Driver) pump(c *class) {
	for c.len() > 0 {
		l := c.roomiest()
		if l == nil {
			break
		}
		t := c.next()
		if t == nil {
			break
		}
		l.push(t)
	}
	d.ask(c)
}

// roomiest returns the lease with the least load for its slots, nil if none has room.
func (c *class) roomiest() *lease {
	var best *lease
	for _, l := range c.leases {
		if l.closing || !c.actors && l.load >= l.window*l.slots {
			continue
		}
		if best == nil || l.load*best.slots < best.load*l.slots {
			best = l
		}
	}
	return best
}

// ask tells the node how many more slots could be used.
func (d *Driver) ask(c *class) {
	want := min(c.len(), maxAsked)
	if c.actors && want > 0 {
		want = 1
	}
	if want == 0 && c.asked == 0 || want > 0 && c.asked > 0 && want <= 2*c.asked {
		return
	}
	c.asked = want
	d.requests[c.request] = c // tidy may have forgotten it
	d.look()
	m := wire.LeaseRequest{Request: c.request, Job: d.conf.Job, Class: c.spec, Slots: want, Depth: c.depth}
	_ = d.node.Send(wire.KindLeaseRequest, wire.JSON(m)) // without the node everything fails: see disconnected
}

// adapt learns from a result how many tasks keep the worker busy.
func (l *lease) adapt(took time.Duration) {
	if l.average == 0 {
		l.average = took
	}
	l.average += (took - l.average) / 8
	fits := int(busyFor / max(l.average, time.Microsecond))
	switch {
	case fits > l.window:
		l.window = min(2*l.window, fits, maxWindow)
	case fits < l.window:
		l.window = max(1, fits)
	}
}

// idleWhileWaited is how long a lease without work is kept while tasks of another class wait for slots, which may be the same. The node
// tells what its own requests want; it does not know of those that the head decides.
const idleWhileWaited = 5 * time.Millisecond

// look has tidy look soon for leases that others wait for.
func (d *Driver) look() {
	select {
	case d.soon <- struct{}{}:
	default:
	}
}

// waited reports whether tasks of another class than the lease's wait for slots; Driver.mu is held.
func (l *lease) waited() bool {
	for _, c := range l.d.requests {
		if c != l.class && c.asked > 0 && c.len() > 0 {
			return true
		}
	}
	return false
}

// stuckAfter is how long tasks may wait behind others in a worker that reports no results.
const stuckAfter = 50 * time.Millisecond

// tidy gives back leases that have been idle, recalls tasks that wait behind long ones, and forgets classes of which there is nothing.
func (d *Driver) tidy(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for request, c := range d.requests {
		if c.len() == 0 && len(c.leases) == 0 && c.asked == 0 {
			delete(d.requests, request)
			if d.classes[c.id] == c {
				delete(d.classes, c.id)
			}
		}
	}
	for _, l := range d.leases {
		if l.dead || l.closing {
			continue
		}
		silent := now.Sub(l.heard)
		switch {
		case len(l.inflight) == 0 && len(l.actors) == 0 && (silent > d.conf.IdleLease || silent > idleWhileWaited && l.waited()):
			l.closing = true
			l.finishClosing()
		case l.load > l.slots && silent > stuckAfter && !l.recalling:
			l.recalling, l.window = true, 1
			_ = l.conn.Send(wire.KindRecall, nil) // or the worker ends: lost takes over
		}
	}
}
