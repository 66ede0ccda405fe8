package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

var transferTests = []test{
	{do: "transfer", n: 1, rounds: 5, figures: []figure{
		higher("1 GiB between nodes, the first", "GB/s").by("first"),
		higher("1 GiB between nodes, later", "GB/s").by("later").within(ownLimit + "stream").
			but("limit: TCP between two processes into used memory; Mobula's package objstore/transfer with two stores, Ray two nodes"),
	}},
}

// peerNode is a node's store with what it needs to give and take objects.
type peerNode struct {
	store  *store.Store
	client *client.Client
	spill  string
}

func openPeerNode() (*peerNode, error) {
	dir, err := os.MkdirTemp("", "spill")
	if err != nil {
		return nil, err
	}
	s, err := store.Open(store.Config{Capacity: storeBytes, SpillDir: dir})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	conn, err := s.Connect()
	if err != nil {
		return nil, errors.Join(err, s.Close(), os.RemoveAll(dir))
	}
	return &peerNode{s, client.New(conn, client.Options{}), dir}, nil
}

func (n *peerNode) close() error {
	return errors.Join(n.client.Close(), n.store.Close(), os.RemoveAll(n.spill))
}

// source is a node that makes an object of 1 GiB by each number that it reads; it answers with its address, and then with the objects' IDs.
func source(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	n, err := openPeerNode()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var serving sync.WaitGroup
	serving.Go(func() { n.serve(ctx, l, &serving) })
	defer func() {
		cancel()
		err = errors.Join(err, l.Close())
		serving.Wait()
	}()
	fmt.Fprintln(out, l.Addr())
	var last objstore.ID
	for scan := bufio.NewScanner(in); scan.Scan(); {
		seed, err := strconv.Atoi(scan.Text())
		if err != nil {
			return err
		}
		if last, err = n.replace(ctx, last, seed); err != nil {
			return err
		}
		fmt.Fprintln(out, last)
	}
	return nil
}

// serve gives objects to those who connect.
func (n *peerNode) serve(ctx context.Context, l net.Listener, serving *sync.WaitGroup) {
	server := transfer.NewServer(transfer.ServerConfig{Client: n.client})
	for {
		stream, err := l.Accept()
		if err != nil {
			return // the listener was closed
		}
		serving.Go(func() { _ = server.Serve(ctx, stream) }) // the other end tells
	}
}

// replace makes an object, and gives the last one up.
func (n *peerNode) replace(ctx context.Context, last objstore.ID, seed int) (objstore.ID, error) {
	if !last.IsZero() {
		n.client.Ref(last, -1)
	}
	object := id.New[objstore.ID]()
	if err := n.client.Put(ctx, object, gib, func(b []byte) error { fillBytes(b, seed); return nil }, client.Meta{}); err != nil {
		return object, err
	}
	return object, n.client.Sync(ctx)
}

// byteAt is what is at byte i of a transferred object.
func byteAt(i, seed int) byte {
	within := i % mib
	return byte((within>>12 ^ within) + i/mib + seed)
}

func fillBytes(b []byte, seed int) {
	for i := range b {
		b[i] = byteAt(i, seed)
	}
}

func checkBytes(b []byte, seed int) error {
	for i := seed % 1000; i < len(b); i += 1009 {
		if b[i] != byteAt(i, seed) {
			return fmt.Errorf("byte %d is %d, not what was sent", i, b[i])
		}
	}
	return nil
}

// serveNodes is Mobula's side of the transfer: a node that takes objects from another process's.
func serveNodes(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	t := &transferrer{}
	if t.self, err = os.Executable(); err != nil {
		return err
	}
	if t.here, err = openPeerNode(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.here.close()) }()
	cmd := exec.CommandContext(ctx, t.self, "-role", roleSource)
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close(), cmd.Wait()) }()
	t.to, t.from, t.pid = to, bufio.NewScanner(from), cmd.Process.Pid
	if !t.from.Scan() {
		return errors.New("the other node has ended before it told its address")
	}
	address := t.from.Text()
	t.peer = transfer.Peer{Name: "source", Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}}
	t.fetcher = transfer.NewFetcher(transfer.FetcherConfig{Client: t.here.client})
	defer func() { err = errors.Join(err, t.fetcher.Close()) }()
	return answerAll(in, out, func(q request) (reply, error) { return t.transfer(ctx, q) })
}

type transferrer struct {
	here    *peerNode
	fetcher *transfer.Fetcher
	peer    transfer.Peer
	to      io.Writer
	from    *bufio.Scanner
	pid     int
	self    string
	done    int
}

// transfer has the other node make an object, fetches it, and measures a plain stream beside.
func (t *transferrer) transfer(ctx context.Context, q request) (reply, error) {
	fmt.Fprintln(t.to, q.Seed)
	if !t.from.Scan() {
		return reply{}, errors.New("the other node has ended")
	}
	object, err := id.Parse[objstore.ID](t.from.Text())
	if err != nil {
		return reply{}, err
	}
	start := time.Now()
	if err := t.fetcher.Fetch(ctx, object, t.peer); err != nil {
		return reply{}, err
	}
	o, err := t.here.client.Get(ctx, object)
	if err != nil {
		return reply{}, err
	}
	took := time.Since(start).Seconds()
	if len(o.Head) != gib {
		return reply{}, fmt.Errorf("%d bytes arrived", len(o.Head))
	}
	if err := checkBytes(o.Head, q.Seed); err != nil {
		return reply{}, err
	}
	o.Release()
	t.here.client.Ref(object, -1)
	if err := t.here.client.Sync(ctx); err != nil {
		return reply{}, err
	}
	dir, err := os.MkdirTemp("", "echo")
	if err != nil {
		return reply{}, err
	}
	limit, err := (&limits{self: t.self, dir: dir}).stream()
	if err := errors.Join(err, os.RemoveAll(dir)); err != nil {
		return reply{}, err
	}
	key := "later"
	if t.done++; t.done == 1 {
		key = "first"
	}
	return reply{Done: 1, Makers: []int{t.pid}, Samples: map[string][]float64{key: {gib / 1e9 / took}, ownLimit + "stream": {limit}}}, nil
}
