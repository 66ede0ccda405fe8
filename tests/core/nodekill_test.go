package core

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"

	"mobula"
	"mobula/cluster/head"
	"mobula/cluster/headwire"
	agent "mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/objstore/store"
)

var nodeRounds = flag.Int("node-rounds", 4, "kills of TestNodesAreKilled")

// envJoin tells a process that is a node where its head is.
const envJoin = "MOBULA_TEST_JOIN" // address and token

// beNode is a node in a process of its own, until its standard input ends.
func beNode() {
	var address, text string
	_, err := fmt.Sscan(os.Getenv(envJoin), &address, &text)
	var token headwire.Token
	if err == nil {
		token, err = headwire.ParseToken(text)
	}
	var n *agent.Node
	if err == nil {
		n, err = agent.Start(context.Background(), nodeConfig("killed", address, token))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // its end is all that counts
	_ = n.Close()
}

func nodeConfig(name, address string, token headwire.Token) agent.Config {
	return agent.Config{
		Starter: agent.Processes{}, Name: name, Resources: sched.Resources{CPU: sched.One, Memory: 1 << 30}, Store: store.Config{Capacity: 128 << 20},
		Head: &agent.HeadConfig{Addresses: []string{address}, Token: &token, Listen: "127.0.0.1:0"},
	}
}

// startNodeProcess starts a node in a process, which kill kills.
func startNodeProcess(t *testing.T, h *head.Head) (kill func() error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	token := h.JoinToken()
	cmd.Env = append(os.Environ(), envRole+"=node", envJoin+"="+h.Address()+" "+token.Text())
	if _, err := cmd.StdinPipe(); err != nil { // the node lives as long as it is open
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("a node does not start: %q, %v", line, err)
	}
	return func() error {
		err := cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		return err
	}
}

// TestNodesAreKilled: whatever node ends, tasks that may be tried again give right results.
func TestNodesAreKilled(t *testing.T) {
	h, err := head.Start(t.Context(), head.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	first, err := agent.Start(context.Background(), nodeConfig("first", h.Address(), h.JoinToken()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	connect(t, mobula.Config{Address: first.Address()})
	kills := []func() error{startNodeProcess(t, h), startNodeProcess(t, h)}
	t.Cleanup(func() {
		for _, kill := range kills {
			_ = kill()
		}
	})
	r := rand.New(rand.NewPCG(*seed, 1))
	seen := map[mobula.NodeID]bool{}
	for round := 1; round <= *nodeRounds; round++ {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		slow := mobula.TryMap(slices.Collect(seq(120)), func(ctx context.Context, i int) (placed, error) {
			for range 10 {
				burn(i)
			}
			at, err := where(ctx)
			return placed{burn(i * round), at}, err
		}, retryAlways)
		large := mobula.Map(slices.Collect(seq(6)), func(i int) []float64 { burn(i); return ramp(large / 8) }, retryAlways)
		if _, _, err := mobula.Wait(ctx, slow, 10+r.IntN(60)); err != nil {
			t.Fatal(err)
		}
		i := r.IntN(len(kills))
		if err := kills[i](); err != nil {
			t.Fatal(err)
		}
		kills[i] = startNodeProcess(t, h)
		list, err := mobula.All(ctx, slow)
		total := 0
		for _, p := range list {
			total += p.value
			seen[p.node] = true
		}
		if err != nil || total != 7140*round {
			t.Errorf("round %d: the tasks gave %d, %v", round, total, err)
		}
		parts, err := mobula.All(ctx, large)
		for _, p := range parts {
			if len(p) != 1<<17 || p[len(p)-1] != 1<<17-1 {
				t.Errorf("round %d: a result of %d values", round, len(p))
			}
		}
		if err != nil {
			t.Errorf("round %d: large results: %v", round, err)
		}
		cancel()
	}
	t.Logf("tasks ran on %d nodes, of which %d were killed", len(seen), *nodeRounds)
	if len(seen) < 3 {
		t.Errorf("tasks ran on %d nodes only: the kills have shown nothing", len(seen))
	}
}

// placed is a result with the node that it was made on.
type placed struct {
	value int
	node  mobula.NodeID
}
