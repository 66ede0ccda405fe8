package head

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/cluster/statelog"
	"mobula/internal/id"
)

// patience bounds the wait for what must come.
const patience = 20 * time.Second

// quick is a timing for tests: what takes seconds takes parts of one.
var quick = Timing{Heartbeat: 20 * time.Millisecond, Suspect: 200 * time.Millisecond, Dead: 500 * time.Millisecond, Lease: 300 * time.Millisecond, Margin: 50 * time.Millisecond}

func start(t *testing.T, c Config) *Head {
	t.Helper()
	if c.Timing == (Timing{}) {
		c.Timing = quick
	}
	h, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// inside is a client in the head's process.
func inside(t *testing.T, h *Head) *headclient.Client {
	t.Helper()
	c, err := headclient.Connect(t.Context(), headclient.Config{Dial: h.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func ask[In, Out any](t *testing.T, c headwire.Caller, m headwire.Method[In, Out], in In) Out {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := headwire.Ask(ctx, c, m, in)
	if err != nil {
		t.Fatalf("%s: %v", string(m), err)
	}
	return out
}

// refusedAs checks that a call fails with a code.
func refusedAs[In, Out any](t *testing.T, c headwire.Caller, m headwire.Method[In, Out], in In, code headwire.Code) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := headwire.Ask(ctx, c, m, in); !headwire.HasCode(err, code) {
		t.Errorf("%s: %+v, %v; want an error of kind %s", string(m), out, err, code)
	}
}

// fakeNode is a node as the head sees it. It places nothing itself.
type fakeNode struct {
	t      *testing.T
	hello  headwire.NodeHello
	client *headclient.Client
	stop   context.CancelFunc
	beats  sync.WaitGroup

	mu       sync.Mutex // guards below
	welcome  headwire.NodeWelcome
	ledger   *sched.Ledger
	reserved map[sched.BundleKey]bool
	refuse   error // what reserving and starting answer
	endless  bool  // constructors never end
	gaveUp   int   // on such
	runs     []headwire.ActorRun
	released []id.PlacementGroup
	stopped  []headwire.ActorLife
	assigned []headwire.Assignment
	verdicts []headwire.Verdict
	seen     []uint64
	actors   []headwire.ActorLife

	deaf        bool // it does not answer when it is asked to run a job
	asked       int  // to, while it was
	jobs        []headwire.JobRun
	stoppedJobs []headwire.JobLife
}

func joinNode(t *testing.T, name string, dial func(context.Context) (net.Conn, error), change func(*headwire.NodeHello)) *fakeNode {
	t.Helper()
	n := &fakeNode{t: t, reserved: map[sched.BundleKey]bool{}}
	n.hello = headwire.NodeHello{ID: id.New[id.Node](), Name: name, Address: name + ":1", Total: sched.Resources{CPU: sched.Whole(4)}}
	if change != nil {
		change(&n.hello)
	}
	n.ledger = sched.NewLedger(n.hello.Total, nil)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	n.stop = stop
	var err error
	n.client, err = headclient.Connect(ctx, headclient.Config{Dial: dial, Role: headwire.RoleNode, Handler: n.handle, Notified: n.notified, OnConnect: n.connected})
	if err != nil {
		t.Fatal(err)
	}
	n.beats.Go(func() { n.beat(ctx) })
	t.Cleanup(n.die)
	return n
}

// silence ends its heartbeats; its connection stays.
func (n *fakeNode) silence() {
	n.stop()
	n.beats.Wait()
}

// die ends the node without a word.
func (n *fakeNode) die() {
	n.silence()
	n.client.Close()
}

func (n *fakeNode) connected(ctx context.Context, peer *headwire.Peer) error {
	n.mu.Lock()
	hello := n.hello
	hello.Actors = slices.Clone(n.actors)
	n.mu.Unlock()
	w, err := headwire.Ask(ctx, peer, headwire.HelloNode, hello)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.welcome = w
	n.mu.Unlock()
	_, err = headwire.Ask(ctx, peer, headwire.Heartbeat, n.status())
	return err
}

func (n *fakeNode) beat(ctx context.Context) {
	tick := time.NewTicker(quick.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if p := n.client.Connected(); p != nil {
				_, _ = headwire.Ask(ctx, p, headwire.Heartbeat, n.status())
			}
		}
	}
}

func (n *fakeNode) status() headwire.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := headwire.Status{Pool: n.ledger.Pool(), Tasks: n.ledger.Leases(), Seen: n.seen}
	n.seen = nil
	for key := range n.reserved {
		if pool, ok := n.ledger.BundlePool(key); ok {
			s.Bundles = append(s.Bundles, headwire.BundleStatus{Group: key.Group, Index: key.Index, Pool: pool})
		}
	}
	return s
}

func (n *fakeNode) handle(ctx context.Context, method string, body json.RawMessage) (any, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.refuse != nil && method != string(headwire.QueryNode) {
		return nil, n.refuse
	}
	switch method {
	case string(headwire.ReserveBundles):
		var in headwire.Bundles
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		for _, b := range in.List {
			key := sched.BundleKey{Group: in.Group, Index: b.Index}
			if _, err := n.ledger.Reserve(key, b.Resources, nil); err != nil {
				return nil, err
			}
			n.reserved[key] = true
		}
		return headwire.None{}, nil
	case string(headwire.RunActor):
		var in headwire.ActorRun
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, err
		}
		n.runs = append(n.runs, in)
		if n.endless {
			n.mu.Unlock()
			<-ctx.Done()
			n.mu.Lock()
			n.gaveUp++
			return nil, ctx.Err()
		}
		n.actors = append(n.actors, in.ActorLife)
		return headwire.Place{Worker: id.New[id.Worker](), Lease: id.New[id.Lease](), Address: "socket"}, nil
	case string(headwire.RunJob):
		if n.deaf {
			n.asked++
			n.mu.Unlock()
			<-ctx.Done()
			n.mu.Lock()
			return nil, ctx.Err()
		}
		n.jobs = append(n.jobs, parse[headwire.JobRun](n.t, body))
		return headwire.None{}, nil
	case string(headwire.QueryNode):
		return json.RawMessage(`"here"`), nil
	}
	return nil, errors.New("unknown")
}

