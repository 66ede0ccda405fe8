package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/bulktls"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// What a connection between nodes is for, as TLS negotiates it. Config.Protocols adds others.
const (
	protocolLeases = "mobula-leases"
	protocolRelay  = "mobula-relay"
)

// rolePeer is the role of another node as a client of this one.
const rolePeer = "peer"

// dialTime bounds how long a connection to another node may take.
const dialTime = 10 * time.Second

// peer is another node of which this one has asked for leases. Node.mu guards it.
type peer struct {
	n       *Node
	node    id.Node
	name    string
	address string
	conn    *frame.Conn // nil while it is not connected
	stream  net.Conn
	ended   bool
	keys    keys            // of requests there
	told    map[string]bool // programs
	relays  map[id.Lease]*relay
}

// askPeerLocked carries out what the book wants of another node.
func (n *Node) askPeerLocked(a askPeer) {
	if a.key.node == n.conf.ID {
		n.askSelfLocked(a)
		return
	}
	p := n.peers[a.key.node]
	if p == nil {
		if a.ask.slots == 0 || n.closing {
			return
		}
		p = &peer{
			n: n, node: a.key.node, name: a.ask.name, address: a.ask.address, keys: newKeys(), told: map[string]bool{}, relays: map[id.Lease]*relay{},
		}
		n.peers[p.node] = p
		n.running.Go(p.run)
	}
	if p.conn == nil {
		n.book.unseen(a.key, a.ask.assigned) // connect asks for all of it
		return
	}
	p.askLocked(a)
}

// keys number wishes for the node that they go to.
type keys struct {
	last    uint64
	numbers map[askKey]uint64
	keys    map[uint64]askKey
	sweepAt int // with so many, those that are over go
}

const minSweep = 64

func newKeys() keys {
	return keys{numbers: map[askKey]uint64{}, keys: map[uint64]askKey{}, sweepAt: minSweep}
}

func (k *keys) number(of askKey, over func(askKey) bool) uint64 {
	if k.numbers[of] != 0 {
		return k.numbers[of]
	}
	if len(k.numbers) >= k.sweepAt {
		maps.DeleteFunc(k.numbers, func(wish askKey, _ uint64) bool { return over(wish) })
		maps.DeleteFunc(k.keys, func(_ uint64, wish askKey) bool { return over(wish) })
		k.sweepAt = max(minSweep, 2*len(k.numbers))
	}
	k.last++
	k.numbers[of], k.keys[k.last] = k.last, of
	return k.last
}

// overLocked reports whether a wish is of a request that is there no more: what comes for it goes back, by whatever number.
func (n *Node) overLocked(wish askKey) bool {
	_, wanted := n.book.far.numbers[wish.demand]
	return !wanted
}

func (p *peer) askLocked(a askPeer) {
	digest := a.class.Program
	if r := p.n.programs[digest]; r != nil && !p.told[digest] {
		p.told[digest] = true
		_ = p.conn.Send(wire.KindProgram, wire.JSON(wire.Program{Digest: digest, Path: r.path, Args: r.args, Env: r.env})) // as below
	}
	m := wire.Ask{Assignments: a.ask.assigned}
	m.LeaseRequest = wire.LeaseRequest{Request: p.keys.number(a.key, p.n.overLocked), Job: a.job, Class: a.class, Slots: a.ask.slots, Depth: a.depth}
	_ = p.conn.Send(wire.KindAsk, wire.JSON(m)) // its connection's end is noticed where it is read
}

// run is the connection to another node from its begin to its end.
func (p *peer) run() {
	n := p.n
	err := p.connect()
	if err == nil {
		err = p.conn.Serve(p.handle)
		p.conn.Abort()
	}
	n.mu.Lock()
	p.ended = true
	delete(n.peers, p.node)
	relays := slices.Collect(maps.Values(p.relays))
	n.book.peerGone(p.node, fmt.Sprintf("node %s, on which it ran, has gone (%v)", p.name, err), time.Now())
	n.carryOutLocked()
	n.mu.Unlock()
	for _, r := range relays {
		r.close()
	}
	if n.ctx.Err() == nil {
		level := slog.LevelWarn
		if errors.Is(err, io.EOF) {
			level = slog.LevelInfo // the node has ended; if that was no wish of anybody's, the head says so
		}
		n.logger.Log(n.ctx, level, "the connection to another node has ended", "node", p.node, "name", p.name, "error", err)
	}
}

