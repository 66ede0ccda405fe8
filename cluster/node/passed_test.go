//go:build unix

package node

import (
	"testing"

	"mobula/cluster/head"
	"mobula/cluster/sched"
	"mobula/cluster/wire"
	"mobula/internal/eventually"
	"mobula/internal/id"
)

// TestOutputDoesNotGoRound: two nodes each have the other one for the driver of a job, as where a detached actor's tasks went both ways after
// its maker had gone. What is passed on comes to a node once.
func TestOutputDoesNotGoRound(t *testing.T) {
	h := startHead(t, head.Config{})
	having := func(resource string) func(*Config) {
		return func(c *Config) { c.Resources.Custom = map[string]sched.Amount{resource: sched.One} }
	}
	a, b := joined(t, h, "a", having("left")), joined(t, h, "b", having("right"))
	for _, use := range []struct {
		n        *Node
		resource string
	}{{a, "right"}, {b, "left"}} { // so that each is a client of the other
		s := words("node")
		s.Class.Resources = map[string]float64{use.resource: 1}
		if _, err := result(t, realDriver(t, use.n, id.New[id.Job]()).Submit(s)); err != nil {
			t.Fatal(err)
		}
	}
	job, other := id.New[id.Job](), id.New[id.Job]()
	f := connect(t, b.Address(), driverHello(other))
	eventually.Holds(t, "its driver is known", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.drivers[other] != 0 })
	for _, n := range []*Node{a, b} {
		n.mu.Lock()
		for _, c := range n.sortedClients() {
			if c.role == rolePeer {
				n.drivers[job] = c.id
			}
		}
		n.mu.Unlock()
	}
	a.mu.Lock()
	a.drivers[other] = a.drivers[job]
	a.mu.Unlock()
	say := func(of id.Job, text string) { a.forwardLog(&wire.PassedLog{Log: wire.Log{Job: of, Text: text}}) }
	heard := func(want string) {
		t.Helper()
		if m := expect[wire.Log](f); m.Text != want {
			t.Errorf("%q, want %q", m.Text, want)
		}
	}
	say(job, "round")
	say(other, "first")
	heard("first") // so the other one has come, too
	b.mu.Lock()
	b.drivers[job] = b.drivers[other]
	b.mu.Unlock()
	for _, text := range []string{"second", "third"} { // what still goes round comes before the third
		say(other, text)
		heard(text)
	}
}
