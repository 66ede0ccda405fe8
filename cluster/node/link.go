package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/id"
)

// HeadConfig says which head a node belongs to.
type HeadConfig struct {
	// Addresses and Token, or Dial for a head in this process, are as in headclient.Config.
	Addresses []string
	Token     *headwire.Token
	Dial      func(ctx context.Context) (net.Conn, error)
	// Listen is where other nodes connect, as in 10.0.0.2:0. If it is empty, that is the interface by which the head is reached.
	Listen string
}

// link is a node's connection to its head. It is nil for a node without one.
type link struct {
	n        *Node
	client   *headclient.Client
	identity *headclient.Identity // nil where the head takes no other nodes
	listener net.Listener         // of other nodes; nil without identity
	ready    chan struct{}        // closed once client is set
	tasks    queue                // calls to the head, one after the other
	dirty    chan struct{}        // room for one: the status has changed

	// Guarded by Node.mu.
	peer   *headwire.Peer // nil while there is no connection, and before its hello
	beat   time.Duration
	lease  time.Time // until then the registered actors may run
	paused bool
	seen   []uint64
	jobs   map[id.Job]*job
	// welcomed is closed, and made anew, with each driver that connects.
	welcomed chan struct{}
}

// minStatus is the least time between two statuses.
const minStatus = 10 * time.Millisecond

// joinHead connects the node to its head.
func (n *Node) joinHead(ctx context.Context) error {
	c := n.conf.Head
	if c == nil {
		return nil
	}
	l := &link{n: n, ready: make(chan struct{}), dirty: make(chan struct{}, 1), jobs: map[id.Job]*job{}, welcomed: make(chan struct{}), beat: time.Second}
	l.tasks.wake = make(chan struct{}, 1)
	conf := headclient.Config{
		Addresses: c.Addresses, Token: c.Token, Dial: c.Dial, Role: headwire.RoleNode, Build: n.conf.Version, Logger: n.logger,
	}
	if err := l.certify(ctx, conf); err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	n.mu.Lock()
	n.link = l
	n.self = n.internalLocked(wire.RoleNode, n.deliverSelfLocked)
	n.book.far.pins[n.self] = true
	n.mu.Unlock()
	conf.Identity, conf.Handler, conf.Notified = l.identity, l.handle, l.notified
	conf.OnConnect, conf.OnDisconnect = l.hello, l.disconnected
	var err error
	if l.client, err = headclient.Connect(ctx, conf); err != nil {
		if l.listener != nil {
			_ = l.listener.Close() // the other error is told
		}
		return fmt.Errorf("join the cluster: %w", err)
	}
	close(l.ready)
	if l.listener != nil {
		n.running.Go(l.accept)
	}
	n.running.Go(func() { l.tell(n.ctx) })
	n.running.Go(func() { l.tasks.run(n.ctx) })
	return nil
}

// certify gets the node its certificate, and listens for other nodes.
func (l *link) certify(ctx context.Context, conf headclient.Config) error {
	first, err := headclient.Connect(ctx, conf)
	if err != nil {
		return err
	}
	defer first.Close()
	l.identity, err = headclient.Certify(ctx, first, l.n.conf.ID)
	if headwire.HasCode(err, headwire.Unavailable) {
		return nil // it serves its own machine only
	}
	if err != nil {
		return err
	}
	address := l.n.conf.Head.Listen
	if address == "" {
		address = "127.0.0.1:0"
		if mine, ok := first.LocalAddr().(*net.TCPAddr); ok {
			address = net.JoinHostPort(mine.IP.String(), "0")
		}
	}
	l.listener, err = l.listen(ctx, address)
	return err
}