// connect connects, and asks for what is wanted by then.
func (p *peer) connect() error {
	n := p.n
	ctx, cancel := context.WithTimeout(n.ctx, dialTime)
	defer cancel()
	stream, err := n.dialNode(ctx, p.node, p.address, protocolLeases)
	if err != nil {
		return err
	}
	conn := frame.New(stream)
	if _, _, err := conn.Handshake(ctx, frame.Hello{Role: rolePeer, Build: n.conf.Version, PID: n.pid}); err != nil {
		conn.Abort()
		return err
	}
	if !p.begin(conn, stream) {
		conn.Abort() // nothing was sent
		return errors.New("the node ends")
	}
	return nil
}

// begin asks for what is wanted by now on a new connection, unless it is not wanted any more.
func (p *peer) begin(conn *frame.Conn, stream net.Conn) bool {
	n := p.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if p.ended || n.closing {
		return false
	}
	p.conn, p.stream = conn, stream
	for _, k := range n.book.asksOf(p.node) {
		if d := n.book.demands[n.book.far.numbers[k.demand]]; d != nil {
			n.book.askFor(k, d)
		}
	}
	n.carryOutLocked()
	return true
}

// abortLocked ends the connection; run does the rest.
func (p *peer) abortLocked() {
	p.ended = true
	if p.stream != nil {
		_ = p.stream.Close() // it ends, one way or another
	}
}

// handle takes what the other node says.
func (p *peer) handle(kind byte, body []byte) error {
	n := p.n
	switch kind {
	case wire.KindLeaseGrant:
		m, err := wire.ParseJSON[wire.LeaseGrant](body)
		if err != nil {
			return err
		}
		return p.granted(m)
	case wire.KindWorkerExited:
		m, err := wire.ParseJSON[wire.WorkerExited](body)
		if err == nil {
			n.update(func(b *book, _ time.Time) { b.exitedFar(p.node, m) })
			p.closeRelays(m.Leases)
		}
		return err
	case wire.KindLeaseRefused:
		m, err := wire.ParseJSON[wire.LeaseRefused](body)
		if err == nil {
			n.update(func(b *book, now time.Time) { b.refusedFar(p.keys.keys[m.Request], m.Reason, m.Infeasible, now) })
		}
		return err
	case wire.KindLeaseReclaim, wire.KindLeaseWanted:
		m, err := wire.ParseJSON[wire.LeaseID](body)
		if err == nil {
			n.update(func(b *book, _ time.Time) { b.reclaimFar(p.node, m.Lease, kind) })
		}
		return err
	case wire.KindLog:
		m, err := wire.ParseJSON[wire.PassedLog](body)
		if err == nil {
			n.forwardLog(&m)
		}
		return err
	}
	return nil // why it waits is the head's to say
}

// granted makes a lease of another node one of this machine: its worker is reached through a relay.
func (p *peer) granted(g wire.LeaseGrant) error {
	r, err := p.n.openRelay(p.node, p.address, g.Worker)
	if err != nil {
		return err
	}
	g.Address = r.address
	wanted := false
	p.n.update(func(b *book, now time.Time) {
		k, ok := p.keys.keys[g.Request]
		if wanted = ok && b.grantedFar(k, g, now); wanted {
			p.relays[g.Lease] = r
		} else {
			_ = p.conn.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: g.Lease})) // its connection's end is noticed where it is read
		}
	})
	if !wanted {
		r.close()
	}
	return nil
}

func (p *peer) closeRelays(leases []id.Lease) {
	var closing []*relay
	p.n.mu.Lock()
	for _, lease := range leases {
		if r := p.relays[lease]; r != nil {
			delete(p.relays, lease)
			closing = append(closing, r)
		}
	}
	p.n.mu.Unlock()
	for _, r := range closing {
		r.close()
	}
}

