//go:build unix

package node

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobula/cluster/driver"
	"mobula/cluster/head"
	"mobula/cluster/headwire"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/cluster/statelog"
	"mobula/cluster/wire"
	work "mobula/cluster/worker"
	"mobula/internal/eventually"
	"mobula/internal/fault"
	"mobula/internal/id"
)

// moreWords are closures of the tests with a head.
var moreWords = map[string]func(t *work.Task, words []string) work.Outcome{
	"node": func(t *work.Task, _ []string) work.Outcome { return said(t.Node.String()) },
	"pid":  func(*work.Task, []string) work.Outcome { return said(fmt.Sprint(os.Getpid())) },
	// await FILE MARK: writes where it runs to MARK, and goes on when FILE is there.
	"await": func(t *work.Task, words []string) work.Outcome {
		if err := os.WriteFile(words[2], []byte(t.Node.String()), 0o600); err != nil {
			return work.Outcome{Failure: &wire.Failure{Message: err.Error()}}
		}
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			if _, err := os.Stat(words[1]); err == nil {
				return said(t.Node.String())
			}
			select {
			case <-tick.C:
			case <-t.Context().Done():
				return work.Outcome{Failure: &wire.Failure{Message: "canceled"}}
			}
		}
	},
}

func said(text string) work.Outcome { return work.Outcome{Value: wire.Payload{Head: []byte(text)}} }

// quick is a timing for tests: what takes seconds takes parts of one.
var quick = head.Timing{Heartbeat: 50 * time.Millisecond, Suspect: 400 * time.Millisecond, Dead: time.Second, Lease: 2 * time.Second, Margin: 50 * time.Millisecond}

func startHead(t *testing.T, c head.Config) *head.Head {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	c.Timing = quick
	h, err := head.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// joined starts a node of one CPU that belongs to a head.
func joined(t *testing.T, h *head.Head, name string, change func(*Config)) *Node {
	t.Helper()
	token := h.JoinToken()
	return startNode(t, func(c *Config) {
		c.Name, c.Resources = name, cpus(1)
		c.Head = &HeadConfig{Addresses: []string{h.Address()}, Token: &token}
		if testing.Verbose() {
			c.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil)).With("at", name)
		}
		if change != nil {
			change(c)
		}
	})
}

func license(c *Config) { c.Resources.Custom = map[string]sched.Amount{"license": sched.One} }

// licensed is a task that only a node with a license can run.
func licensed(format string, args ...any) driver.Spec {
	s := words(format, args...)
	s.Class.Resources = map[string]float64{"license": 1}
	return s
}

