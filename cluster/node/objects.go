package node

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"

	"mobula/cluster/wire"
	storeclient "mobula/objstore/client"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

const (
	storeSocketName = "store.sock"
	spillName       = "spill"
)

// objects is the node's object store with the socket for its clients.
type objects struct {
	store    *store.Store
	listener *net.UnixListener
	address  string
	own      *storeclient.Client // the node's, for objects of other nodes
	server   *transfer.Server
	fetcher  *transfer.Fetcher
	near     nearStores
}

// openObjects opens the store that the configuration asks for, if it does.
func (n *Node) openObjects() error {
	c := n.conf.Store
	if c.Capacity == 0 {
		return nil
	}
	if c.SpillDir == "" && c.Disk == nil {
		c.SpillDir = filepath.Join(n.dir.path, spillName)
	}
	if c.Log == nil {
		c.Log = n.logger
	}
	s, err := store.Open(c)
	if err != nil {
		return fmt.Errorf("open the object store: %w", err)
	}
	address := filepath.Join(n.dir.path, storeSocketName)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		return errors.Join(fmt.Errorf("listen for clients of the object store: %w", err), s.Close())
	}
	n.objects = objects{store: s, listener: l, address: address}
	if err := n.objects.openTransfers(n); err != nil {
		return errors.Join(fmt.Errorf("connect to the object store: %w", err), n.objects.close())
	}
	return nil
}

func (o *objects) close() error {
	if o.store == nil {
		return nil
	}
	err := o.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // ServeListener was first
	}
	if o.own != nil {
		o.fetcher.Close()
		err = errors.Join(err, o.near.close(), o.own.Close())
	}
	return errors.Join(err, o.store.Close())
}

// helloValues are what clients are told of the node.
func (n *Node) helloValues() map[string]string {
	values := map[string]string{wire.ValueNode: n.conf.ID.String()}
	if n.objects.store != nil {
		values[wire.ValueStore] = n.objects.address
	}
	return values
}