// returnPeerLocked gives a lease back to the node that it is of.
func (n *Node) returnPeerLocked(a returnPeer) {
	if a.node == n.conf.ID {
		n.book.giveBack(n.self, a.lease, time.Now())
		return
	}
	p := n.peers[a.node]
	if p == nil || p.conn == nil {
		return // it has ended with its node
	}
	_ = p.conn.Send(wire.KindLeaseReturn, wire.JSON(wire.LeaseID{Lease: a.lease})) // as above
	if r := p.relays[a.lease]; r != nil {
		r.stop()
		if !n.closing { // else run closes it
			delete(p.relays, a.lease)
			n.running.Go(r.close)
		}
	}
}

// dialNode connects to another node for a protocol.
func (n *Node) dialNode(ctx context.Context, node id.Node, address, protocol string) (net.Conn, error) {
	if n.link == nil || n.link.identity == nil {
		return nil, errors.New("this node belongs to a head that takes no other nodes")
	}
	return n.link.identity.DialProtocol(ctx, address, headwire.NodeName(node), protocol)
}

// DialNode connects to another node of the cluster, for one of its Config.Protocols.
func (n *Node) DialNode(ctx context.Context, node id.Node, protocol string) (net.Conn, error) {
	address, err := n.nodeAddress(ctx, node)
	if err != nil {
		return nil, err
	}
	return n.dialNode(ctx, node, address, protocol)
}

// nodeAddress asks the head where another node takes connections.
func (n *Node) nodeAddress(ctx context.Context, node id.Node) (string, error) {
	if n.link == nil {
		return "", errors.New("this node belongs to no head: it knows no others")
	}
	all, err := headwire.Ask(ctx, n.link.client, headwire.ListNodes, headwire.None{})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(x headwire.NodeInfo) bool { return x.ID == node })
	if i < 0 || all[i].Address == "" || all[i].State == sched.Dead.String() {
		return "", fmt.Errorf("node %s is not in the cluster any more, or takes no connections", node.Short())
	}
	return all[i].Address, nil
}

// listen opens the socket for other nodes.
func (l *link) listen(ctx context.Context, address string) (net.Listener, error) {
	stream, err := (&net.ListenConfig{KeepAliveConfig: headclient.KeepAlive}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen for other nodes: %w", err)
	}
	conf := l.identity.Server()
	conf.NextProtos = []string{protocolLeases, protocolRelay, protocolPrograms, protocolObjects}
	for name := range l.n.conf.Protocols {
		conf.NextProtos = append(conf.NextProtos, name)
	}
	return bulktls.NewListener(stream, conf), nil
}

func (l *link) accept() {
	for {
		stream, err := l.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.n.logger.Error("accept another node", "error", err)
			select { // out of file descriptors, perhaps
			case <-l.n.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		l.n.running.Go(func() { l.serve(stream.(*bulktls.Conn)) })
	}
}

// serve is a connection of another node.
func (l *link) serve(stream *bulktls.Conn) {
	n := l.n
	ctx, cancel := context.WithTimeout(n.ctx, handshakeTime)
	err := stream.HandshakeContext(ctx)
	cancel()
	var node id.Node
	if err == nil {
		node, err = headclient.NodeOf(stream.ConnectionState())
	}
	if err != nil {
		n.logger.Warn("another node's connection is refused", "from", stream.RemoteAddr(), "error", err)
		_ = stream.Close()
		return
	}
	stop := context.AfterFunc(n.ctx, func() { _ = stream.Close() })
	defer stop()
	switch protocol := stream.ConnectionState().NegotiatedProtocol; protocol {
	case protocolLeases:
		n.serveNode(stream, node)
	case protocolRelay:
		n.serveRelay(stream)
	case protocolPrograms:
		n.serveProgram(stream)
	case protocolObjects:
		n.serveObjects(n.ctx, node, stream)
		_ = stream.Close()
	default:
		if serve := n.conf.Protocols[protocol]; serve != nil {
			serve(n.ctx, node, stream)
		}
		_ = stream.Close()
	}
}
