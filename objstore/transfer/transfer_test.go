//go:build linux

package transfer_test

import (
	"context"
	"errors"
	"net"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

func TestFetch(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	maker, reader := connect(t, source.store), connect(t, here.store)
	// Sizes of the head: with a header of 64 bytes, the fifth ends at a chunk, and the one after it one byte behind.
	for _, n := range []int{0, 1, 100, 150_000, transfer.ChunkSize - 64, transfer.ChunkSize - 63, 3*mib + 5, 9 * mib} {
		object := put(t, maker, n)
		if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
			t.Fatal(err)
		}
		storetest.Check(t, reader, object, n)
		storetest.Check(t, here.client, object, n)
		info, err := here.client.Stat(t.Context(), object)
		if err != nil || info.Owner != owner {
			t.Errorf("%+v, %v", info, err)
		}
		here.client.Ref(object, -1)
	}
	storetest.Await(t, "nothing is left when the references are gone", func() bool { return len(here.store.List()) == 0 })
	if got := source.store.Stats(); got.Objects[objstore.Sealed] != 8 {
		t.Errorf("the originals stay: %+v", got)
	}
}

func TestBuffersAsTheyWere(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := id.New[objstore.ID]()
	buffers := [][]byte{make([]byte, 10), nil, make([]byte, 5*mib+1), make([]byte, 70_000)}
	for _, b := range buffers {
		storetest.Fill(b, object)
	}
	if err := source.client.PutBuffers(t.Context(), object, []byte("head"), buffers, client.Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := source.client.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
		t.Fatal(err)
	}
	o, err := connect(t, here.store).Get(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	if string(o.Head) != "head" || !reflect.DeepEqual(o.Buffers, [][]byte{buffers[0], {}, buffers[2], buffers[3]}) {
		t.Error("the parts differ")
	}
}

// TestCopyIsReplaceable: a node that is short of memory drops copies, it does not write them to its disk; and fetches them again.
func TestCopyIsReplaceable(t *testing.T) {
	source := newNode(t, "source", nodeConfig{})
	here := newNode(t, "here", nodeConfig{store: store.Config{Capacity: 16 * mib, SegmentSize: mib}})
	var objects []objstore.ID
	for range 20 {
		objects = append(objects, put(t, source.client, 2*mib))
	}
	for range 2 {
		for _, object := range objects {
			if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
				t.Fatal(err)
			}
			storetest.Check(t, connect(t, here.store), object, 2*mib)
		}
	}
	if got := here.store.Stats(); got.SpilledTotal != 0 || got.Evicted < 20*2*mib || got.Used > 16*mib {
		t.Errorf("%+v", got)
	}
}

// TestSpilledSource fetches what its node has on disk only.
func TestSpilledSource(t *testing.T) {
	source := newNode(t, "source", nodeConfig{store: store.Config{Capacity: 16 * mib, SegmentSize: mib}})
	here := newNode(t, "here", nodeConfig{})
	var objects []objstore.ID
	for range 20 {
		objects = append(objects, put(t, source.client, 2*mib))
	}
	if source.store.Stats().SpilledBytes == 0 {
		t.Fatal("nothing was spilled")
	}
	for _, object := range objects {
		if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
			t.Fatal(err)
		}
		storetest.Check(t, here.client, object, 2*mib)
		here.client.Ref(object, -1)
	}
}