// hello registers the node on a new connection, and tells the head everything.
func (l *link) hello(ctx context.Context, peer *headwire.Peer) error {
	n := l.n
	hello := headwire.NodeHello{ID: n.conf.ID, Name: n.conf.Name, Labels: n.conf.Labels, Version: n.conf.Version, PID: n.pid, Prefix: n.prefix}
	if l.listener != nil {
		hello.Address = l.listener.Addr().String()
	}
	n.mu.Lock()
	pool := n.book.ledger.Pool()
	hello.Actors, hello.Jobs = n.livesLocked(), n.runsLocked()
	n.mu.Unlock()
	hello.Total = pool.Total
	for _, d := range pool.Devices {
		hello.Devices = append(hello.Devices, d.ID)
	}
	sent := time.Now()
	w, err := headwire.Ask(ctx, peer, headwire.HelloNode, hello)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l.beat = time.Duration(w.Heartbeat) * time.Millisecond
	l.peer = peer
	l.lease = sent.Add(time.Duration(w.Lease) * time.Millisecond)
	n.keepActorsLocked(w.Actors)
	n.keepRunsLocked(w.Jobs)
	n.resumeActorsLocked()
	if err := n.book.keepBundles(w.Bundles, time.Now()); err != nil {
		n.logger.Error("the node does not have what the head counts on", "error", err)
	}
	l.statusLocked()
	n.book.link(time.Now())
	for _, j := range n.sortedJobsLocked() {
		l.startJobLocked(j)
	}
	n.carryOutLocked()
	return nil
}

func (l *link) disconnected(why error) {
	n := l.n
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.peer != nil && !n.closing {
		n.logger.Warn("the connection to the head has ended", "error", why)
	}
	l.peer = nil
	n.book.unlink()
}

// statusLocked tells the head what is free.
func (l *link) statusLocked() {
	if l.peer != nil {
		_ = l.peer.Notify(headwire.StatusMethod, l.takeStatusLocked()) // its connection's end is noticed where it is read
	}
}

func (l *link) takeStatusLocked() headwire.Status {
	b := l.n.book
	s := headwire.Status{Pool: b.ledger.Pool(), Tasks: b.ledger.Leases(), Workers: len(b.workers), Seen: l.seen}
	l.seen = nil
	for _, d := range b.demands {
		s.Waiting += d.want
	}
	for _, held := range b.sortedBundles() {
		if pool, ok := b.ledger.BundlePool(held.key); ok && !held.releasing {
			s.Bundles = append(s.Bundles, headwire.BundleStatus{Group: held.key.Group, Index: held.key.Index, Pool: pool})
		}
	}
	return s
}

// changed has the status told soon.
func (l *link) changed() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// tell tells the head what is free, when it has changed, and that the node lives.
func (l *link) tell(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	quiet := time.NewTimer(0) // has ended when a status may be sent
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			next.Reset(l.heartbeat(ctx))
			continue
		case <-l.dirty:
		}
		select {
		case <-ctx.Done():
			return
		case <-quiet.C:
		}
		quiet.Reset(minStatus)
		l.n.mu.Lock()
		l.statusLocked()
		l.n.mu.Unlock()
	}
}

// heartbeat tells the head that the node lives, and returns when to do so again.
func (l *link) heartbeat(ctx context.Context) time.Duration {
	n := l.n
	n.mu.Lock()
	peer, beat := l.peer, l.beat
	var status headwire.Status
	if peer != nil {
		status = l.takeStatusLocked()
	}
	n.pauseActorsLocked(time.Now())
	n.mu.Unlock()
	if peer == nil {
		return beat / 4
	}
	sent := time.Now()
	limited, cancel := context.WithTimeout(ctx, max(beat, time.Second))
	defer cancel()
	r, err := headwire.Ask(limited, peer, headwire.Heartbeat, status)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		n.logger.Debug("no answer to a heartbeat", "error", err)
		return beat / 4
	}
	if l.peer == peer {
		l.lease = sent.Add(time.Duration(r.Lease) * time.Millisecond)
		n.resumeActorsLocked()
	}
	return beat - min(beat, time.Since(sent))
}

