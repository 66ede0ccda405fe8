//go:build linux

package transfer_test

import (
	"context"
	"errors"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/transfer"
)

// near is the source for a node on the same machine.
func near(n *node, store *client.Client) transfer.Peer {
	p := n.peer()
	p.Near = func(context.Context) (*client.Client, error) { return store, nil }
	return p
}

// TestNear: objects of a node on this machine are copied from its memory, whatever their size, spilled ones too.
func TestNear(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	store, err := storetest.Dial(listen(t, source.store))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i, n := range []int{0, 1, 1000, 200_000, 9*mib + 3, 40 * mib} {
		object := put(t, source.client, n)
		if i == 4 {
			put(t, source.client, 60*mib) // the others have to leave memory
			storetest.Await(t, "the object is spilled", func() bool {
				info, err := source.client.Stat(t.Context(), object)
				return err == nil && info.State == objstore.Spilled
			})
		}
		if err := here.fetcher.Fetch(t.Context(), object, near(source, store)); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		storetest.Check(t, here.client, object, n)
		if info, err := here.client.Stat(t.Context(), object); err != nil || info.Owner != owner {
			t.Errorf("%d bytes: the copy is of %+v, %v", n, info.Owner, err)
		}
		here.client.Ref(object, -1)
	}
	if s := here.fetcher.Stats(); s.Near != 6 || s.Objects != 6 {
		t.Errorf("%d of %d objects were copied from memory, of 6", s.Near, s.Objects)
	}
}

// TestNearFails: where the other store cannot be used the object comes over a stream, and what is wrong with the object is told.
func TestNearFails(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	closed, err := storetest.Dial(listen(t, source.store))
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	object := put(t, source.client, 9*mib)
	if err := here.fetcher.Fetch(t.Context(), object, near(source, closed)); err != nil {
		t.Fatal(err)
	}
	storetest.Check(t, here.client, object, 9*mib)
	away := source.peer()
	away.Near = func(context.Context) (*client.Client, error) { return nil, errors.New("it is on another machine") }
	object = put(t, source.client, 1000)
	if err := here.fetcher.Fetch(t.Context(), object, away); err != nil {
		t.Fatal(err)
	}
	if s := here.fetcher.Stats(); s.Near != 0 || s.Objects != 2 {
		t.Errorf("%d of %d objects were copied from memory, none of 2 can be", s.Near, s.Objects)
	}
	_, isPeers := errors.AsType[*transfer.PeerError](here.fetcher.Fetch(t.Context(), id.New[objstore.ID](), near(source, source.client)))
	if !isPeers {
		t.Error("an object that the other node does not have is no PeerError")
	}
	big := put(t, source.client, 60*mib)
	put(t, here.client, 60*mib)
	pinned, err := here.client.Pin(t.Context(), here.store.List()[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	defer pinned.Release()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- here.fetcher.Fetch(ctx, big, near(source, source.client)) }() // received below
	storetest.Await(t, "the fetch has begun", func() bool { return here.fetcher.Stats().Running == 1 })
	cancel()
	if err := <-ended; err == nil {
		t.Error("there is no memory for the object, and no error")
	}
}
