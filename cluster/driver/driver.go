package driver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"sync"
	"time"

	"mobula/cluster/wire"
	"mobula/internal/fault"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// Config says which node to use, and for what.
type Config struct {
	Node  string // the address of its socket
	Job   id.Job
	Build string
	// Values are for the node, in the handshake: the program that workers run, above all.
	Values map[string]string
	// Part returns a part of the program's code, see Spec.Parts. nil: there are none.
	Part func(n int) ([]byte, error)
	// Hold takes references to the objects of a store that a worker holds, or to copies of them, at the places of the value that it returns;
	// release gives them up. An error means that one is lost. nil: values are all in messages.
	Hold func(ctx context.Context, value wire.Payload) (held wire.Payload, release func(), err error)
	// LostObject says which object of a store was not there, if that is why a task failed. nil: nothing is lost.
	LostObject func(error) (id.Object, bool)
	// DecodeError makes an error of a failure.
	DecodeError func(*wire.Failure) error
	// OnLog gets what tasks write, on the driver's goroutine. nil: it is dropped.
	OnLog func(wire.Log)
	// OnPending gets the reasons for which tasks wait; "" where they wait no longer. nil: they are dropped.
	OnPending func(reason string)
	// OnBusy is told of a cell of a notebook whose tasks Progress follows from then on, when its first one is submitted. nil: none are followed.
	OnBusy func(cell int)
	// IdleLease is how long a lease without work is kept. 0: 200 ms.
	IdleLease time.Duration
}

// Driver is a client's connection to a cluster.
type Driver struct {
	conf  Config
	node  *frame.Conn
	hello map[string]string // what the node told of itself
	ctx   context.Context
	stop  context.CancelCauseFunc
	wg    sync.WaitGroup

	calls    sync.Mutex // guards deferred; nothing is locked after it
	deferred []func()
	wake     chan struct{} // for work: something is deferred
	soon     chan struct{} // for work: to look at the leases in a moment
	events   eventLog
	progress progress
	services services

	mu       sync.Mutex // guards below
	classes  map[classID]*class
	requests map[uint64]*class
	leases   map[id.Lease]*lease
	last     uint64
	ended    error
}

// Connect joins a node.
func Connect(ctx context.Context, c Config) (*Driver, error) {
	if c.IdleLease == 0 {
		c.IdleLease = 200 * time.Millisecond
	}
	stream, err := (&net.Dialer{}).DialContext(ctx, "unix", c.Node)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return nil, &fault.DisconnectedError{Reason: fmt.Sprintf("no node of this machine is at %s: give the path of a node's socket, as mobula status shows it", c.Node)}
	case err != nil:
		return nil, &fault.DisconnectedError{Reason: fmt.Sprintf("connect to the node: %v", err)}
	}
	d := &Driver{conf: c, node: frame.New(stream), classes: map[classID]*class{}, requests: map[uint64]*class{},
		leases: map[id.Lease]*lease{}, wake: make(chan struct{}, 1), soon: make(chan struct{}, 1)}
	d.progress.onBusy = c.OnBusy
	values := map[string]string{"job": c.Job.String()}
	maps.Copy(values, c.Values)
	peer, _, err := d.node.Handshake(ctx, frame.Hello{Role: wire.RoleDriver, Build: c.Build, PID: os.Getpid(), Values: values})
	if err != nil {
		d.node.Abort()
		return nil, &fault.DisconnectedError{Reason: err.Error()}
	}
	d.hello = peer.Values
	d.ctx, d.stop = context.WithCancelCause(context.Background())
	d.wg.Go(d.serve)
	d.wg.Go(d.work)
	return d, nil
}

// Close ends everything that was submitted and waits.
func (d *Driver) Close() error {
	d.disconnect(&fault.DisconnectedError{Reason: "it was closed"})
	d.wg.Wait()
	return nil
}

// serve handles the node's messages until the connection ends.
func (d *Driver) serve() {
	err := d.node.Serve(d.handle)
	d.disconnect(&fault.DisconnectedError{Reason: fmt.Sprintf("the node has gone (%v)", err)})
}

// disconnect fails everything. Only the first call counts.
func (d *Driver) disconnect(reason error) {
	d.mu.Lock()
	if d.ended != nil {
		d.mu.Unlock()
		return
	}
	d.ended = reason
	var tasks []*task
	for _, c := range d.requests {
		tasks = append(tasks, c.queue[c.head:]...)
	}
	leases := d.leases
	d.leases = map[id.Lease]*lease{}
	for _, l := range leases {
		l.returned = true
		for _, t := range l.inflight {
			tasks = append(tasks, t)
		}
	}
	d.mu.Unlock()
	d.stop(reason)
	for _, t := range tasks {
		if t != nil {
			t.resolve(wire.Payload{}, reason)
		}
	}
	for _, l := range leases {
		l.conn.Abort()
	}
	d.report()
	hung := time.AfterFunc(lastWords, d.node.Abort)
	_ = d.node.Close() // it may have gone
	hung.Stop()
	d.runDeferred()
}

// lastWords bounds how long the node may take to read what is still to be told.
const lastWords = time.Second

