//go:build linux

package transfer_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

func TestMain(m *testing.M) {
	storetest.Main(m, map[string]func(arg string) error{"node": beNode, "writer": beWriter, "reader": beReader, "fetcher": beFetcher})
}

// sizeOf derives the size of an object from its ID.
func sizeOf(id objstore.ID) int { return storetest.SizeOf(id, 2*mib+100_000) }

var owner = objstore.Owner{Job: "train", Cell: 7, Type: "[]float64"}

func putSized(ctx context.Context, c *client.Client, id objstore.ID, n int) error {
	err := c.Put(ctx, id, int64(n), func(b []byte) error { storetest.Fill(b, id); return nil }, client.Meta{Owner: owner})
	if err != nil {
		return err
	}
	return c.Sync(ctx)
}

func put(tb testing.TB, c *client.Client, n int) objstore.ID {
	tb.Helper()
	id := id.New[objstore.ID]()
	if err := putSized(tb.Context(), c, id, n); err != nil {
		tb.Fatal(err)
	}
	return id
}

// node is a store with a server of its objects, and a fetcher.
type node struct {
	name    string
	store   *store.Store
	client  *client.Client
	server  *transfer.Server
	fetcher *transfer.Fetcher
	stop    func() error
	address string
}

type nodeConfig struct {
	store   store.Config
	server  transfer.ServerConfig
	fetcher transfer.FetcherConfig
	small   bool // buffers of sockets
}

// smallBuffer makes a transfer wait for its reader: else the system takes a whole object for it.
const smallBuffer = 32 << 10

// openNode starts a node; stop ends it.
func openNode(name string, c nodeConfig) (*node, error) {
	s, err := store.Open(c.store)
	if err != nil {
		return nil, err
	}
	conn, err := s.Connect()
	if err != nil {
		return nil, err
	}
	cl := client.New(conn, client.Options{})
	c.server.Client, c.fetcher.Client = cl, cl
	n := &node{name: name, store: s, client: cl, server: transfer.NewServer(c.server), fetcher: transfer.NewFetcher(c.fetcher)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { serveAll(ctx, l, n.server, &serving, c.small) })
	n.stop = sync.OnceValue(func() error {
		cancel()
		l.Close()
		serving.Wait()
		n.fetcher.Close()
		cl.Close()
		return s.Close()
	})
	return n, nil
}

func serveAll(ctx context.Context, l net.Listener, s *transfer.Server, serving *sync.WaitGroup, small bool) {
	for {
		stream, err := l.Accept()
		if err != nil {
			return
		}
		if tcp, ok := stream.(*net.TCPConn); ok && small {
			_ = tcp.SetWriteBuffer(smallBuffer)
		}
		serving.Go(func() { _ = s.Serve(ctx, stream) }) // tests look at the other end
	}
}

func newNode(tb testing.TB, name string, c nodeConfig) *node {
	tb.Helper()
	if c.store.Capacity == 0 {
		c.store.Capacity = 64 * mib
	}
	if c.store.SpillDir == "" {
		c.store.SpillDir = tb.TempDir()
	}
	n, err := openNode(name, c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.stop(); err != nil {
			tb.Error(err)
		}
	})
	return n
}

func peerAt(name, address string) transfer.Peer {
	return transfer.Peer{Name: name, Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}}
}

func (n *node) peer() transfer.Peer { return peerAt(n.name, n.address) }

func connect(tb testing.TB, s *store.Store) *client.Client {
	tb.Helper()
	return storetest.Connect(tb, s, client.Options{})
}

func listen(tb testing.TB, s *store.Store) (socket string) {
	tb.Helper()
	socket, _ = storetest.Listen(tb, s)
	return socket
}
