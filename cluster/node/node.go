package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"mobula/cluster/gpu"
	"mobula/cluster/sched"
	"mobula/internal/id"
	"mobula/internal/sysmem"
	"mobula/objstore/store"
)

// Config says what a node is. Only Starter is needed.
type Config struct {
	Starter Starter
	// Dir is where sockets and logs are; one is made and removed again where it is empty.
	Dir       string
	ID        id.Node
	Name      string // for people; the host's
	Version   string // of mobula
	Resources sched.Resources
	// NoTasks: nothing is offered where Resources are empty, instead of what the machine has. Such a node is how its machine reaches the cluster.
	NoTasks bool
	Devices []sched.Device
	// WatchDevices tells what happens to Devices until ctx ends, as gpu.Inventory.Watch does. Nil: nobody looks.
	WatchDevices func(ctx context.Context, changed func(gpu.Change))

	Labels   map[string]string
	Logger   *slog.Logger
	Memory   Memory
	Store    store.Config // of the object store; a Capacity of 0: the node has none
	Head     *HeadConfig  // nil: the node is alone
	Embedded bool         // it belongs to a notebook or a program; for lists
	// Protocols serve connections of other nodes (DialNode) by the name of what they are for, until the connection or ctx ends.
	Protocols map[string]func(ctx context.Context, from id.Node, stream net.Conn)

	ReadyTimeout time.Duration // how long a worker may take to get ready: 30 s
	IdleTimeout  time.Duration // how long a worker lives that nobody has a lease on: 60 s
	MaxIdle      int           // workers that nobody has a lease on: 4, or as many as there are CPUs
	StopGrace    time.Duration // how long a worker may take to end after its connection: 1 s
	MemoryUse    float64       // part of all memory above which workers are stopped: 0.95
	LogBytes     int64         // of all logs of workers and submitted jobs: 256 MB
	// Command is the path of the mobula command: an entrypoint mobula is that one, and others find it at the end of their PATH. Empty: they find
	// what the node finds.
	Command string
}

