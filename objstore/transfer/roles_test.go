//go:build linux

package transfer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"mobula/internal/id"
	"mobula/objstore"
	"mobula/objstore/client"
	"mobula/objstore/internal/storetest"
	"mobula/objstore/store"
	"mobula/objstore/transfer"
)

// beNode is a node with one object of so many bytes, and a directory for spilling. It tells its address, that of a socket that gives the
// object's bytes as they are, and the object's ID, and ends with its input.
func beNode(arg string) error {
	number, dir, _ := strings.Cut(arg, " ")
	size, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	n, err := openNode("source", nodeConfig{store: store.Config{Capacity: int64(3*size) + 64*mib, SpillDir: dir}})
	if err != nil {
		return err
	}
	defer n.stop()
	object := id.New[objstore.ID]()
	if err := putSized(context.Background(), n.client, object, size); err != nil {
		return err
	}
	p, err := n.client.Pin(context.Background(), object)
	if err != nil {
		return err
	}
	defer p.Release()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer raw.Close()
	go giveRaw(raw, p.Whole) // ends with the listener
	fmt.Println(n.address, raw.Addr(), object)
	_, _ = bufio.NewReader(os.Stdin).ReadByte() // the parent has gone
	return nil
}

// rawSize is what one write or read of the raw benchmark has: as much as a transfer's.
const rawSize = 512 << 10

func giveRaw(l net.Listener, b []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		for len(b) > 0 && err == nil {
			var one [1]byte
			if _, err = c.Read(one[:]); err != nil {
				break
			}
			for rest := b; len(rest) > 0 && err == nil; {
				n := min(len(rest), rawSize)
				_, err = c.Write(rest[:n])
				rest = rest[n:]
			}
		}
		c.Close()
	}
}

// beWriter puts objects and says so, until it is killed.
func beWriter(socket string) error {
	c, err := storetest.Dial(socket)
	if err != nil {
		return err
	}
	for {
		object := id.New[objstore.ID]()
		if err := putSized(context.Background(), c, object, sizeOf(object)); err != nil {
			return err
		}
		fmt.Println(object)
	}
}

// eachLine hands over the objects that the parent names.
func eachLine(do func(object objstore.ID) error) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		object, err := id.Parse[objstore.ID](lines.Text())
		if err == nil {
			err = do(object)
		}
		if err != nil {
			return err
		}
		fmt.Println(object)
	}
	return errors.New("the parent has gone")
}

// beReader reads the objects that it is told of, and keeps some, until it is killed.
func beReader(socket string) error {
	c, err := storetest.Dial(socket)
	if err != nil {
		return err
	}
	var kept [3]*client.Object
	n := 0
	return eachLine(func(object objstore.ID) error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o, err := c.Get(ctx, object)
		if _, evicted := errors.AsType[*objstore.LostError](err); evicted {
			return nil // it is a copy
		}
		if err != nil {
			return err
		}
		kept[n%len(kept)] = o
		n++
		return storetest.Right(o.Head, object)
	})
}

// beFetcher fetches the objects that it is told of from one node into the store of another, until it is killed.
func beFetcher(arg string) error {
	socket, address, _ := strings.Cut(arg, " ")
	c, err := storetest.Dial(socket)
	if err != nil {
		return err
	}
	f := transfer.NewFetcher(transfer.FetcherConfig{Client: c})
	source := transfer.Peer{Name: "source", Dial: func(ctx context.Context) (net.Conn, error) {
		stream, err := peerAt("source", address).Dial(ctx)
		if tcp, ok := stream.(*net.TCPConn); ok {
			err = errors.Join(err, tcp.SetReadBuffer(smallBuffer))
		}
		return stream, err
	}}
	return eachLine(func(object objstore.ID) error {
		if err := f.Fetch(context.Background(), object, source); err != nil {
			return err
		}
		o, err := c.Get(context.Background(), object)
		if _, evicted := errors.AsType[*objstore.LostError](err); evicted {
			return nil
		}
		if err != nil {
			return err
		}
		return storetest.Right(o.Head, object)
	})
}