func (n *fakeNode) notified(method string, body json.RawMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch method {
	case headwire.AssignMethod:
		n.assigned = append(n.assigned, parse[headwire.Assignment](n.t, body))
	case headwire.VerdictMethod:
		n.verdicts = append(n.verdicts, parse[headwire.Verdict](n.t, body))
	case headwire.StopActorMethod:
		life := parse[headwire.ActorLife](n.t, body)
		n.stopped = append(n.stopped, life)
		n.actors = slices.DeleteFunc(n.actors, func(x headwire.ActorLife) bool { return x == life })
	case headwire.StopJobMethod:
		n.stoppedJobs = append(n.stoppedJobs, parse[headwire.JobLife](n.t, body))
	case headwire.ReleaseMethod:
		in := parse[headwire.Bundles](n.t, body)
		n.released = append(n.released, in.Group)
		for key := range n.reserved {
			if key.Group == in.Group {
				if err := n.ledger.Unreserve(key); err != nil {
					n.t.Error(err)
				}
				delete(n.reserved, key)
			}
		}
	}
}

func parse[V any](t *testing.T, body []byte) (v V) {
	if err := json.Unmarshal(body, &v); err != nil {
		t.Error(err)
	}
	return v
}

// read looks at what the node has heard.
func read[V any](n *fakeNode, f func() V) V {
	n.mu.Lock()
	defer n.mu.Unlock()
	return f()
}

func nodeState(h *Head, node id.Node) string {
	n, ok := h.View().Node(node)
	if !ok {
		return "unknown"
	}
	return n.State.String()
}

func unixDial(dir string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, SocketName))
	}
}

// onDisk is a log that a head finds again, or with "" one in memory.
func onDisk(dir string) statelog.Open { return replog.In(dir, slog.New(slog.DiscardHandler)) }