// notified takes what the head says.
func (l *link) notified(method string, body json.RawMessage) {
	n := l.n
	switch method {
	case headwire.AssignMethod:
		receive(n, body, func(in headwire.Assignment) {
			k := askKey{node: in.Node, demand: in.Demand, group: in.Group, bundle: in.Bundle}
			n.update(func(b *book, now time.Time) {
				b.assigned(k, ask{slots: in.Slots, name: in.Name, address: in.Address, assigned: []uint64{in.ID}}, now)
			})
		})
	case headwire.VerdictMethod:
		receive(n, body, func(in headwire.Verdict) {
			n.update(func(b *book, now time.Time) { b.verdict(in.Demand, in.Reason, in.Infeasible, now) })
		})
	case headwire.ReleaseMethod:
		receive(n, body, func(in headwire.Bundles) {
			n.update(func(b *book, now time.Time) { b.release(in, now) })
		})
	case headwire.StopActorMethod:
		receive(n, body, func(in headwire.ActorLife) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.stopActorLocked(in)
		})
	case headwire.StopJobMethod:
		receive(n, body, n.stopRun)
	case headwire.NodeGoneMethod:
		receive(n, body, func(in headwire.NodeRef) { n.nodeGone(in) })
	}
}

func receive[M any](n *Node, body json.RawMessage, f func(M)) {
	var m M
	if err := json.Unmarshal(body, &m); err != nil {
		n.logger.Error("a damaged message of the head", "error", err)
		return
	}
	f(m)
}

// handle answers calls of the head.
func (l *link) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	n := l.n
	select {
	case <-l.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	switch method {
	case string(headwire.ReserveBundles):
		in, err := parseCall[headwire.Bundles](body)
		if err == nil {
			n.update(func(b *book, now time.Time) {
				if err = b.reserve(in.Group, in.List, now); err != nil {
					err = headwire.Errorf(headwire.Unavailable, "%s: %v", n.conf.Name, err)
				}
				l.statusLocked()
			})
		}
		return headwire.None{}, err
	case string(headwire.RunActor):
		in, err := parseCall[headwire.ActorRun](body)
		if err != nil {
			return nil, err
		}
		return n.runActor(ctx, in)
	case string(headwire.RunJob):
		in, err := parseCall[headwire.JobRun](body)
		if err != nil {
			return nil, err
		}
		return headwire.None{}, n.runJob(ctx, in)
	case string(headwire.ReadRunLog):
		in, err := parseCall[headwire.JobLogRange](body)
		if err != nil {
			return nil, err
		}
		return n.readRunLog(ctx, in)
	case string(headwire.QueryNode):
		in, err := parseCall[headwire.Query](body)
		if err != nil {
			return nil, err
		}
		data, err := n.query(in.What)
		if err != nil {
			return nil, headwire.Errorf(headwire.Invalid, "%v", err)
		}
		return data, nil
	}
	return nil, headwire.Errorf(headwire.NotFound, "a node has no method %.40q", method)
}

// reportLocked tells the head of a demand.
func (l *link) reportLocked(d *demand) {
	if l.peer == nil {
		return
	}
	_ = l.peer.Notify(headwire.DemandMethod, headwire.Demand{ // its connection's end is noticed where it is read
		Number: d.ref, Job: d.job, Slots: d.want, Depth: d.depth, Resources: d.class.resources, Selector: d.class.selector, Strategy: d.class.strategy,
	})
}

// sawLocked notes assignments of the head that the status will show.
func (l *link) sawLocked(assignments []uint64) { l.seen = append(l.seen, assignments...) }

// nodeGone hears that the cluster takes another node for dead.
func (n *Node) nodeGone(in headwire.NodeRef) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.peers[in.Node]; p != nil {
		p.abortLocked()
	}
	for _, c := range n.sortedClients() {
		if c.role == rolePeer && c.node == in.Node {
			_ = c.stream.Close() // what it has ends with its connection
		}
	}
}
