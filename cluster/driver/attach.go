package driver

import (
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// Attach returns an actor that another driver has made, and that lives at a place. made is the object of its constructor.
// Releasing it concerns this process alone.
func (d *Driver) Attach(name string, at wire.ActorPlace, made *Object) *Actor {
	a := d.actor(at.Actor, ActorSpec{Name: name})
	a.made, a.attached = &task{d: d}, true
	a.made.Object.ID, a.made.ready = made.ID, true
	a.made.value, a.made.err = made.Result()
	d.apart(func() { d.attach(a, at) })
	return a
}

// FailedActor returns an actor all of whose calls fail.
func FailedActor(name string, err error) *Actor {
	a := (*Driver)(nil).actor(id.Actor{}, ActorSpec{Name: name})
	a.made, a.gone = &task{}, err
	a.made.ready, a.made.err = true, err
	return a
}

// attach connects to the worker, and serves the connection.
func (d *Driver) attach(a *Actor, at wire.ActorPlace) {
	grant := wire.LeaseGrant{Address: at.Address, Worker: at.Worker, Slots: 1}
	var conn *frame.Conn
	var parts int
	var err error
	if at.Node.String() != d.hello[wire.ValueNode] { // by a relay
		var here headwire.WorkerAddress
		here, err = askHead(d.ctx, d, headwire.AttachWorker, headwire.WorkerRef{Node: at.Node, Worker: at.Worker})
		grant.Address = here.Address
	}
	if err == nil {
		conn, parts, err = d.dial(grant, 0)
	}
	if err != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.end(a.diedOf(err.Error()))
		return
	}
	d.serveAttached(a, grant, conn, parts)
}

// serveAttached serves a connection to the worker of an actor that others have made.
func (d *Driver) serveAttached(a *Actor, grant wire.LeaseGrant, conn *frame.Conn, parts int) {
	l := &lease{d: d, class: &class{}, grant: grant, conn: conn, parts: parts, inflight: map[id.Task]*task{}, actors: map[*Actor]bool{a: true},
		exited: make(chan *wire.WorkerExited, 1), heard: time.Now(), attached: true}
	l.grant.Lease = id.New[id.Lease]()
	d.mu.Lock()
	if d.ended != nil {
		d.mu.Unlock()
		conn.Abort()
		return
	}
	d.leases[l.grant.Lease] = l
	d.mu.Unlock()
	a.placed(l)
	l.serve()
}
