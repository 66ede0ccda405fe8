package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"mobula/internal/bulktls"
	"mobula/internal/id"
	"mobula/internal/peercred"
)

// relay is a socket of this machine that carries the bytes of each of its connections to a worker of another node. So clients know nothing of other
// nodes. Between the nodes a connection begins with the worker's id, 16 bytes, and a byte that the other node answers.
type relay struct {
	n        *Node
	node     id.Node
	remote   string // address of the other node
	worker   id.Worker
	address  string
	listener net.Listener
	ctx      context.Context
	stop     context.CancelFunc
	wg       sync.WaitGroup

	// Guarded by Node.mu.
	users int         // connections
	used  time.Time   // the last time that one began or ended, or that the address was told
	idle  *time.Timer // expires the relay; nil: whoever opened it closes it
}

// relayIdle is how long a client's relay lives that nobody uses: a client connects at once when it has been told the address, and asks again later.
const relayIdle = 5 * time.Second

// What a node answers to the id at the begin of a relayed connection.
const (
	relayAccepted byte = 1
	relayRefused  byte = 2
)

func (n *Node) openRelay(node id.Node, remote string, worker id.Worker) (*relay, error) {
	r := &relay{n: n, node: node, remote: remote, worker: worker, address: filepath.Join(n.dir.path, "to-"+id.New[id.Lease]().String()+".sock")}
	var err error
	if r.listener, err = net.Listen("unix", r.address); err != nil {
		return nil, fmt.Errorf("listen for those who use a worker of node %s: %w", node.Short(), err)
	}
	r.ctx, r.stop = context.WithCancel(n.ctx)
	r.wg.Go(r.accept)
	return r, nil
}

// use notes that connections have begun or ended.
func (r *relay) use(by int) {
	r.n.mu.Lock()
	defer r.n.mu.Unlock()
	r.touchLocked(by)
}

func (r *relay) touchLocked(by int) {
	r.users, r.used = r.users+by, time.Now()
	if r.idle != nil && r.users == 0 {
		r.idle.Reset(relayIdle)
	}
}

// expire closes a client's relay that nobody uses any more.
func (n *Node) expire(c *client, r *relay) {
	n.mu.Lock()
	over := n.clients[c.id] == c && r.users == 0 && time.Since(r.used) >= relayIdle // else it is closed with the client, or used again
	if over {
		c.relays = slices.DeleteFunc(c.relays, func(x *relay) bool { return x == r })
	}
	n.mu.Unlock()
	if over {
		r.close()
	}
}

// close ends the relay and its connections.
func (r *relay) close() {
	if r.idle != nil {
		r.idle.Stop()
	}
	r.stop()
	_ = r.listener.Close() // it was only accepted on
	r.wg.Wait()
}

func (r *relay) accept() {
	defer context.AfterFunc(r.ctx, func() { _ = r.listener.Close() })()
	for {
		local, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.wg.Go(func() {
			defer local.Close()
			r.use(1)
			defer r.use(-1)
			if err := r.carry(local); err != nil && r.ctx.Err() == nil {
				r.n.logger.Warn("a worker of another node is not reached", "node", r.node, "error", err)
			}
		})
	}
}

func (r *relay) carry(local net.Conn) error {
	if err := peercred.Check(local); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, dialTime)
	defer cancel()
	far, err := r.n.dialNode(ctx, r.node, r.remote, protocolRelay)
	if err != nil {
		return err
	}
	defer far.Close()
	stop := context.AfterFunc(ctx, func() { _ = far.SetDeadline(time.Unix(1, 0)) })
	answer := make([]byte, 1)
	_, err = far.Write(r.worker.ID[:])
	if err == nil {
		_, err = io.ReadFull(far, answer)
	}
	if !stop() {
		return context.Cause(ctx)
	}
	if err == nil && answer[0] != relayAccepted {
		err = errors.New("it does not have the worker any more")
	}
	if err != nil {
		return err
	}
	splice(r.ctx, local, far)
	return nil
}

// splice carries bytes both ways until one end closes, or ctx ends.
func splice(ctx context.Context, a, b net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		_ = a.Close()
		_ = b.Close()
	})
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			half, ok := way[0].(interface{ CloseWrite() error })
			if err != nil || !ok || half.CloseWrite() != nil {
				_ = way[0].Close() // what comes from the other side has nowhere to go
				_ = way[1].Close()
			}
		})
	}
	both.Wait()
}

// serveRelay connects another node to a worker. All nodes of a cluster trust each other.
func (n *Node) serveRelay(stream *bulktls.Conn) {
	defer stream.Close()
	var worker id.Worker
	_ = stream.SetReadDeadline(time.Now().Add(handshakeTime)) // else the read below waits
	if _, err := io.ReadFull(stream, worker.ID[:]); err != nil {
		return
	}
	_ = stream.SetReadDeadline(time.Time{})
	answer := []byte{relayAccepted}
	address, ok := n.addressOf(worker)
	var local net.Conn
	var err error
	if ok {
		local, err = (&net.Dialer{}).DialContext(n.ctx, "unix", address)
	}
	if !ok || err != nil {
		answer[0] = relayRefused
	}
	if _, err := stream.Write(answer); err != nil || answer[0] == relayRefused {
		if local != nil {
			_ = local.Close()
		}
		return
	}
	defer local.Close()
	splice(n.ctx, stream, local)
}

// addressOf is where a worker of this node takes connections.
func (n *Node) addressOf(worker id.Worker) (address string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.book.workers[worker]
	if w == nil || w.state != workerReady {
		return "", false
	}
	return w.address, true
}
