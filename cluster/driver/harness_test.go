package driver

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/frame"
	"mobula/internal/id"
)

// fakeNode grants so many slots, one lease each, on one worker in this process.
type fakeNode struct {
	t       testing.TB
	address string
	dir     string
	exec    worker.Executor
	wg      sync.WaitGroup

	mu      sync.Mutex // guards below
	free    int
	asked   []ask
	leases  map[id.Lease]*frame.Conn
	worker  *wire.WorkerReady
	stop    context.CancelFunc
	granted int
}

type ask struct {
	conn *frame.Conn
	wire.LeaseRequest
}

func startNode(t testing.TB, slots int, exec worker.Executor) *fakeNode {
	t.Helper()
	dir, err := os.MkdirTemp("", "mobula") // short: the paths of sockets are bounded
	if err != nil {
		t.Fatal(err)
	}
	n := &fakeNode{t: t, dir: dir, address: filepath.Join(dir, "node.sock"), free: slots, exec: exec, leases: map[id.Lease]*frame.Conn{}}
	l, err := net.Listen("unix", n.address)
	if err != nil {
		t.Fatal(err)
	}
	n.wg.Go(func() {
		for {
			stream, err := l.Accept()
			if err != nil {
				return
			}
			n.wg.Go(func() { n.serve(frame.New(stream)) })
		}
	})
	n.startWorker()
	t.Cleanup(func() {
		l.Close()
		n.killWorker()
		n.wg.Wait()
		os.RemoveAll(dir)
	})
	return n
}

func (n *fakeNode) startWorker() {
	ctx, stop := context.WithCancel(context.Background())
	n.mu.Lock()
	n.stop = stop
	n.mu.Unlock()
	n.wg.Go(func() {
		if err := worker.Run(ctx, worker.Config{Node: n.address, Worker: id.New[id.Worker](), Dir: n.dir, Executor: n.exec}); err != nil {
			n.t.Error(err)
		}
	})
}

func (n *fakeNode) killWorker() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stop()
	n.worker = nil
}

// crash ends the worker, tells why those who have leases on it, and starts another.
func (n *fakeNode) crash(reason string) {
	n.killWorker()
	n.mu.Lock()
	for lease, c := range n.leases {
		delete(n.leases, lease)
		n.free++
		_ = c.Send(wire.KindWorkerExited, wire.JSON(wire.WorkerExited{Leases: []id.Lease{lease}, Reason: reason}))
	}
	n.mu.Unlock()
	n.startWorker()
}

func (n *fakeNode) serve(c *frame.Conn) {
	defer c.Abort()
	if _, _, err := c.Handshake(context.Background(), frame.Hello{Role: "node", Values: map[string]string{"node": id.New[id.Node]().String()}}); err != nil {
		return
	}
	_ = c.Serve(func(kind byte, body []byte) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		switch kind {
		case wire.KindWorkerReady:
			m, err := wire.ParseJSON[wire.WorkerReady](body)
			if err != nil {
				return err
			}
			n.worker = &m
		case wire.KindLeaseRequest:
			m, err := wire.ParseJSON[wire.LeaseRequest](body)
			if err != nil {
				return err
			}
			n.asked = slices.DeleteFunc(n.asked, func(a ask) bool { return a.conn == c && a.Request == m.Request })
			if m.Class.Resources["gpu"] > 0 {
				return c.Send(wire.KindLeaseRefused, wire.JSON(wire.LeaseRefused{Request: m.Request, Reason: "no node has a gpu", Infeasible: true}))
			}
			n.asked = append(n.asked, ask{c, m})
		case wire.KindLeaseReturn:
			m, err := wire.ParseJSON[wire.LeaseID](body)
			if err != nil {
				return err
			}
			if n.leases[m.Lease] != nil {
				delete(n.leases, m.Lease)
				n.free++
			}
		case wire.KindSlotBlocked:
			n.free++
		case wire.KindSlotResumed:
			n.free--
		}
		n.grant()
		return nil
	})
}

// grant gives what can be given, deeper requests first.
func (n *fakeNode) grant() {
	slices.SortStableFunc(n.asked, func(a, b ask) int { return b.Depth - a.Depth })
	for i := range n.asked {
		a := &n.asked[i]
		for n.worker != nil && a.Slots > 0 && (n.free > 0 || len(a.Class.Resources) == 0) {
			lease := id.New[id.Lease]()
			n.leases[lease] = a.conn
			a.Slots--
			if len(a.Class.Resources) > 0 {
				n.free--
			}
			n.granted++
			_ = a.conn.Send(wire.KindLeaseGrant, wire.JSON(wire.LeaseGrant{Request: a.Request, Lease: lease, Worker: n.worker.Worker, Address: n.worker.Address, Slots: 1}))
		}
	}
}

// script is an Executor whose closures are the names of functions of the test.
type script struct {
	funcs map[string]func(t *worker.Task) (string, error)
	runs  atomic.Int64
}

func (s *script) Execute(t *worker.Task) worker.Outcome {
	s.runs.Add(1)
	f := s.funcs[string(t.Closure.Head)]
	if t.Form == wire.FormActor {
		return worker.Outcome{Actor: new([]string)}
	}
	if f == nil {
		return worker.Outcome{Value: t.Closure}
	}
	v, err := f(t)
	if err != nil {
		return worker.Outcome{Failure: &wire.Failure{Message: err.Error()}}
	}
	return worker.Outcome{Value: wire.Payload{Head: []byte(v)}}
}

func connect(t testing.TB, n *fakeNode) *Driver {
	t.Helper()
	d, err := Connect(context.Background(), Config{Node: n.address, Job: id.New[id.Job](), DecodeError: func(f *wire.Failure) error { return errors.New(f.Message) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

var oneCPU = wire.Class{Resources: map[string]float64{"cpu": 1}}

func call(name string, inputs ...*Object) Spec {
	return Spec{Form: wire.FormValue, Name: name, Closure: wire.Payload{Head: []byte(name)}, Class: oneCPU, Inputs: inputs}
}

func value(t testing.TB, o *Object) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	v, err := o.Result()
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Head)
}

func failureOf(t testing.TB, o *Object) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := o.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return o.failure()
}
