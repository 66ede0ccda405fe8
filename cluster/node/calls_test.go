//go:build unix

package node

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"mobula/cluster/head"
	"mobula/cluster/headclient"
	"mobula/cluster/headwire"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

// TestOutputComesBack: what a task writes on another node reaches its driver.
func TestOutputComesBack(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	joined(t, h, "b", license)
	job := id.New[id.Job]()
	f := connect(t, a.Address(), driverHello(job))
	f.request(wire.LeaseRequest{Request: 1, Job: job, Slots: 1, Class: wire.Class{Program: "test", Isolated: true, Resources: map[string]float64{"license": 1}}})
	g := expect[wire.LeaseGrant](f)
	tell(t, g.Address, "log %s text", job)
	if m := expect[wire.Log](f); m.Text != "text" || m.Worker != g.Worker {
		t.Errorf("%+v", m)
	}
	tell(t, g.Address, "print word")
	if m := expect[wire.Log](f); m.Text != "word\n" {
		t.Errorf("%+v", m)
	}
	tell(t, g.Address, "exit 3")
	if m := expect[wire.WorkerExited](f); m.Reason != "exited with status 3" || m.Leases[0] != g.Lease {
		t.Errorf("%+v", m)
	}
	if _, err := os.Stat(g.Address); err == nil {
		eventually.Holds(t, "the relay goes", func() bool { _, err := os.Stat(g.Address); return err != nil })
	}
}

// client is a connection for calls, through a node.
func clientOf(t *testing.T, n *Node) *headclient.Client {
	t.Helper()
	c, err := headclient.Connect(t.Context(), headclient.Config{Addresses: []string{"unix:" + n.Address()}, Role: wire.RoleCLI})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func asked[In, Out any](t *testing.T, c headwire.Caller, m headwire.Method[In, Out], in In) Out {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := headwire.Ask(ctx, c, m, in)
	if err != nil {
		t.Fatalf("%s: %v", string(m), err)
	}
	return out
}

func TestCallsThroughANode(t *testing.T) {
	h := startHead(t, head.Config{})
	a := joined(t, h, "a", nil)
	joined(t, h, "b", nil)
	c := clientOf(t, a)
	if nodes := asked(t, c, headwire.ListNodes, headwire.None{}); len(nodes) != 2 || nodes[0].Name != "a" {
		t.Errorf("%+v", nodes)
	}
	answers := asked(t, c, headwire.AskNodes, headwire.Query{What: "node"})
	if len(answers) != 2 {
		t.Fatalf("%+v", answers)
	}
	var info Info
	if err := json.Unmarshal(answers[1].Data, &info); err != nil || info.Name != "b" {
		t.Errorf("%+v, %v", info, err)
	}
	if _, err := headwire.Ask(t.Context(), c, headwire.HelloNode, headwire.NodeHello{}); !headwire.HasCode(err, headwire.Denied) {
		t.Error(err)
	}
	alone := startNode(t, nil)
	if nodes := asked(t, clientOf(t, alone), headwire.ListNodes, headwire.None{}); len(nodes) != 1 || nodes[0].ID != alone.ID() {
		t.Errorf("%+v", nodes)
	}
	if _, err := headwire.Ask(t.Context(), clientOf(t, alone), headwire.ListActors, headwire.None{}); !headwire.HasCode(err, headwire.Unavailable) {
		t.Error(err)
	}
}

// inHead is a client in the head's process.
func inHead(t *testing.T, h *head.Head) *headclient.Client {
	t.Helper()
	c, err := headclient.Connect(t.Context(), headclient.Config{Dial: h.Dial})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
