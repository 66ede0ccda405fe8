package core

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mobula"
	"mobula/cluster/head"
	"mobula/cluster/headwire"
	agent "mobula/cluster/node"
	"mobula/cluster/replog"
	"mobula/cluster/sched"
	"mobula/objstore/store"
)

const (
	envRole = "MOBULA_TEST_ROLE" // of a process that a test starts
	envMark = "MOBULA_TEST_MARK" // tells such a process, and all that it starts
	envHead = "MOBULA_TEST_HEAD" // for a head its address, its directory and, where it joins others, theirs and a head token; else those of the heads and a join token
)

// roles are what processes do that the tests start, until their standard input ends.
var roles = map[string]func(context.Context) error{"head": beHead, "node": beNode, "driver": beDriver}

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(envRole)]
	if !ok {
		os.Exit(m.Run())
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that counts
		cancel()
	}()
	if err := role(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "a %s: %v\n", os.Getenv(envRole), err)
		os.Exit(1)
	}
}

// killTiming lets a node that is killed be dead after seconds, and not one that is slow.
var killTiming = head.Timing{
	Heartbeat: 100 * time.Millisecond, Suspect: 1500 * time.Millisecond, Dead: 3 * time.Second, Lease: 3 * time.Second, Margin: 100 * time.Millisecond,
}

func beHead(ctx context.Context) error {
	words := strings.Fields(os.Getenv(envHead))
	conf := head.Config{Listen: words[0], Dir: words[1], Log: replog.In(words[1], slog.New(slog.DiscardHandler)), Timing: killTiming}
	if len(words) == 4 {
		token, err := headwire.ParseToken(words[3])
		if err != nil {
			return err
		}
		conf.Join = &head.Join{Addresses: strings.Split(words[2], ","), Token: &token}
	}
	h, err := head.Start(ctx, conf)
	if err != nil {
		return err
	}
	fmt.Println(h.Address(), h.JoinToken().Text(), h.HeadToken().Text(), h.UserToken().Text())
	h.Wait()
	return nil
}

func beNode(ctx context.Context) error {
	conf, err := nodeConfig(os.Getenv(envMark), os.Getenv(envHead))
	if err != nil {
		return err
	}
	conf.Labels = map[string]string{"may": "die"}
	n, err := agent.Start(ctx, conf)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	n.Wait()
	return nil
}

// mortal is for what is to be on a node that is killed.
var mortal = mobula.Label("may", "die")

func nodeConfig(name, headAndToken string) (agent.Config, error) {
	address, text, _ := strings.Cut(headAndToken, " ")
	token, err := headwire.ParseToken(text)
	return agent.Config{
		Starter: agent.Processes{}, Name: name, Resources: sched.Resources{CPU: sched.One, Memory: 1 << 30}, Store: store.Config{Capacity: 128 << 20},
		Head: &agent.HeadConfig{Addresses: strings.Split(address, ","), Token: &token, Listen: "127.0.0.1:0"}, IdleTimeout: 500 * time.Millisecond,
	}, err
}

// process is one that a test has started.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// start starts this program in a role, with more of an environment.
func start(t *testing.T, role string, env ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), append(env, envRole+"="+role)...)
	p.cmd.Stderr = os.Stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	return p
}

// ready waits until the process says that it is ready, and returns what it says.
func (p *process) ready(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.kill()
		t.Fatalf("%s does not start: %q, %v", p.cmd, line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone
	_ = p.cmd.Wait()         // it was killed
}

// end lets the process end by itself.
func (p *process) end() error {
	_ = p.stdin.Close()
	return p.cmd.Wait()
}

// running lists the processes that were started with a variable in their environment.
func running(t *testing.T, variable string) (pids []int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(paths) == 0 {
		t.Skip("no /proc here")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil || !slices.ContainsFunc(bytes.Split(text, []byte{0}), func(v []byte) bool { return string(v) == variable }) {
			continue // it has ended, or is another's
		}
		var pid int
		if _, err := fmt.Sscanf(path, "/proc/%d/", &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// awaitOnly waits until of the processes with a variable only those that are named run.
func awaitOnly(t *testing.T, variable string, pids ...int) {
	t.Helper()
	await(t, "the processes with "+variable+" end", func() string {
		left := slices.DeleteFunc(running(t, variable), func(pid int) bool { return slices.Contains(pids, pid) })
		var lines strings.Builder
		for _, pid := range left {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			fmt.Fprintf(&lines, "%d %q\n", pid, line)
		}
		return lines.String()
	})
}

// killCluster is a cluster whose head and nodes are processes, but for the node that this process is connected to.
type killCluster struct {
	t       *testing.T
	dir     string // of sockets and logs
	address string // of the head
	token   string
	head    *process
	first   *agent.Node
	nodes   map[string]*process // by name, which is also the mark
	last    int                 // of the marks
}

func startKillCluster(t *testing.T) *killCluster {
	t.Helper()
	c := &killCluster{t: t, dir: t.TempDir(), address: "127.0.0.1:0", nodes: map[string]*process{}}
	t.Setenv("XDG_RUNTIME_DIR", c.dir)
	t.Cleanup(c.close)
	c.startHead()
	conf, err := nodeConfig("first", c.address+" "+c.token)
	if err != nil {
		t.Fatal(err)
	}
	if c.first, err = agent.Start(context.Background(), conf); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c.startNode()
	}
	return c
}

func (c *killCluster) mark(what string) string {
	c.last++
	return fmt.Sprint(what, c.last)
}

// startHead starts the head, the first time or again: from its directory, where it was.
func (c *killCluster) startHead() {
	c.t.Helper()
	c.head = start(c.t, "head", envHead+"="+c.address+" "+filepath.Join(c.dir, "head"), envMark+"="+c.mark("head"))
	said := strings.Fields(c.head.ready(c.t))
	c.address, c.token = said[0], said[1]
}

func (c *killCluster) startNode() {
	c.t.Helper()
	name := c.mark("node")
	c.nodes[name] = start(c.t, "node", envHead+"="+c.address+" "+c.token, envMark+"="+name)
	c.nodes[name].ready(c.t)
}

// close ends what runs.
func (c *killCluster) close() {
	for _, name := range slices.Sorted(maps.Keys(c.nodes)) {
		if err := c.nodes[name].end(); err != nil {
			c.t.Errorf("%s: %v", name, err)
		}
	}
	clear(c.nodes)
	if c.first != nil {
		if err := c.first.Close(); err != nil {
			c.t.Error(err)
		}
		c.first = nil
	}
	if c.head != nil {
		if err := c.head.end(); err != nil {
			c.t.Error("the head:", err)
		}
		c.head = nil
	}
}

// settled waits until all three nodes live and nobody holds anything of them.
func (c *killCluster) settled(ctx context.Context) {
	c.t.Helper()
	await(c.t, "the nodes are free", func() string {
		list, err := mobula.Nodes(ctx)
		if err != nil {
			return err.Error()
		}
		list = slices.DeleteFunc(list, func(n mobula.Node) bool { return n.State == sched.Dead.String() })
		for _, n := range list {
			if !maps.Equal(n.Free, n.Total) || n.State != sched.Alive.String() {
				return fmt.Sprintf("%s is %s and has %v of %v", n.Name, n.State, n.Free, n.Total)
			}
		}
		if len(list) != 3 {
			return fmt.Sprint(len(list), " nodes live")
		}
		return ""
	})
}
