package core

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula"
	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	agent "mobula/cluster/node"
)

var failovers = flag.Int("failovers", 4, "kills of TestFailover")

// resumeTime is for how long control calls may wait after the head that leads was killed.
const resumeTime = 3 * time.Second

// slow is a time on a machine that has other things to do: MOBULA_SLOW says how much longer it may take.
func slow(d time.Duration) time.Duration {
	if factor, err := strconv.Atoi(os.Getenv("MOBULA_SLOW")); err == nil {
		return d * time.Duration(factor)
	}
	return d
}

// replica is one of several heads, each a process with a directory.
type replica struct {
	number  int
	process *process
	address string
	tokens  []string // join, head and user, of the first
}

// failoverCluster has three heads, a node in a process of its own and one in this process.
type failoverCluster struct {
	t     *testing.T
	dir   string
	heads []*replica
	node  *process
	first *agent.Node
}

func startFailoverCluster(t *testing.T) *failoverCluster {
	t.Helper()
	c := &failoverCluster{t: t, dir: t.TempDir()}
	t.Setenv("XDG_RUNTIME_DIR", c.dir)
	t.Cleanup(c.close)
	for i := range 3 {
		r := &replica{number: i, address: "127.0.0.1:0"}
		c.heads = append(c.heads, r)
		c.start(r)
	}
	of := c.addresses() + " " + c.heads[0].tokens[0]
	c.node = start(t, "node", envHead+"="+of, envMark+"=second")
	c.node.ready(t)
	conf, err := nodeConfig("first", of)
	if err != nil {
		t.Fatal(err)
	}
	if c.first, err = agent.Start(context.Background(), conf); err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts a head, the first time or again: from its directory, where it was.
func (c *failoverCluster) start(r *replica) {
	c.t.Helper()
	what := r.address + " " + filepath.Join(c.dir, fmt.Sprint("head", r.number))
	if r.process == nil && r.number > 0 {
		what += " " + c.heads[0].address + " " + c.heads[0].tokens[1]
	}
	r.process = start(c.t, "head", envHead+"="+what, envMark+"=head"+strconv.Itoa(r.number))
	said := strings.Fields(r.process.ready(c.t))
	if r.address = said[0]; r.number == 0 {
		r.tokens = said[1:]
	}
}

func (c *failoverCluster) addresses() string {
	var all []string
	for _, r := range c.heads {
		all = append(all, r.address)
	}
	return strings.Join(all, ",")
}

func (c *failoverCluster) close() {
	if c.first != nil {
		if err := c.first.Close(); err != nil {
			c.t.Error(err)
		}
	}
	for name, p := range map[string]*process{"the node": c.node, "head 2": c.heads[2].process, "head 1": c.heads[1].process, "head 0": c.heads[0].process} {
		if p == nil {
			continue
		}
		if err := p.end(); err != nil {
			c.t.Errorf("%s: %v", name, err)
		}
	}
}

// client is a client of all heads.
func (c *failoverCluster) client() *headclient.Client {
	c.t.Helper()
	token, err := headwire.ParseToken(c.heads[0].tokens[2])
	if err != nil {
		c.t.Fatal(err)
	}
	client, err := headclient.Connect(c.t.Context(), headclient.Config{Addresses: strings.Split(c.addresses(), ","), Token: &token})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(client.Close)
	return client
}

// leader is the head that leads.
func (c *failoverCluster) leader(ctx context.Context, client *headclient.Client) *replica {
	c.t.Helper()
	var found *replica
	await(c.t, "one head leads", func() string {
		list, err := headwire.Ask(ctx, client, headwire.ListHeads, headwire.None{})
		if err != nil {
			return err.Error()
		}
		for _, h := range list {
			if i := slices.IndexFunc(c.heads, func(r *replica) bool { return r.address == h.Address }); h.State == headwire.HeadLeads && i >= 0 {
				found = c.heads[i]
				return ""
			}
		}
		return fmt.Sprintf("%+v", list)
	})
	return found
}

// writer writes numbers to the heads, one after the other, and notes the longest that one took.
type writer struct {
	mu      sync.Mutex // guards below
	written int        // the last that was acknowledged
	longest time.Duration
	failed  error
}

func (w *writer) run(ctx context.Context, client *headclient.Client) {
	for n := 1; ctx.Err() == nil; n++ {
		began := time.Now()
		limited, cancel := context.WithTimeout(ctx, 30*time.Second)
		_, err := headwire.Ask(limited, client, headwire.PutKey, headwire.KeyPut{Namespace: "failover", Key: "last", Value: []byte(strconv.Itoa(n))})
		var got headwire.KeyValue
		if err == nil {
			got, err = headwire.Ask(limited, client, headwire.GetKey, headwire.KeyRef{Namespace: "failover", Key: "last"})
		}
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil && string(got.Value) != strconv.Itoa(n) {
			err = fmt.Errorf("%d was written, and %s is read", n, got.Value)
		}
		w.mu.Lock()
		w.written, w.longest = n, max(w.longest, time.Since(began))
		if w.failed == nil {
			w.failed = err
		}
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// TestFailover: the head that leads is killed again and again under load. Control calls go on after seconds, and tasks and actors do not notice.
func TestFailover(t *testing.T) {
	c := startFailoverCluster(t)
	connect(t, mobula.Config{Address: c.first.Address(), Namespace: "failover"})
	client := c.client()
	counter := mobula.NewActor(func() *int { return new(int) }, mobula.Name("counter"), mobula.Detached())
	mobula.Call(counter, func(*int) int { return 0 }).Value() // it is there
	load := startLoad(t, counter)
	w := &writer{}
	writing, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	writers.Go(func() { w.run(writing, client) })
	r := rand.New(rand.NewPCG(*seed, 0))
	for n := range *failovers {
		await(t, "the writer goes on", func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.failed != nil {
				t.Fatal(w.failed)
			}
			if w.written < 5 {
				return fmt.Sprint(w.written, " written")
			}
			w.longest = 0
			return ""
		})
		c.round(client, r, n)
	}
	stop()
	writers.Wait()
	calls := load.end(t)
	if got := mobula.Call(counter, func(n *int) int { return *n }).Value(); got != calls {
		t.Errorf("the actor has counted %d of %d calls: one was lost, or ran twice", got, calls)
	}
	if err := counter.Kill(); err != nil {
		t.Error(err)
	}
}

// round kills the head that leads, waits until another one does, and starts the first again.
func (c *failoverCluster) round(client *headclient.Client, r *rand.Rand, n int) {
	c.t.Helper()
	victim := c.leader(c.t.Context(), client)
	<-time.After(time.Duration(r.IntN(200)) * time.Millisecond) // at some moment of what goes on
	began := time.Now()
	victim.process.kill()
	if _, err := headclient.AskWithin(c.t.Context(), 30*time.Second, client, headwire.PutKey, headwire.KeyPut{Namespace: "failover", Key: "round", Value: []byte(strconv.Itoa(n))}); err != nil {
		c.t.Fatal(err)
	}
	took := time.Since(began)
	c.t.Logf("round %d: head %d killed; control calls went on after %v", n, victim.number, took.Round(time.Millisecond))
	if took > slow(resumeTime) {
		c.t.Errorf("round %d: control calls went on after %v, not within %v", n, took, resumeTime)
	}
	c.start(victim)
	c.leader(c.t.Context(), client)
}

// load is what goes on while heads are killed.
type load struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	calls   int
	slowest time.Duration
	err     error
}

// startLoad runs tasks that are long, others that are short, and calls of an actor, one after the other.
func startLoad(t *testing.T, counter mobula.Actor[int]) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	l.running.Go(func() {
		for ctx.Err() == nil && l.err == nil {
			began := time.Now()
			n, err := mobula.Call(counter, func(n *int) int { *n++; return *n }).Get(context.Background())
			l.calls++
			l.slowest = max(l.slowest, time.Since(began))
			if err == nil && n != l.calls {
				err = fmt.Errorf("call %d counts as %d", l.calls, n)
			}
			if err == nil {
				err = plainTasks(context.Background(), 7)
			}
			l.err = err
		}
	})
	return l
}

// end ends the load, and returns how many calls there were.
func (l *load) end(t *testing.T) int {
	t.Helper()
	l.stop()
	l.running.Wait()
	if l.err != nil {
		t.Error(l.err)
	}
	t.Logf("%d calls of the actor, the slowest took %v", l.calls, l.slowest)
	return l.calls
}