func TestErrors(t *testing.T) {
	source := newNode(t, "source", nodeConfig{})
	here := newNode(t, "here", nodeConfig{store: store.Config{Capacity: 8 * mib, FullGrace: time.Millisecond}})
	err := here.fetcher.Fetch(t.Context(), id.New[objstore.ID](), source.peer())
	if _, ok := errors.AsType[*objstore.LostError](err); !ok {
		t.Errorf("an object that nobody has made: %v", err)
	}
	if e, ok := errors.AsType[*transfer.PeerError](err); !ok || e.Peer != "source" {
		t.Errorf("the node that said it is not named: %v", err)
	}
	object := put(t, source.client, mib)
	source.store.Free(object)
	err = here.fetcher.Fetch(t.Context(), object, source.peer())
	if _, ok := errors.AsType[*objstore.LostError](err); !ok {
		t.Errorf("a freed object: %v", err)
	}
	big := put(t, source.client, 20*mib)
	err = here.fetcher.Fetch(t.Context(), big, source.peer())
	_, full := errors.AsType[*objstore.FullError](err)
	if _, theirs := errors.AsType[*transfer.PeerError](err); !full || theirs {
		t.Errorf("an object that is bigger than this node's store: %v", err)
	}
	object = put(t, source.client, mib)
	if err := source.stop(); err != nil {
		t.Fatal(err)
	}
	err = here.fetcher.Fetch(t.Context(), object, source.peer())
	if e, ok := errors.AsType[*transfer.PeerGoneError](err); !ok || e.Peer != "source" {
		t.Errorf("a node that has gone: %v", err)
	}
	if got := here.store.Stats(); len(here.store.List()) != 0 || got.Waiting != 0 || got.Busy != 0 {
		t.Errorf("something is left of what has failed: %+v", got)
	}
	here.fetcher.Close()
	if err := here.fetcher.Fetch(t.Context(), object, source.peer()); !errors.Is(err, transfer.ErrClosed) {
		t.Error(err)
	}
}

// TestObjectThatArrives: who asks for an object before its node has read that it is sealed gets it.
func TestObjectThatArrives(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := id.New[objstore.ID]()
	var fetching sync.WaitGroup
	fetching.Go(func() {
		if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
			t.Error(err)
		}
	})
	storetest.Await(t, "the object is waited for", func() bool { return len(source.store.List()) == 1 })
	if err := putSized(t.Context(), source.client, object, mib); err != nil {
		t.Fatal(err)
	}
	fetching.Wait()
}