// later has f called without locks, in order. Any lock may be held.
func (d *Driver) later(f func()) {
	d.calls.Lock()
	d.deferred = append(d.deferred, f)
	d.calls.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// work calls what was deferred, and gives idle leases back, until the connection ends.
func (d *Driver) work() {
	tick := time.NewTicker(d.conf.IdleLease / 2)
	defer tick.Stop()
	var look <-chan time.Time
	for {
		select {
		case <-d.ctx.Done():
			d.runDeferred()
			d.report()
			return
		case <-d.wake:
			d.runDeferred()
		case <-d.soon:
			if look == nil {
				look = time.After(idleWhileWaited + time.Millisecond)
			}
		case <-look:
			look = nil
			d.tidy(time.Now())
		case <-tick.C:
			d.tidy(time.Now())
			d.report()
		}
	}
}

// apart has f run on a goroutine of the driver: those that the caller starts are the caller's, such as a cell's, which may be interrupted.
// It may not run where the connection has ended.
func (d *Driver) apart(f func()) { d.later(func() { d.wg.Go(f) }) }

func (d *Driver) runDeferred() {
	for {
		d.calls.Lock()
		list := d.deferred
		d.deferred = nil
		d.calls.Unlock()
		if len(list) == 0 {
			return
		}
		for _, f := range list {
			f()
		}
	}
}

// enqueue gives a task to its class.
func (d *Driver) enqueue(t *task) {
	key := classKey(t)
	d.mu.Lock()
	if d.ended != nil {
		d.mu.Unlock()
		t.resolve(wire.Payload{}, d.ended)
		return
	}
	if !t.over {
		c := d.classes[key]
		if c == nil {
			d.last++
			c = &class{id: key, spec: t.spec.Class, depth: t.spec.Depth, request: d.last, actors: t.spec.Form >= wire.FormActor}
			d.classes[key], d.requests[c.request] = c, c
		}
		t.class = c
		c.add(t)
		d.events.note(t, wire.TaskQueued, time.Now(), id.Worker{})
		d.pump(c)
	}
	d.mu.Unlock()
}

// ClassKey returns a text that is equal for equal classes.
func ClassKey(c wire.Class) string {
	key, err := json.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("driver: a class cannot be encoded: %v", err)) // a bug: it is plain data
	}
	return string(key)
}

// classKey is equal for tasks that may share a lease. Actors that hold resources have one each.
func classKey(t *task) classID {
	key := classID{key: t.spec.ClassKey, depth: t.spec.Depth}
	if key.key == "" {
		key.key = ClassKey(t.spec.Class)
	}
	if t.spec.Form < wire.FormActor {
		return key
	}
	key.actors = true
	if len(t.spec.Class.Resources) > 0 || t.spec.Class.Isolated {
		key.actor = t.actor.ID()
	}
	return key
}

// classID tells classes apart.
type classID struct {
	key    string
	depth  int
	actors bool
	actor  id.Actor // that has a lease of its own
}

func (d *Driver) handle(kind byte, body []byte) error {
	switch kind {
	case wire.KindLeaseGrant:
		return receive(body, func(m wire.LeaseGrant) { d.wg.Go(func() { d.granted(m) }) })
	case wire.KindLeaseRefused:
		return receive(body, d.refused)
	case wire.KindLeasePending:
		return receive(body, d.pending)
	case wire.KindLeaseReclaim:
		return receive(body, func(m wire.LeaseID) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if l := d.leases[m.Lease]; l != nil {
				l.reclaim()
			}
		})
	case wire.KindLeaseWanted:
		return receive(body, func(m wire.LeaseID) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if l := d.leases[m.Lease]; l != nil {
				l.wanted = true
				l.returnIdle()
			}
		})
	case wire.KindWorkerExited:
		return receive(body, d.workerExited)
	case wire.KindReport:
		return receive(body, d.tell)
	case wire.KindLog:
		return receive(body, func(m wire.Log) {
			if d.conf.OnLog != nil {
				d.conf.OnLog(m)
			}
		})
	}
	return nil // a later node may send more
}

func receive[M any](body []byte, f func(M)) error {
	m, err := wire.ParseJSON[M](body)
	if err == nil {
		f(m)
	}
	return err
}

// pending tells why tasks wait; not where others of their class run, which they wait for as a matter of course.
func (d *Driver) pending(m wire.LeasePending) {
	d.mu.Lock()
	c := d.requests[m.Request]
	moving := c == nil || len(c.leases) > 0
	d.mu.Unlock()
	if !moving && d.conf.OnPending != nil {
		d.conf.OnPending(m.Reason)
	}
}

// refused fails all tasks of a class.
func (d *Driver) refused(m wire.LeaseRefused) {
	d.mu.Lock()
	c := d.requests[m.Request]
	var list []*task
	if c != nil {
		for t := c.next(); t != nil; t = c.next() {
			list = append(list, t)
		}
		c.asked = 0
	}
	d.mu.Unlock()
	for _, t := range list {
		if m.Infeasible {
			t.resolve(wire.Payload{}, &fault.InfeasibleError{Name: t.spec.Name, Reason: m.Reason})
		} else {
			t.resolve(wire.Payload{}, &fault.WorkerStartError{Reason: m.Reason})
		}
	}
}

func (d *Driver) workerExited(m wire.WorkerExited) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range m.Leases {
		if l := d.leases[x]; l != nil {
			select {
			case l.exited <- &m:
			default: // it is told twice
			}
		}
	}
}

// Node returns what the node told of itself, by the keys of package wire.
func (d *Driver) Node() map[string]string { return d.hello }

// Context ends with the connection.
func (d *Driver) Context() context.Context { return d.ctx }

// Err tells why the connection has ended, nil before.
func (d *Driver) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}
