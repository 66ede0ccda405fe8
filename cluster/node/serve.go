package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/frame"
	"mobula/internal/id"
	"mobula/internal/peercred"
)

// handshakeTime bounds how long a client may take to say what it is.
const handshakeTime = 10 * time.Second

// client is a connection.
type client struct {
	id         clientID
	conn       *frame.Conn
	stream     net.Conn
	role       string
	pid        int
	job        id.Job
	submission string    // the submitted job whose process it is, or a child of it
	worker     id.Worker // of role worker
	program    string    // that it registered
	since      time.Time
	dropped    int // messages of output that it did not take in time; Node.mu guards it

	reported chan struct{}     // room for one: it has told what it was asked for
	actors   []wire.OwnedActor // as it has told; Node.mu guards it

	node    id.Node                   // of role peer
	calls   *headwire.Peer            // what it asks of the head, through this node
	counted bool                      // it is a driver of its job; Node.mu guards it
	fetched map[id.Object]int         // objects of other nodes that are held for it; Node.mu guards it
	relays  []*relay                  // to actors on other nodes; Node.mu guards it
	deliver func(kind byte, body any) // of this node itself, in place of a connection; it is called with Node.mu held
}

// program is what workers of a class run.
type program struct {
	path   string
	args   []string
	env    []string
	owners map[clientID]bool // connected drivers that registered it
	origin *origin           // nil where a driver of this machine has registered it
}