// TestOneTransferForAll: many ask for one object at the same time, also of nodes that do not have it.
func TestOneTransferForAll(t *testing.T) {
	source, empty, here := newNode(t, "source", nodeConfig{}), newNode(t, "empty", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := put(t, source.client, 20*mib)
	var all sync.WaitGroup
	const users = 30
	for i := range users {
		all.Go(func() {
			if err := here.fetcher.Fetch(t.Context(), object, source.peer()); err != nil {
				t.Error(err)
			}
		})
		if i%10 == 0 {
			all.Go(func() {
				err := here.fetcher.Fetch(t.Context(), object, empty.peer())
				if err == nil {
					here.client.Ref(object, -1)
				} else if _, lost := errors.AsType[*objstore.LostError](err); !lost { // it came first
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if got := source.server.Stats(); got.Objects != 1 || got.Bytes > 21*mib {
		t.Errorf("%+v", got)
	}
	if err := here.client.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := here.store.List(); len(list) != 1 || list[0].Refs != users {
		t.Errorf("each user has a reference: %+v", list)
	}
	here.client.Ref(object, -users)
	storetest.Await(t, "the copy is gone", func() bool { return len(here.store.List()) == 0 })
}

// hurt is a connection that something happens to.
type hurt struct {
	net.Conn
	read func(stream net.Conn, p []byte) (int, error)
}

func (h *hurt) Read(p []byte) (int, error) { return h.read(h.Conn, p) }

// through returns a peer whose connections, numbered from 1, are read by a function.
func through(p transfer.Peer, read func(number int, stream net.Conn, p []byte) (int, error)) transfer.Peer {
	var dials atomic.Int64
	return transfer.Peer{Name: p.Name, Dial: func(ctx context.Context) (net.Conn, error) {
		stream, err := p.Dial(ctx)
		number := int(dials.Add(1))
		return &hurt{stream, func(stream net.Conn, p []byte) (int, error) { return read(number, stream, p) }}, err
	}}
}

// breaking lets each connection but the last break after so many bytes.
func breaking(p transfer.Peer, after int64, last int) transfer.Peer {
	var got sync.Map // bytes by number
	return through(p, func(number int, stream net.Conn, p []byte) (int, error) {
		n, err := stream.Read(p)
		sum, _ := got.LoadOrStore(number, new(atomic.Int64))
		if sum.(*atomic.Int64).Add(int64(n)) > after && number < last {
			stream.Close()
			return 0, net.ErrClosed
		}
		return n, err
	})
}

// TestBrokenConnections: what has arrived is not sent again.
func TestBrokenConnections(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := put(t, source.client, 40*mib)
	if err := here.fetcher.Fetch(t.Context(), object, breaking(source.peer(), 5*mib+1000, 1<<30)); err != nil {
		t.Fatal(err)
	}
	storetest.Check(t, here.client, object, 40*mib)
	got := here.fetcher.Stats()
	if got.Resumed < 7 || got.Resumed > 8 || got.Bytes != 40*mib+64 {
		t.Errorf("%+v", got)
	}
	storetest.Await(t, "the server has noticed", func() bool { return source.store.Stats().Pinned == 0 || source.server.Stats().Running == 0 })
}

// TestBreaksForEver: a connection that brings nothing ends after some tries, and nothing is left.
func TestBreaksForEver(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := put(t, source.client, 8*mib)
	err := here.fetcher.Fetch(t.Context(), object, breaking(source.peer(), mib/2, 1<<30))
	if e, ok := errors.AsType[*transfer.PeerGoneError](err); !ok || e.Size < 8*mib || e.Done != 0 {
		t.Error(err)
	}
	storetest.Await(t, "nothing is left", func() bool { return len(here.store.List()) == 0 && here.store.Stats().Busy == 0 })
}

// TestDamagedOnItsWay flips a bit in each connection but the last.
func TestDamagedOnItsWay(t *testing.T) {
	source, here := newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object := put(t, source.client, 6*mib)
	for _, last := range []int{2, 3, 1 << 30} {
		flipped := through(source.peer(), func(number int, stream net.Conn, p []byte) (int, error) {
			n, err := stream.Read(p)
			if n > 5000 && number < last {
				p[n-5000] ^= 4
			}
			return n, err
		})
		err := here.fetcher.Fetch(t.Context(), object, flipped)
		if last == 1<<30 {
			if _, ok := errors.AsType[*transfer.PeerGoneError](err); !ok {
				t.Error(err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		storetest.Check(t, connect(t, here.store), object, 6*mib)
		here.client.Ref(object, -1)
		here.fetcher.Forget("source")
		storetest.Await(t, "the copy is gone", func() bool { return len(here.store.List()) == 0 })
	}
}

// TestAnotherObjectOfThatName: a node that starts anew may have made the object again, a little different. No mixture arrives.
func TestAnotherObjectOfThatName(t *testing.T) {
	source, again, here := newNode(t, "source", nodeConfig{}), newNode(t, "source", nodeConfig{}), newNode(t, "here", nodeConfig{})
	object, other := put(t, source.client, 8*mib), id.New[objstore.ID]()
	err := again.client.Put(t.Context(), object, 8*mib, func(b []byte) error { storetest.Fill(b, other); return nil }, client.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.client.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := breaking(source.peer(), 3*mib+1000, 2)
	dials := 0
	peer := transfer.Peer{Name: "source", Dial: func(ctx context.Context) (net.Conn, error) {
		if dials++; dials == 1 {
			return first.Dial(ctx)
		}
		return again.peer().Dial(ctx)
	}}
	if err := here.fetcher.Fetch(t.Context(), object, peer); err != nil {
		t.Fatal(err)
	}
	o, err := here.client.Get(t.Context(), object)
	if err != nil || storetest.Right(o.Head, other) != nil {
		t.Errorf("%v: the object is a mixture", err)
	}
}

// TestSilentPeer: a node that says nothing counts as gone.
func TestSilentPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // its backlog accepts
	here := newNode(t, "here", nodeConfig{fetcher: transfer.FetcherConfig{Stall: 20 * time.Millisecond}})
	err = here.fetcher.Fetch(t.Context(), id.New[objstore.ID](), peerAt("silent", l.Addr().String()))
	if _, ok := errors.AsType[*transfer.PeerGoneError](err); !ok {
		t.Error(err)
	}
}
