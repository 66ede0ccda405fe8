//go:build linux

package transfer_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/transfer"
)

// TestCancel gives transfers up in the middle: of several users the others go on.
func TestCancel(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := put(t, source.client, 30*mib)
	for _, others := range []int{0, 2} {
		started, goOn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		var total atomic.Int64
		held := through(source.peer(), func(_ int, stream net.Conn, p []byte) (int, error) {
			if total.Load() > 5*mib {
				once.Do(func() { close(started) })
				<-goOn
			}
			n, err := stream.Read(p)
			total.Add(int64(n))
			return n, err
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- here.fetcher.Fetch(ctx, object, held) }() // received below
		<-started
		rest := make(chan error, others)
		for range others {
			go func() { rest <- here.fetcher.Fetch(t.Context(), object, source.peer()) }() // received below
		}
		if others > 0 {
			storetest.Await(t, "the others have joined", func() bool { return here.fetcher.Users(object) == others+1 })
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("with %d others: %v", others, err)
		}
		close(goOn)
		for range others {
			if err := <-rest; err != nil {
				t.Error(err)
			}
		}
		if others > 0 {
			storetest.Check(t, connect(t, here.store), object, 30*mib)
			storetest.Await(t, "those who stayed have references", func() bool { l := here.store.List(); return len(l) == 1 && l[0].Refs == others })
			here.client.Ref(object, -others)
		}
		storetest.Await(t, "nothing is left", func() bool {
			return len(here.store.List()) == 0 && here.store.Stats().Busy == 0 && source.server.Stats().Running == 0
		})
	}
}

// TestConnectionsAreKept: fetches in turn use one connection, and one that has ended meanwhile is replaced unseen.
func TestConnectionsAreKept(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{fetcher: transfer.FetcherConfig{Tries: 1}})
	var streams []net.Conn
	peer := transfer.Peer{Name: "source", Dial: func(ctx context.Context) (net.Conn, error) {
		stream, err := source.peer().Dial(ctx)
		streams = append(streams, stream)
		return stream, err
	}}
	fetch := func() {
		t.Helper()
		object := put(t, source.client, 200_000)
		if err := here.fetcher.Fetch(t.Context(), object, peer); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		fetch()
	}
	if err := here.fetcher.Fetch(t.Context(), id.New[objstore.ID](), peer); err == nil {
		t.Error("no such object")
	}
	if fetch(); len(streams) != 1 {
		t.Errorf("%d connections for one after the other", len(streams))
	}
	streams[0].Close()
	if fetch(); len(streams) != 2 {
		t.Errorf("%d connections, the first of which was closed", len(streams))
	}
	here.fetcher.Forget("source")
	if fetch(); len(streams) != 3 {
		t.Errorf("%d connections, two of which were closed", len(streams))
	}
}

// TestBounds: no more transfers run than were asked for, whatever their number, and all end.
func TestBounds(t *testing.T) {
	source := newNode(t, "source", nodeConfig{server: transfer.ServerConfig{Transfers: 2, Pinned: 3 * mib}})
	here := newNode(t, "here", nodeConfig{fetcher: transfer.FetcherConfig{Transfers: 3, Memory: 5 * mib}})
	var most atomic.Int64
	watched := through(source.peer(), func(_ int, stream net.Conn, p []byte) (int, error) {
		most.Store(max(most.Load(), source.server.Stats().Running, here.fetcher.Stats().Running-1))
		return stream.Read(p)
	})
	var all sync.WaitGroup
	for range 12 {
		object := put(t, source.client, 2*mib)
		all.Go(func() {
			if err := here.fetcher.Fetch(t.Context(), object, watched); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() > 2 {
		t.Errorf("%d transfers at the same time", most.Load())
	}
	if got := here.fetcher.Stats(); got.Objects != 12 || got.Running != 0 {
		t.Errorf("%+v", got)
	}
}
