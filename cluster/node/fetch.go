package node

import (
	"context"
	"errors"
	"net"

	"mobula/cluster/headwire"
	"mobula/internal/id"
	"mobula/objstore"
	storeclient "mobula/objstore/client"
	"mobula/objstore/transfer"
)

// protocolObjects is for objects between the stores of two nodes.
const protocolObjects = "mobula-objects"

// openTransfers makes the store serve other nodes, and fetch from them.
func (o *objects) openTransfers(n *Node) error {
	conn, err := o.store.Connect()
	if err != nil {
		return err
	}
	o.own = storeclient.New(conn, storeclient.Options{})
	o.server = transfer.NewServer(transfer.ServerConfig{Client: o.own, Log: n.logger})
	o.fetcher = transfer.NewFetcher(transfer.FetcherConfig{Client: o.own})
	return nil
}

// serveObjects serves another node until its connection ends.
func (n *Node) serveObjects(ctx context.Context, _ id.Node, stream net.Conn) {
	if n.objects.server != nil {
		_ = n.objects.server.Serve(ctx, stream) // logged
	}
}

// fetchObject brings an object of another node's store into this one's, for a client that then takes a reference and says so.
func (n *Node) fetchObject(ctx context.Context, c *client, in headwire.ObjectRef) error {
	if n.objects.store == nil {
		return headwire.Errorf(headwire.Unavailable, "this node has no object store")
	}
	if in.Taken {
		n.dropFetched(c, in.Object)
		return nil
	}
	if in.Node == n.conf.ID {
		return nil
	}
	from := transfer.Peer{
		Name: in.Node.String(),
		Dial: func(ctx context.Context) (net.Conn, error) { return n.DialNode(ctx, in.Node, protocolObjects) },
		Near: func(context.Context) (*storeclient.Client, error) { return n.objects.near.client(in.Node) },
	}
	err := n.objects.fetcher.Fetch(ctx, in.Object, from)
	switch {
	case err == nil:
		n.mu.Lock()
		gone := n.clients[c.id] != c
		if !gone {
			if c.fetched == nil {
				c.fetched = map[id.Object]int{}
			}
			c.fetched[in.Object]++
		}
		n.mu.Unlock()
		if gone {
			n.objects.own.Ref(in.Object, -1)
		}
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if full, ok := errors.AsType[*objstore.FullError](err); ok {
		return headwire.Errorf(headwire.Unavailable, "%v", full)
	}
	return headwire.Errorf(headwire.NotFound, "%v", err) // it may be made again
}

// dropFetched gives up what the node holds for a client that holds it itself now.
func (n *Node) dropFetched(c *client, object id.Object) {
	n.mu.Lock()
	held := c.fetched[object] > 0
	if held {
		if c.fetched[object]--; c.fetched[object] == 0 {
			delete(c.fetched, object)
		}
	}
	n.mu.Unlock()
	if held {
		n.objects.own.Ref(object, -1)
	}
}

// dropAllFetchedLocked does so for a client that has gone; Node.mu is held.
func (n *Node) dropAllFetchedLocked(c *client) {
	for object, count := range c.fetched {
		n.objects.own.Ref(object, -count)
	}
	c.fetched = nil
}
