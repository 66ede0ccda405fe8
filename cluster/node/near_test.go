//go:build linux

package node

import (
	"path/filepath"
	"testing"

	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/internal/eventually"
	"mobula/internal/id"
	"mobula/objstore"
	storeclient "mobula/objstore/client"
	"mobula/objstore/store"
)

// TestObjectsOfNodesNearAndFar: an object of another node of this user on this machine is copied from its memory; one of a node that
// has a directory of its own comes over TLS, as from another machine. Of a node that has gone nothing is kept.
func TestObjectsOfNodesNearAndFar(t *testing.T) {
	h := startHead(t, head.Config{})
	withStore := func(c *Config) { c.Store = store.Config{Capacity: 16 << 20} }
	here := joined(t, h, "here", withStore)
	near := joined(t, h, "near", withStore)
	far := joined(t, h, "far", func(c *Config) {
		withStore(c)
		c.Dir = filepath.Join(t.TempDir(), "far")
	})
	fetched := map[*Node]int64{near: 1, far: 0}
	for from, copies := range fetched {
		before := here.objects.fetcher.Stats().Near
		object := id.New[objstore.ID]()
		fill := func(b []byte) error { b[len(b)-1] = 7; return nil }
		if err := from.objects.own.Put(t.Context(), object, 5<<20, fill, storeclient.Meta{}); err != nil {
			t.Fatal(err)
		}
		c := &client{id: 1 << 40}
		here.mu.Lock()
		here.clients[c.id] = c
		here.mu.Unlock()
		if err := here.fetchObject(t.Context(), c, headwire.ObjectRef{Node: from.conf.ID, Object: object}); err != nil {
			t.Fatalf("from %s: %v", from.conf.Name, err)
		}
		got, err := here.objects.own.Pin(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		if b := got.Whole; b[len(b)-1] != 7 {
			t.Errorf("from %s came something else", from.conf.Name)
		}
		got.Release()
		here.mu.Lock()
		here.dropAllFetchedLocked(c)
		delete(here.clients, c.id)
		here.mu.Unlock()
		if n := here.objects.fetcher.Stats().Near - before; n != copies {
			t.Errorf("%d objects of node %s were copied from memory, want %d", n, from.conf.Name, copies)
		}
	}
	stores := func() int {
		here.objects.near.mu.Lock()
		defer here.objects.near.mu.Unlock()
		return len(here.objects.near.clients)
	}
	if n := stores(); n != 1 {
		t.Errorf("%d stores of other nodes are open, of 1", n)
	}
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the store of the node that has gone is closed", func() bool { return stores() == 0 })
}