func TestTasksGoWhereTheyCan(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	b := joined(t, h, "b", func(c *Config) { license(c); c.Labels = map[string]string{"zone": "eu"} })
	d := realDriver(t, a, id.New[id.Job]())
	here, far := a.ID().String(), b.ID().String()
	check := func(name string, s driver.Spec, want string) {
		t.Helper()
		if got, err := result(t, d.Submit(s)); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", name, got, err, want)
		}
	}
	check("what fits here", words("node"), here)
	check("a resource of the other node", licensed("node"), far)
	label := words("node")
	label.Class.Selector = []string{"zone=eu"}
	check("a label of the other node", label, far)
	for name, node := range map[string]*Node{"this node": a, "the other node": b} {
		affine := words("node")
		affine.Class.Strategy = headwire.StrategyText(sched.OnNode(node.ID(), false))
		check(name, affine, node.ID().String())
	}
	for range 3 { // leases come and go
		check("again", licensed("node"), far)
		check("again", label, far)
	}
	for text, spec := range map[string]driver.Spec{"no node has a resource licence": words("x"), "no node has label zone=us": words("x"), "needs 2 CPU": words("x")} {
		switch {
		case strings.Contains(text, "licence"):
			spec.Class.Resources = map[string]float64{"licence": 1}
		case strings.Contains(text, "zone"):
			spec.Class.Selector = []string{"zone=us"}
		default:
			spec.Class.Resources = map[string]float64{"cpu": 2}
		}
		_, err := result(t, d.Submit(spec))
		if e, ok := errors.AsType[*fault.InfeasibleError](err); !ok || !strings.Contains(e.Error(), text) {
			t.Errorf("%v; want %q", err, text)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{a, b} {
		eventually.Holds(t, "all leases come back", func() bool { i := n.info(); return i.Free.Equal(i.Total) && i.Leases == 0 })
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if far := a.book.far; len(far.asks)+len(far.remotes)+len(far.numbers)+len(a.book.demands) != 0 {
		t.Errorf("left in the book: %+v", far)
	}
}

// TestWorkSpreads: what one node has no room for runs on the others at the same time. Spread, the head does so for the asking node too.
func TestWorkSpreads(t *testing.T) {
	t.Run("a CPU each", func(t *testing.T) { testWorkSpreads(t, func(*driver.Spec) {}) })
	t.Run("spread", func(t *testing.T) {
		testWorkSpreads(t, func(s *driver.Spec) {
			s.Class.Resources, s.Class.Strategy = map[string]float64{"cpu": 0.1}, "spread"
		})
	})
}

func testWorkSpreads(t *testing.T, change func(*driver.Spec)) {
	t.Helper()
	h := startHead(t, head.Config{})
	nodes := []*Node{joined(t, h, "a", nil), joined(t, h, "b", nil), joined(t, h, "c", nil)}
	d := realDriver(t, nodes[0], id.New[id.Job]())
	dir := t.TempDir()
	var all []*driver.Object
	for i := range 3 {
		s := words("await %s/go %s/mark%d", dir, dir, i)
		change(&s)
		all = append(all, d.Submit(s))
	}
	at := map[string]bool{}
	for i := range 3 {
		mark := filepath.Join(dir, fmt.Sprintf("mark%d", i))
		eventually.Holds(t, "all three run", func() bool { b, err := os.ReadFile(mark); at[string(b)] = true; return err == nil && len(b) > 0 })
	}
	delete(at, "")
	if len(at) != 3 {
		t.Errorf("they run on %d nodes", len(at))
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if _, err := result(t, o); err != nil {
			t.Error(err)
		}
	}
}

// served is a node in a process of its own.
type served struct {
	cmd     *exec.Cmd
	address string
}

func servedConfig() Config {
	c := Config{Starter: Processes{}}
	if address := os.Getenv("NODE_TEST_HEAD"); address != "" {
		token, err := headwire.ParseToken(os.Getenv("NODE_TEST_TOKEN"))
		if err != nil {
			panic(err)
		}
		c.Name, c.Resources = os.Getenv("NODE_TEST_NAME"), cpus(1)
		license(&c)
		c.Head = &HeadConfig{Addresses: []string{address}, Token: &token}
	}
	return c
}

// apart starts a node with a license in a process of its own.
func apart(t *testing.T, h *head.Head, name string) *served {
	t.Helper()
	s := &served{cmd: exec.CommandContext(t.Context(), os.Args[0])}
	s.cmd.Env = append(os.Environ(), "NODE_TEST_SERVE=yes", "NODE_TEST_NAME="+name, "NODE_TEST_HEAD="+h.Address(), "NODE_TEST_TOKEN="+h.JoinToken().Text())
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(line, err)
	}
	s.address = strings.TrimSpace(line)
	return s
}

func (s *served) kill() {
	_ = s.cmd.Process.Kill() // it may be gone
	_ = s.cmd.Wait()         // it was killed
}

func TestNodeIsKilled(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	first := apart(t, h, "first")
	job := id.New[id.Job]()
	hello := driverHello(job)
	hello.Values[wire.ValueProgram] = "lines"
	f := connect(t, a.Address(), hello)
	f.request(wire.LeaseRequest{Request: 1, Job: job, Slots: 1, Class: wire.Class{Program: "lines", Resources: map[string]float64{"license": 1}}})
	g := expect[wire.LeaseGrant](f)
	if got := tell(t, g.Address, "env %s", wire.EnvWorker); got != g.Worker.String() {
		t.Errorf("the relay leads to %q", got)
	}
	d := realDriver(t, a, id.New[id.Job]())
	dir := t.TempDir()
	f.giveBack(g.Lease)
	o := d.Submit(licensed("await %s/go %s/mark", dir, dir))
	mark := filepath.Join(dir, "mark")
	eventually.Holds(t, "it runs on the first node", func() bool { b, err := os.ReadFile(mark); return err == nil && len(b) > 0 })
	f.request(wire.LeaseRequest{Request: 2, Job: job, Slots: 1, Class: wire.Class{Program: "lines", Strategy: headwire.StrategyText(sched.OnNode(nodeNamed(t, h, "first"), false))}})
	g = expect[wire.LeaseGrant](f)
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	first.kill()
	m := expect[wire.WorkerExited](f)
	if len(m.Leases) != 1 || m.Leases[0] != g.Lease || !strings.Contains(m.Reason, "first") {
		t.Errorf("%+v", m)
	}
	apart(t, h, "second")
	eventually.Holds(t, "it runs on the second node", func() bool { b, err := os.ReadFile(mark); return err == nil && len(b) > 0 })
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := result(t, o); got != nodeNamed(t, h, "second").String() || err != nil {
		t.Error(got, err)
	}
}

// nodeNamed finds a live node of the cluster.
func nodeNamed(t *testing.T, h *head.Head, name string) (found id.Node) {
	t.Helper()
	eventually.Holds(t, name+" is in the cluster", func() bool {
		for _, n := range h.View().Nodes() {
			if n.Name == name && n.State == sched.Alive {
				found = n.ID
				return true
			}
		}
		return false
	})
	return found
}

// TestHeadIsAwayForNodes: what runs goes on, and the cluster works as before when the head is back.
func TestHeadIsAwayForNodes(t *testing.T) {
	dir := t.TempDir()
	h := startHead(t, head.Config{Dir: dir, Log: onDisk(dir)})
	address := h.Address()
	a, b := joined(t, h, "a", nil), joined(t, h, "b", license)
	d := realDriver(t, a, id.New[id.Job]())
	files := t.TempDir()
	o := d.Submit(licensed("await %s/go %s/mark", files, files))
	eventually.Holds(t, "it runs", func() bool { b, err := os.ReadFile(filepath.Join(files, "mark")); return err == nil && len(b) > 0 })
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := result(t, d.Submit(words("node"))); got != a.ID().String() || err != nil {
		t.Error(got, err)
	}
	waits := d.Submit(licensed("node")) // there is one license, and nobody to ask
	again := startHead(t, head.Config{Dir: dir, Log: onDisk(dir), Listen: address})
	eventually.Holds(t, "both nodes are back", func() bool {
		alive := 0
		for _, n := range again.View().Nodes() {
			if n.State == sched.Alive {
				alive++
			}
		}
		return alive == 2
	})
	if err := os.WriteFile(filepath.Join(files, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []*driver.Object{o, waits} {
		if got, err := result(t, o); got != b.ID().String() || err != nil {
			t.Error(got, err)
		}
	}
	jobs := 0
	for j := range again.View().Jobs() {
		if !j.State.Ended() {
			jobs++
		}
	}
	if jobs != 1 {
		t.Errorf("%d jobs run", jobs)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	eventually.Holds(t, "the job has ended", func() bool {
		for j := range again.View().Jobs() {
			if !j.State.Ended() {
				return false
			}
		}
		return true
	})
}

// onDisk is a log that a head finds again.
func onDisk(dir string) statelog.Open { return replog.In(dir, slog.New(slog.DiscardHandler)) }