func (n *Node) accept() {
	for {
		stream, err := n.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			n.logger.Error("accept a client", "error", err)
			select { // out of file descriptors, perhaps
			case <-n.ctx.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		n.running.Go(func() { n.serve(stream) })
	}
}

// serve is a client's connection from its begin to its end.
func (n *Node) serve(stream net.Conn) {
	if err := peercred.Check(stream); err != nil {
		n.logger.Warn("a connection is refused", "error", err)
		_ = stream.Close()
		return
	}
	c := &client{conn: frame.New(stream), stream: stream, since: time.Now(), reported: make(chan struct{}, 1)}
	defer c.conn.Abort()
	ctx, cancel := context.WithTimeout(n.ctx, handshakeTime)
	peer, _, err := c.conn.Handshake(ctx, frame.Hello{
		Role: wire.RoleNode, Build: n.conf.Version, PID: n.pid, Values: n.helloValues(),
	})
	cancel()
	if err == nil {
		err = n.welcome(c, &peer)
	}
	n.converse(c, err, n.handle)
}

// converse serves a client that was welcomed, or tells it the error.
func (n *Node) converse(c *client, err error, handle func(c *client, kind byte, body []byte) error) {
	if err != nil {
		if !errors.Is(err, io.EOF) {
			n.logger.Warn("a connection is refused", "error", err)
			_ = c.conn.Send(wire.KindAnswer, wire.JSON(wire.Answer{Error: err.Error()})) // says why, if anybody reads it
			_ = c.conn.Close()
		}
		return
	}
	err = c.conn.Serve(func(kind byte, body []byte) error { return handle(c, kind, body) })
	if !errors.Is(err, io.EOF) && n.ctx.Err() == nil {
		n.logger.Warn("a connection has broken", "role", c.role, "pid", c.pid, "error", err)
	}
	n.farewell(c)
}

// welcome takes a client in.
func (n *Node) welcome(c *client, peer *frame.Hello) (err error) {
	c.role, c.pid = peer.Role, peer.PID
	var p *program
	switch c.role {
	case wire.RoleDriver:
		if p, err = registered(peer.Values); err != nil {
			return err
		}
		c.program, c.submission = peer.Values[wire.ValueProgram], peer.Values[wire.ValueSubmission]
		if text := peer.Values[wire.ValueJob]; text != "" {
			if c.job, err = id.Parse[id.Job](text); err != nil {
				return fmt.Errorf("a driver's job: %w", err)
			}
		}
	case wire.RoleWorker:
		if c.worker, err = id.Parse[id.Worker](peer.Values[wire.ValueWorker]); err != nil {
			return fmt.Errorf("a worker's id: %w", err)
		}
	case wire.RoleCLI:
		if text := peer.Values[wire.ValueJob]; text != "" { // of a driver that asks things of the head
			if c.job, err = id.Parse[id.Job](text); err != nil {
				return fmt.Errorf("a client's job: %w", err)
			}
		}
	default:
		return fmt.Errorf("a %.20q connects: a node knows drivers, workers and command lines", c.role)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closing {
		return io.EOF
	}
	if c.role == wire.RoleWorker {
		w := n.procs[c.worker]
		if w == nil || w.client != nil {
			return fmt.Errorf("worker %s connects, which is not waited for", c.worker.Short())
		}
		w.client = c
	}
	n.admitLocked(c)
	n.adoptLocked(c, c.job)
	n.registerLocked(c, p)
	n.countDriverLocked(c, peer.Values, 1)
	c.calls = headwire.NewPeer(n.ctx, c.conn, func(ctx context.Context, method string, body json.RawMessage) (any, error) {
		return n.passCall(ctx, c, method, body)
	}, nil)
	return nil
}

func (n *Node) admitLocked(c *client) {
	n.last++
	c.id = n.last
	n.clients[c.id] = c
}

// adoptLocked makes a driver the one that gets the output of a job. The first stays: a worker that submits tasks for the job connects as a driver, too.
func (n *Node) adoptLocked(c *client, job id.Job) {
	if c.role != wire.RoleDriver || job.IsZero() {
		return
	}
	if c.job.IsZero() {
		c.job = job
	}
	if _, known := n.drivers[job]; !known {
		n.drivers[job] = c.id
	}
}

// registered reads the program of a driver's handshake, nil where it has none.
func registered(values map[string]string) (*program, error) {
	if values[wire.ValueProgram] == "" && values[wire.ValuePath] == "" {
		return nil, nil
	}
	p := &program{path: values[wire.ValuePath], owners: map[clientID]bool{}}
	for key, to := range map[string]*[]string{wire.ValueArgs: &p.args, wire.ValueEnv: &p.env} {
		if text := values[key]; text != "" {
			if err := json.Unmarshal([]byte(text), to); err != nil {
				return nil, fmt.Errorf("a driver's %s: want a JSON list of strings: %w", key, err)
			}
		}
	}
	return p, nil
}

// registerLocked makes a driver's program known; what the last driver says of it counts.
func (n *Node) registerLocked(c *client, p *program) {
	if p == nil {
		return
	}
	if before := n.programs[c.program]; before != nil {
		maps.Copy(p.owners, before.owners)
	}
	p.owners[c.id] = true
	n.programs[c.program] = p
	n.book.prestart(c.program, time.Now())
	n.carryOutLocked()
}

// farewell ends what a client had.
func (n *Node) farewell(c *client) {
	if c.calls != nil {
		c.calls.End(nil)
	}
	defer c.closeRelays()
	n.forget(c)
	if c.counted {
		n.events.endJob(c.job, time.Now())
	}
}

func (n *Node) forget(c *client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.clients, c.id)
	maps.DeleteFunc(n.drivers, func(_ id.Job, d clientID) bool { return d == c.id })
	for _, other := range n.sortedClients() {
		n.adoptLocked(other, other.job)
	}
	n.disownLocked(c.id)
	n.dropAllFetchedLocked(c)
	n.countDriverLocked(c, nil, -1)
	n.book.clientGone(c.id, time.Now())
	if w := n.procs[c.worker]; w != nil && w.client == c {
		n.book.condemn(c.worker) // it cannot tell anything any more
		n.endLocked(w, "its connection to the node has broken, and it did not end")
	}
	n.carryOutLocked()
}

// disownLocked forgets the programs that only this client has registered.
func (n *Node) disownLocked(c clientID) {
	maps.DeleteFunc(n.programs, func(_ string, p *program) bool {
		delete(p.owners, c)
		return len(p.owners) == 0
	})
}

// handle takes a message. An error ends the connection.
func (n *Node) handle(c *client, kind byte, body []byte) error {
	switch kind {
	case wire.KindCall, wire.KindReply, wire.KindNotify, wire.KindCancelCall:
		return c.calls.Take(kind, body)
	case wire.KindQuery:
		return n.handleQuery(c, body)
	case wire.KindEvents:
		m, err := wire.ParseEvents(body)
		if err == nil {
			n.events.add(m)
		}
		return err
	case wire.KindReported:
		m, err := wire.ParseJSON[wire.Reported](body)
		if err != nil {
			return err
		}
		n.mu.Lock()
		c.actors = m.Actors
		n.mu.Unlock()
		select {
		case c.reported <- struct{}{}:
		default:
		}
		return nil
	case wire.KindLeaseRequest, wire.KindLeaseReturn:
		if c.role != wire.RoleCLI {
			return n.handleLease(c, kind, body)
		}
	case wire.KindSlotBlocked, wire.KindSlotResumed, wire.KindWorkerReady, wire.KindLog:
		if c.role == wire.RoleWorker {
			return n.handleWorker(c, kind, body)
		}
	}
	return fmt.Errorf("a message of kind %d, which a %s does not send to a node", kind, c.role)
}

func (n *Node) handleQuery(c *client, body []byte) error {
	q, err := wire.ParseJSON[wire.Query](body)
	if err != nil {
		return err
	}
	n.running.Go(func() { n.tellAnswer(c, q) }) // it may wait for the client's own events
	return nil
}

func (n *Node) tellAnswer(c *client, q wire.Query) {
	if err := c.conn.Send(wire.KindAnswer, wire.JSON(n.answer(q))); err != nil && !errors.Is(err, frame.ErrClosed) {
		_ = c.conn.Send(wire.KindAnswer, wire.JSON(wire.Answer{Request: q.Request, Error: err.Error()})) // the client has gone, then
	}
}

func (n *Node) handleLease(c *client, kind byte, body []byte) error {
	if kind == wire.KindLeaseReturn {
		m, err := wire.ParseJSON[wire.LeaseID](body)
		if err == nil {
			n.update(func(b *book, now time.Time) { b.giveBack(c.id, m.Lease, now) })
		}
		return err
	}
	m, err := wire.ParseJSON[wire.LeaseRequest](body)
	if err != nil {
		return err
	}
	n.update(func(b *book, now time.Time) {
		n.adoptLocked(c, m.Job)
		b.request(c.id, &m, now)
	})
	return nil
}

func (n *Node) handleWorker(c *client, kind byte, body []byte) error {
	switch kind {
	case wire.KindLog:
		m, err := wire.ParseJSON[wire.Log](body)
		if err == nil {
			m.Worker = c.worker
			n.keepLog(&m)
			n.forwardLog(&wire.PassedLog{Log: m})
		}
		return err
	case wire.KindWorkerReady:
		m, err := wire.ParseJSON[wire.WorkerReady](body)
		if err == nil && m.Worker != c.worker {
			err = fmt.Errorf("worker %s speaks for worker %s", c.worker.Short(), m.Worker.Short())
		}
		if err == nil {
			n.update(func(b *book, now time.Time) {
				if p := n.procs[c.worker]; p != nil {
					p.address = m.Address
					b.started(c.worker, cmp.Or(c.pid, p.pid)) // it may be quicker than what started it
				}
				b.ready(c.worker, m.Address, now)
			})
		}
		return err
	}
	m, err := wire.ParseJSON[wire.LeaseID](body)
	if err != nil {
		return err
	}
	n.update(func(b *book, now time.Time) {
		if kind == wire.KindSlotBlocked {
			b.block(c.worker, m.Lease, now)
		} else {
			b.resume(c.worker, m.Lease, now)
		}
	})
	return nil
}

// sendLocked sends a message of the book to a client.
func (n *Node) sendLocked(m sendMessage) {
	c := n.clients[m.to]
	switch {
	case c == nil:
	case c.deliver != nil:
		c.deliver(m.kind, m.body)
	default:
		_ = c.conn.Send(m.kind, wire.JSON(m.body)) // its connection's end is noticed where it is read
	}
}

func (n *Node) sortedClients() []*client {
	return slices.SortedFunc(maps.Values(n.clients), func(x, y *client) int { return cmp.Compare(x.id, y.id) })
}
