package node

import (
	"context"
	"fmt"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/bulktls"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// serveNode is the connection of another node that asks for leases here.
func (n *Node) serveNode(stream *bulktls.Conn, node id.Node) {
	c := &client{conn: frame.New(stream), stream: stream, since: time.Now(), role: rolePeer, node: node}
	defer c.conn.Abort()
	ctx, cancel := context.WithTimeout(n.ctx, handshakeTime)
	hello, _, err := c.conn.Handshake(ctx, frame.Hello{Role: wire.RoleNode, Build: n.conf.Version, PID: n.pid, Values: n.helloValues()})
	cancel()
	if err == nil {
		c.pid = hello.PID
		n.mu.Lock()
		n.admitLocked(c)
		n.book.far.pins[c.id] = true
		n.mu.Unlock()
	}
	n.converse(c, err, n.handleNode)
}

// handleNode takes a message of another node that asks for leases.
func (n *Node) handleNode(c *client, kind byte, body []byte) error {
	switch kind {
	case wire.KindProgram:
		m, err := wire.ParseJSON[wire.Program](body)
		if err == nil {
			n.mu.Lock()
			n.learnLocked(c.id, &m, origin{digest: m.Digest, node: c.node, path: m.Path})
			n.mu.Unlock()
		}
		return err
	case wire.KindAsk:
		m, err := wire.ParseJSON[wire.Ask](body)
		if err == nil {
			n.update(func(b *book, now time.Time) {
				if _, known := n.drivers[m.Job]; !known && !m.Job.IsZero() {
					n.drivers[m.Job] = c.id // output goes the way that the tasks came
				}
				n.link.sawLocked(m.Assignments)
				b.request(c.id, &m.LeaseRequest, now)
			})
		}
		return err
	case wire.KindLeaseReturn:
		return n.handleLease(c, kind, body)
	}
	return fmt.Errorf("a message of kind %d, which a node does not send to another one", kind)
}

// learnLocked makes a program known that is registered elsewhere. What a driver of this node says of it counts more.
func (n *Node) learnLocked(owner clientID, m *wire.Program, from origin) {
	p := n.programs[m.Digest]
	if p == nil {
		p = &program{path: m.Path, args: m.Args, env: m.Env, owners: map[clientID]bool{}, origin: &from}
		n.programs[m.Digest] = p
	}
	p.owners[owner] = true
}

// internalLocked makes a client that is a part of this node.
func (n *Node) internalLocked(role string, deliver func(kind byte, body any)) clientID {
	c := &client{role: role, pid: n.pid, since: time.Now(), deliver: deliver}
	n.admitLocked(c)
	return c.id
}

// askSelfLocked asks this node, where the head has assigned it.
func (n *Node) askSelfLocked(a askPeer) {
	n.link.sawLocked(a.ask.assigned)
	n.book.request(n.self, &wire.LeaseRequest{Request: n.selfKeys.number(a.key, n.overLocked), Job: a.job, Class: a.class, Slots: a.ask.slots, Depth: a.depth}, time.Now())
}

// deliverSelfLocked takes what the book says to the client that stands for this node.
func (n *Node) deliverSelfLocked(kind byte, body any) {
	now := time.Now()
	switch m := body.(type) {
	case wire.LeaseGrant:
		if !n.book.grantedFar(n.selfKeys.keys[m.Request], m, now) {
			n.book.giveBack(n.self, m.Lease, now)
		}
	case wire.LeaseRefused:
		n.book.refusedFar(n.selfKeys.keys[m.Request], m.Reason, m.Infeasible, now)
	case wire.LeaseID:
		n.book.reclaimFar(n.conf.ID, m.Lease, kind)
	case wire.WorkerExited:
		n.book.exitedFar(n.conf.ID, m)
	}
}
