//go:build linux

package transfer_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
	"mobula/objstore/wire"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// roleVar names what a process of this binary is, in place of a test; its arguments are in argVar.
const (
	roleVar = "TRANSFER_TEST_ROLE"
	argVar  = "TRANSFER_TEST_ARG"
)

var roles = map[string]func(arg string) error{"node": beNode, "writer": beWriter, "reader": beReader, "fetcher": beFetcher}

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		if err := role(os.Getenv(argVar)); err != nil {
			fmt.Fprintln(os.Stderr, "failed:", err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a child.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err *strings.Builder
}

func start(tb testing.TB, role, arg string) *process {
	tb.Helper()
	p := &process{Cmd: exec.Command(os.Args[0]), err: &strings.Builder{}}
	p.Env = append(os.Environ(), roleVar+"="+role, argVar+"="+arg)
	p.Stderr = p.err
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// line returns the next line that the process writes.
func (p *process) line(tb testing.TB) string {
	tb.Helper()
	if !p.out.Scan() {
		_ = p.Wait() // its error says less than its output
		tb.Fatalf("a process has ended: %s", p.err)
	}
	return p.out.Text()
}

// kill ends the process as a crash would.
func (p *process) kill(tb testing.TB) {
	tb.Helper()
	if err := p.Process.Kill(); err != nil {
		tb.Error(err)
	}
	_ = p.Wait() // killed
	if text := p.err.String(); strings.Contains(text, "failed:") || p.ProcessState.Exited() {
		tb.Fatalf("a process has failed before it was killed: %s", text)
	}
}

// sizeOf derives the size of an object from its ID: a third of them inline, in shared segments, and in segments of their own.
func sizeOf(id objstore.ID) int {
	sum := crc32.ChecksumIEEE(id.ID[:])
	n := int(sum & 0xffff)
	switch (sum >> 16) % 3 {
	case 0:
		return n
	case 1:
		return 100_000 + n*4
	}
	return 2*mib + 100_000 + n*16
}

// fill writes what an object with this ID holds.
func fill(b []byte, id objstore.ID) {
	word := binary.LittleEndian.Uint64(id.ID[:]) ^ binary.LittleEndian.Uint64(id.ID[8:])
	for ; len(b) >= 8; b = b[8:] {
		word = word*6364136223846793005 + 1442695040888963407
		binary.LittleEndian.PutUint64(b, word)
	}
	for i := range b {
		b[i] = byte(word >> (8 * i))
	}
}

func right(b []byte, id objstore.ID) error {
	want := make([]byte, len(b))
	fill(want, id)
	if string(want) != string(b) {
		return fmt.Errorf("object %s of %d bytes has other content", id, len(b))
	}
	return nil
}

var owner = objstore.Owner{Job: "train", Cell: 7, Type: "[]float64"}

func putSized(ctx context.Context, c *client.Client, id objstore.ID, n int) error {
	err := c.Put(ctx, id, int64(n), func(b []byte) error { fill(b, id); return nil }, client.Meta{Owner: owner})
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

// check reads an object of n bytes by a client.
func check(tb testing.TB, c *client.Client, id objstore.ID, n int) {
	tb.Helper()
	o, err := c.Get(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	if len(o.Head) != n {
		tb.Fatalf("%d bytes, not %d", len(o.Head), n)
	}
	if err := right(o.Head, id); err != nil {
		tb.Fatal(err)
	}
	o.Release()
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
	conn, err := s.Connect()
	if err != nil {
		tb.Fatal(err)
	}
	c := client.New(conn, client.Options{})
	tb.Cleanup(func() { c.Close() })
	return c
}

// await looks again and again until done.
func await(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	for end := time.Now().Add(30 * time.Second); !done(); {
		if time.Now().After(end) {
			tb.Fatalf("not within 30 s: %s", what)
		}
		runtime.GC()
	}
}

// listen serves client processes at a socket.
func listen(tb testing.TB, s *store.Store) (socket string) {
	tb.Helper()
	socket = filepath.Join(tb.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.ServeListener(ctx, l) }() // the cleanup waits for it
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return socket
}

func dialStore(socket string) (*client.Client, error) {
	conn, err := wire.Dial(socket)
	if err != nil {
		return nil, err
	}
	return client.New(conn, client.Options{}), nil
}
