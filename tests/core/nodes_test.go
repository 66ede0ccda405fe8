package core

import (
	"context"
	"fmt"
	"testing"
	"time"

	"mobula"
	"mobula/cluster/head"
	agent "mobula/cluster/node"
	"mobula/cluster/sched"
	"mobula/objstore/store"
)

// startNodes starts a head and nodes of one CPU each, in this process, and returns the nodes. Their workers are processes.
func startNodes(t *testing.T, n int) []*agent.Node {
	t.Helper()
	h, err := head.Start(context.Background(), head.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	token := h.JoinToken()
	var nodes []*agent.Node
	for i := range n {
		c := agent.Config{
			Starter: agent.Processes{}, Name: fmt.Sprint("node", i+1), Labels: map[string]string{"number": fmt.Sprint(i + 1)},
			Resources: sched.Resources{CPU: sched.One, Memory: 1 << 30}, Store: store.Config{Capacity: 256 << 20},
			Head: &agent.HeadConfig{Addresses: []string{h.Address()}, Token: &token, Listen: "127.0.0.1:0"},
		}
		started, err := agent.Start(context.Background(), c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := started.Close(); err != nil {
				t.Error(err)
			}
		})
		nodes = append(nodes, started)
	}
	return nodes
}

func TestThreeNodes(t *testing.T) {
	onThreeNodes(t)
	runAll(t)
	t.Run("objects and actors of other nodes", otherNodes)
}

// onThreeNodes connects the test to a cluster of three nodes.
func onThreeNodes(t *testing.T) {
	t.Helper()
	nodes := startNodes(t, 3)
	connect(t, mobula.Config{Address: nodes[0].Address()})
	await(t, "three nodes", func() string {
		list, err := mobula.Nodes(t.Context())
		if err != nil || len(list) != 3 {
			return fmt.Sprint(len(list), err)
		}
		return ""
	})
}

// otherNodes sends large values and handles of actors from node to node.
func otherNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	on := func(i int) mobula.Option { return mobula.Label("number", fmt.Sprint(i)) }
	mine := mobula.Put(ramp(large))
	second := mobula.Go(func() []float64 { v := mine.Value(); v[0] = 2; return v }, on(2))
	third := mobula.Try(func(ctx context.Context) ([]float64, error) {
		v, err := second.Get(ctx)
		if err == nil {
			v[1] = 3 + v[0]
		}
		return v, err
	}, on(3))
	v, err := third.Get(ctx)
	if err != nil || len(v) != large || v[0] != 2 || v[1] != 5 || v[large-1] != large-1 {
		t.Errorf("%d values, %v", len(v), err)
	}
	a := mobula.NewActor(func() *counter { return &counter{} }, on(2))
	refs := []mobula.Ref[int]{}
	for i := 1; i <= 3; i++ {
		refs = append(refs, mobula.Go(func() int { return mobula.Call(a, increment).Value() }, on(i)))
	}
	list, err := mobula.All(ctx, refs)
	if n, second := mobula.Call(a, increment).Get(ctx); err != nil || second != nil || n != 4 || sum(list...) != 6 {
		t.Errorf("%v, %d, %v, %v", list, n, err, second)
	}
	start := time.Now()
	spread, err := mobula.All(ctx, mobula.TryMap([]int{1, 2, 3, 4, 5, 6}, func(ctx context.Context, _ int) (mobula.NodeID, error) {
		time.Sleep(50 * time.Millisecond) // longer than a lease takes on another node
		return where(ctx)
	}))
	seen := map[mobula.NodeID]bool{}
	for _, n := range spread {
		seen[n] = true
	}
	if err != nil || len(seen) < 2 {
		t.Errorf("tasks ran on %d nodes, %v, after %v", len(seen), err, time.Since(start))
	}
}
