package node

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
)

// passCall answers what a client of this machine asks of the head. The node vouches for it.
func (n *Node) passCall(ctx context.Context, c *client, method string, body json.RawMessage) (any, error) {
	switch {
	case method == headwire.PingMethod:
		return headwire.None{}, nil
	case method == string(headwire.QueryNode):
		in, err := parseCall[headwire.Query](body)
		if err != nil {
			return nil, err
		}
		return n.query(in.What)
	case method == string(headwire.AttachWorker):
		in, err := parseCall[headwire.WorkerRef](body)
		if err != nil {
			return nil, err
		}
		address, err := n.attach(ctx, c, in)
		return headwire.WorkerAddress{Address: address}, err
	case method == string(headwire.FetchObject):
		in, err := parseCall[headwire.ObjectRef](body)
		if err != nil {
			return nil, err
		}
		return headwire.None{}, n.fetchObject(ctx, c, in)
	case n.link == nil && method == string(headwire.AskNodes):
		return n.askAlone(body)
	case n.link == nil && method == string(headwire.ListNodes):
		return []headwire.NodeInfo{n.infoAlone()}, nil
	case n.link == nil:
		return nil, headwire.Errorf(headwire.Unavailable, "this node belongs to no cluster with a head: start one with  mobula start --head")
	}
	if strings.HasPrefix(method, "node.") || method == string(headwire.Join) || method == string(headwire.WatchEvents) {
		return nil, headwire.Errorf(headwire.Denied, "%s is not for clients of a node: connect to the head", method)
	}
	if err := n.awaitJob(ctx, c.job); err != nil {
		return nil, err
	}
	if method == string(headwire.AttachActor) {
		in, err := parseCall[headwire.ActorWait](body)
		if err != nil {
			return nil, err
		}
		return n.attachActor(ctx, c, in)
	}
	var out json.RawMessage
	if err := n.link.client.Call(ctx, method, body, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// parseCall reads what a call is given.
func parseCall[V any](body json.RawMessage) (V, error) {
	in, err := wire.ParseJSON[V](body)
	if err != nil {
		return in, headwire.Errorf(headwire.Invalid, "%v", err)
	}
	return in, nil
}

// askAlone answers for a cluster that is this node.
func (n *Node) askAlone(body json.RawMessage) (any, error) {
	in, err := parseCall[headwire.Query](body)
	if err != nil {
		return nil, err
	}
	a := headwire.Answer{Node: n.conf.ID, Name: n.conf.Name}
	data, err := n.query(in.What)
	if err == nil {
		a.Data, err = json.Marshal(data)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return []headwire.Answer{a}, nil
}

func (n *Node) infoAlone() headwire.NodeInfo {
	i := n.info()
	info := headwire.NodeInfo{State: sched.Alive.String(), Joined: i.Started.UnixMilli(), Free: i.Free, Waiting: i.Waiting, Workers: i.Workers}
	info.NodeHello = headwire.NodeHello{ID: i.Node, Name: i.Name, Labels: i.Labels, Total: i.Total, Version: i.Version, PID: i.PID, Prefix: n.prefix}
	return info
}

// attachActor says where, on this machine, a registered actor takes calls.
func (n *Node) attachActor(ctx context.Context, c *client, in headwire.ActorWait) (headwire.Attached, error) {
	info, err := headwire.Ask(ctx, n.link.client, headwire.WaitActor, in)
	if err != nil || info.Node.IsZero() {
		return headwire.Attached{Actor: info}, err
	}
	address, err := n.attach(ctx, c, headwire.WorkerRef{Node: info.Node, Worker: info.Worker})
	return headwire.Attached{Actor: info, Address: address}, err
}

// attach says where, on this machine, a worker takes connections. The relay, if it needs one, ends when it is not used any
// more, at the latest with the client, which has one for each worker.
func (n *Node) attach(ctx context.Context, c *client, at headwire.WorkerRef) (string, error) {
	if at.Node == n.conf.ID {
		address, ok := n.addressOf(at.Worker)
		if !ok {
			return "", headwire.Errorf(headwire.Stale, "worker %s has ended: look again", at.Worker.Short())
		}
		return address, nil
	}
	n.mu.Lock()
	i := slices.IndexFunc(c.relays, func(r *relay) bool { return r.node == at.Node && r.worker == at.Worker })
	if i >= 0 {
		defer n.mu.Unlock()
		c.relays[i].touchLocked(0)
		return c.relays[i].address, nil
	}
	n.mu.Unlock()
	remote, err := n.nodeAddress(ctx, at.Node)
	if err != nil {
		return "", headwire.Errorf(headwire.Stale, "%v", err)
	}
	r, err := n.openRelay(at.Node, remote, at.Worker)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	gone := n.clients[c.id] != c
	if !gone {
		c.relays = append(c.relays, r)
		r.idle = time.AfterFunc(time.Hour, func() { n.expire(c, r) })
		r.touchLocked(0)
	}
	n.mu.Unlock()
	if gone {
		r.close()
	}
	return r.address, nil
}

// closeRelays ends what the client was attached to. It is not a client any more.
func (c *client) closeRelays() {
	for _, r := range c.relays {
		r.close()
	}
}

// leaveTime bounds how long the head may take to hear that the node ends. It finds out by itself, later.
const leaveTime = time.Second

// leaveHead ends the connections to the head and to other nodes.
func (n *Node) leaveHead() {
	l := n.link
	if l == nil {
		return
	}
	if l.client != nil {
		if p := l.client.Connected(); p != nil {
			ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
			if _, err := headwire.Ask(ctx, p, headwire.LeaveNode, headwire.None{}); err != nil {
				n.logger.Debug("the head does not hear that the node ends", "error", err)
			}
			cancel()
		}
		l.client.Close()
	}
	if l.listener != nil {
		_ = l.listener.Close() // it was only accepted on
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.peers {
		p.abortLocked()
	}
}
