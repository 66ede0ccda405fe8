package node

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"sync"

	"mobula/internal/id"
	storeclient "mobula/objstore/client"
	"mobula/objstore/wire"
)

// nearStores are connections to the stores of other nodes of this user on this machine. Nodes with a directory of their own
// (Config.Dir) are not found: they are reached as those of other machines are.
type nearStores struct {
	watches sync.WaitGroup // one for each client

	mu      sync.Mutex // guards below
	clients map[id.Node]*storeclient.Client
	closed  bool
}

// client returns a connection to a node's store.
func (s *nearStores) client(node id.Node) (*storeclient.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	if c := s.clients[node]; c != nil {
		return c, nil
	}
	all := Here()
	i := slices.IndexFunc(all, func(l Local) bool { return l.ID == node })
	if i < 0 {
		return nil, fmt.Errorf("node %s is not known on this machine", node.Short())
	}
	conn, err := wire.Dial(filepath.Join(filepath.Dir(all[i].Address), storeSocketName))
	if err != nil {
		return nil, err
	}
	c := storeclient.New(conn, storeclient.Options{})
	if s.clients == nil {
		s.clients = map[id.Node]*storeclient.Client{}
	}
	s.clients[node] = c
	s.watches.Go(func() { s.watch(node, c) })
	return c, nil
}

// watch closes a client whose node has gone: it keeps the memory of that.
func (s *nearStores) watch(node id.Node, c *storeclient.Client) {
	<-c.Done()
	s.mu.Lock()
	delete(s.clients, node)
	s.mu.Unlock()
	_ = c.Close() // nobody is at the other end
}

func (s *nearStores) close() (err error) {
	s.mu.Lock()
	s.closed = true
	clients := maps.Clone(s.clients)
	s.mu.Unlock()
	for _, c := range clients {
		err = errors.Join(err, c.Close())
	}
	s.watches.Wait()
	return err
}