// withDefaults fills in what is not given.
func (c Config) withDefaults() Config {
	if c.ID.IsZero() {
		c.ID = id.New[id.Node]()
	}
	if c.Name == "" {
		c.Name, _ = os.Hostname()
		c.Name = cmp.Or(c.Name, "this machine")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Memory == nil {
		c.Memory = sysmem.System
	}
	if c.Resources.IsZero() && !c.NoTasks {
		c.Resources.CPU = sched.Whole(runtime.GOMAXPROCS(0))
		if left, err := c.Memory.Left(); err == nil {
			c.Resources.Memory = left.Total
		}
	}
	c.ReadyTimeout = cmp.Or(c.ReadyTimeout, 30*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, time.Minute)
	c.MaxIdle = cmp.Or(c.MaxIdle, max(4, int(c.Resources.CPU/sched.One)))
	c.StopGrace = cmp.Or(c.StopGrace, time.Second)
	c.MemoryUse = cmp.Or(c.MemoryUse, 0.95)
	c.LogBytes = cmp.Or(c.LogBytes, 256<<20)
	return c
}

// Node is a running agent.
type Node struct {
	conf         Config
	logger       *slog.Logger
	pid          int
	prefix       string // of the ids of workers and leases, in hex
	began        time.Time
	dir          *directory
	address      string
	listener     net.Listener
	logs         *logStore
	programFiles *programs
	events       eventLog
	objects      objects
	poke         chan struct{} // room for one: the clock looks again
	running      sync.WaitGroup
	stop         context.CancelFunc
	ctx          context.Context // of the workers; ends at Close
	done         chan struct{}   // Close has ended
	closeErr     error           // set before done is closed
	once         sync.Once

	mu       sync.Mutex // guards below
	book     *book
	clients  map[clientID]*client
	last     clientID
	procs    map[id.Worker]*proc
	programs map[string]*program
	drivers  map[id.Job]clientID
	link     *link    // nil without a head
	self     clientID // stands for the node where the head assigns it what its own clients want
	selfKeys keys
	peers    map[id.Node]*peer
	actors   map[id.Actor]*actor
	counted  workerCounts
	runs     map[string]*run // attempts of submitted jobs, by the job
	wakeAt   time.Time       // what the clock waits for
	unhook   func() bool     // of the context that Start was given
	closing  bool
}

// Start starts the agent of this machine. It ends with ctx or by Close.
func Start(ctx context.Context, c Config) (*Node, error) {
	if c.Starter == nil {
		return nil, errors.New("start a node: it has no way to start workers: set Config.Starter")
	}
	c = c.withDefaults()
	if err := c.Resources.Validate(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	n := &Node{
		conf: c, logger: c.Logger, pid: os.Getpid(), began: time.Now(), poke: make(chan struct{}, 1), done: make(chan struct{}),
		clients: map[clientID]*client{}, procs: map[id.Worker]*proc{}, programs: map[string]*program{}, drivers: map[id.Job]clientID{},
		peers: map[id.Node]*peer{}, actors: map[id.Actor]*actor{}, runs: map[string]*run{}, selfKeys: newKeys(),
	}
	own := prefix(c.ID)
	n.prefix = hex.EncodeToString(own[:])
	n.book = newBook(bookConfig{
		node: sched.Node{ID: c.ID, Name: c.Name, Labels: c.Labels}, ids: id.NewGenerator(own),
		ready: c.ReadyTimeout, idle: c.IdleTimeout, maxIdle: c.MaxIdle, patience: 5 * time.Second, quantum: 2 * time.Second, tellAfter: 2 * time.Second,
		head: c.Head != nil,
	}, c.Resources, c.Devices)
	if err := n.listen(); err != nil {
		return nil, fmt.Errorf("start a node: %w", err)
	}
	if err := n.openObjects(); err != nil {
		return nil, errors.Join(fmt.Errorf("start a node: %w", err), n.listener.Close(), n.dir.remove())
	}
	// Values of ctx stay; its end is carried out by Close, which also waits.
	n.ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	if n.objects.store != nil {
		n.running.Go(func() { _ = n.objects.store.ServeListener(n.ctx, n.objects.listener) }) // ends with the listener
	}
	n.running.Go(n.clock)
	n.running.Go(func() { n.watchMemory(n.ctx) })
	if c.WatchDevices != nil {
		n.running.Go(func() { c.WatchDevices(n.ctx, n.deviceChanged) })
	}
	if err := n.joinHead(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start a node: %w", err), n.Close())
	}
	// Clients come from here on: they read n.link without the lock.
	n.running.Go(n.accept)
	unhook := context.AfterFunc(ctx, func() { _ = n.Close() }) // logged there
	n.mu.Lock()
	n.unhook = unhook
	n.mu.Unlock()
	return n, nil
}

// prefix makes the ids of a node's workers and leases its own. Its id has the prefix of the process that made it, and a number.
func prefix(node id.Node) (p [8]byte) {
	fresh := id.New[id.Lease]()
	copy(p[:], fresh.ID[:8])
	for i := range p {
		p[i] ^= node.ID[8+i] ^ 0x5a
	}
	return p
}

func (n *Node) listen() error {
	var err error
	if n.dir, err = openDirectory(n.conf.Dir); err != nil {
		if n.dir != nil {
			return err
		}
		return fmt.Errorf("make its directory: %w", err)
	}
	if err := n.dir.describe(Local{ID: n.conf.ID, Name: n.conf.Name, PID: n.pid, Embedded: n.conf.Embedded}); err != nil {
		return errors.Join(fmt.Errorf("make its directory: %w", err), n.dir.remove())
	}
	n.address = filepath.Join(n.dir.path, socketName)
	n.programFiles = newPrograms(filepath.Join(n.dir.path, programsName))
	if err := os.RemoveAll(n.programFiles.dir); err != nil { // of a killed node; nobody knows what is whole
		return errors.Join(fmt.Errorf("make its directory: %w", err), n.dir.remove())
	}
	n.logs = newLogStore(filepath.Join(n.dir.path, logsName), n.conf.LogBytes)
	if n.listener, err = net.Listen("unix", n.address); err != nil {
		return errors.Join(fmt.Errorf("listen for clients: %w (a socket's path has at most 107 bytes)", err), n.dir.remove())
	}
	return nil
}

// Address is the path of the socket for clients.
func (n *Node) Address() string { return n.address }

// Certificate is for servers of this process that clients without a certificate reach, under headwire.NodesName; false where the head takes no other nodes.
func (n *Node) Certificate() (tls.Certificate, bool) {
	if n.link == nil || n.link.identity == nil {
		return tls.Certificate{}, false
	}
	return n.link.identity.Certificate(), true
}

// ID is the node's identity.
func (n *Node) ID() id.Node { return n.conf.ID }

// Wait returns when the node has ended.
func (n *Node) Wait() { <-n.done }

// Close ends all workers and connections, waits for them and removes the directory.
func (n *Node) Close() error {
	n.once.Do(func() {
		defer close(n.done)
		n.mu.Lock()
		n.closing = true
		if n.unhook != nil {
			n.unhook()
		}
		for _, p := range n.procs {
			p.killLocked()
		}
		clients := slices.Collect(maps.Values(n.clients))
		n.mu.Unlock()
		n.stop()
		n.closeErr = n.listener.Close()
		for _, c := range clients {
			if c.conn != nil {
				c.conn.Abort()
			}
		}
		n.leaveHead()
		n.closeErr = errors.Join(n.closeErr, n.objects.close())
		n.running.Wait()
		n.closeErr = errors.Join(n.closeErr, n.dir.remove())
		if n.closeErr != nil {
			n.logger.Error("close the node", "error", n.closeErr)
		}
	})
	<-n.done
	return n.closeErr
}

// update tells the book of an event and carries out what it wants.
func (n *Node) update(event func(b *book, now time.Time)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	event(n.book, time.Now())
	n.carryOutLocked()
}

func (n *Node) carryOutLocked() {
	for out := n.book.take(); len(out) > 0; out = n.book.take() {
		for _, a := range out {
			switch a := a.(type) {
			case sendMessage:
				n.sendLocked(a)
			case startWorker:
				n.startLocked(a)
			case stopWorker:
				n.stopLocked(a)
			case reportDemand:
				n.link.reportLocked(a.demand)
			case askPeer:
				n.askPeerLocked(a)
			case returnPeer:
				n.returnPeerLocked(a)
			case holdGranted:
				n.runGrantedLocked(a)
			}
		}
	}
	if n.link != nil {
		n.link.changed()
	}
	at := n.book.wake(time.Now())
	if at.IsZero() || !n.wakeAt.IsZero() && !at.Before(n.wakeAt) {
		return
	}
	n.wakeAt = at
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

// clock tells the book of time.
func (n *Node) clock() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.poke:
		case <-timer.C:
			n.update(func(b *book, now time.Time) {
				b.tick(now)
				n.wakeAt = time.Time{} // armed anew below
			})
		}
		n.mu.Lock()
		if n.wakeAt.IsZero() {
			n.wakeAt = n.book.wake(time.Now())
		}
		at := n.wakeAt
		n.mu.Unlock()
		if at.IsZero() {
			timer.Reset(time.Hour)
		} else {
			timer.Reset(time.Until(at))
		}
	}
}
