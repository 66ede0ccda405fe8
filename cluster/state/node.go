package state

import (
	"slices"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// Node is a machine of the cluster.
type Node struct {
	ID      id.Node           `json:"id"`
	Name    string            `json:"name,omitzero"`
	Address string            `json:"address,omitzero"`
	Labels  map[string]string `json:"labels,omitempty"`
	Total   sched.Resources   `json:"total"`
	Devices []string          `json:"devices,omitempty"` // ids of the GPUs
	State   sched.NodeState   `json:"state"`
	Reason  string            `json:"reason,omitzero"`
	Epoch   uint64            `json:"epoch"` // index of the command by which it joined, or joined again after it was dead
	Joined  int64             `json:"joined"`
	Changed int64             `json:"changed"`        // when State did
	Lease   int64             `json:"lease,omitzero"` // until then the node may run its actors without hearing from a head
}

func (n *Node) live() bool { return n.State != sched.Dead }

func (n *Node) title() string {
	if n.Name != "" {
		return n.Name
	}
	return "node " + n.ID.Short()
}

// NodeJoin adds a node, or is said again by one that lost its connection. Its value is the *Node. A node that the cluster takes for
// dead gets a new epoch: it must end all that it runs.
type NodeJoin struct {
	ID      id.Node           `json:"id"`
	Name    string            `json:"name,omitzero"`
	Address string            `json:"address,omitzero"`
	Labels  map[string]string `json:"labels,omitempty"`
	Total   sched.Resources   `json:"total"`
	Devices []string          `json:"devices,omitempty"`
	Lease   int64             `json:"lease,omitzero"`
	Time    int64             `json:"time"`
}

func (*NodeJoin) kind() Kind { return kindNodeJoin }

func (c *NodeJoin) apply(t *tx) (any, error) {
	if c.ID.IsZero() {
		return nil, &Invalid{"id", "the node's id"}
	}
	if err := c.Total.Validate(); err != nil {
		return nil, &Invalid{"total", "what a node can have: " + err.Error()}
	}
	n := Node{ID: c.ID, Epoch: t.index, Joined: c.Time, Changed: c.Time}
	if was, ok := t.nodes.get(c.ID.ID); ok && was.live() {
		n = *was
	}
	n.Name, n.Address, n.Labels, n.Total, n.Devices = c.Name, c.Address, c.Labels, c.Total, c.Devices
	n.Lease = max(n.Lease, c.Lease)
	if n.State == sched.Suspect {
		n.State, n.Reason, n.Changed = sched.Alive, "", c.Time
	}
	t.setNode(&n)
	return &n, nil
}

// NodeUpdate changes what a node has and is called.
type NodeUpdate struct {
	ID      id.Node           `json:"id"`
	Epoch   uint64            `json:"epoch"`
	Labels  map[string]string `json:"labels,omitempty"`
	Total   sched.Resources   `json:"total"`
	Devices []string          `json:"devices,omitempty"`
}

func (*NodeUpdate) kind() Kind { return kindNodeUpdate }

func (c *NodeUpdate) apply(t *tx) (any, error) {
	was, err := t.liveNode(c.ID, c.Epoch, "change")
	if err != nil {
		return nil, err
	}
	if err := c.Total.Validate(); err != nil {
		return nil, &Invalid{"total", "what a node can have: " + err.Error()}
	}
	n := *was
	n.Labels, n.Total, n.Devices = c.Labels, c.Total, c.Devices
	t.setNode(&n)
	return nil, nil
}

// NodeLease lets a node run its actors until a time, whether it hears from a head or not.
type NodeLease struct {
	ID    id.Node `json:"id"`
	Epoch uint64  `json:"epoch"`
	Until int64   `json:"until"`
}

func (*NodeLease) kind() Kind { return kindNodeLease }

func (c *NodeLease) apply(t *tx) (any, error) {
	was, err := t.liveNode(c.ID, c.Epoch, "extend its lease")
	if err != nil {
		return nil, err
	}
	n := *was
	n.Lease = max(n.Lease, c.Until)
	t.nodes = t.nodes.set(n.ID.ID, &n)
	return nil, nil
}

// NodeState says that a node is alive, suspect, draining or dead. What a dead one had is lost: its actors restart elsewhere or
// die, and its bundles are placed anew.
type NodeState struct {
	ID     id.Node         `json:"id"`
	Epoch  uint64          `json:"epoch"`
	State  sched.NodeState `json:"state"`
	Reason string          `json:"reason,omitzero"`
	Time   int64           `json:"time"`
}

func (*NodeState) kind() Kind { return kindNodeState }

func (c *NodeState) apply(t *tx) (any, error) {
	was, err := t.liveNode(c.ID, c.Epoch, "become "+c.State.String())
	if err != nil {
		return nil, err
	}
	switch {
	case c.State < sched.Alive || c.State > sched.Dead:
		return nil, &Invalid{"state", "alive, suspect, draining or dead"}
	case c.State == was.State:
		return nil, nil
	case was.State == sched.Draining && c.State == sched.Suspect:
		return nil, &WrongState{was.title(), "draining", "become suspect: it stays draining until it is dead"}
	}
	n := *was
	n.State, n.Reason, n.Changed = c.State, c.Reason, c.Time
	t.setNode(&n)
	if c.State == sched.Dead {
		t.loseNode(&n, c.Time)
	}
	return nil, nil
}

// liveNode returns a node that is not dead, in its present epoch.
func (t *tx) liveNode(i id.Node, epoch uint64, op string) (*Node, error) {
	n, ok := t.nodes.get(i.ID)
	switch {
	case !ok:
		return nil, &NotFound{"node", i.String()}
	case n.Epoch != epoch:
		return nil, &Stale{n.title(), epoch, n.Epoch}
	case !n.live():
		return nil, &WrongState{n.title(), "dead", op}
	}
	return n, nil
}

func (t *tx) setNode(n *Node) {
	t.nodes = t.nodes.set(n.ID.ID, n)
	t.event(Event{Kind: NodeChanged, Node: n.ID, Epoch: n.Epoch, State: n.State.String(), Reason: n.Reason})
}

// loseNode deals with what a dead node had.
func (t *tx) loseNode(n *Node, time int64) {
	notBefore := n.Lease
	if t.meta != nil {
		notBefore += t.meta.Margin
	}
	cause := Cause{NodeDied, n.title() + " died: " + n.Reason}
	for a := range t.actors.values() {
		if a.Node == n.ID && a.State == ActorAlive {
			t.endLife(a, cause, true, notBefore, time)
		}
	}
	t.loseSubmissions(n, notBefore, time)
	for g := range t.groups.values() {
		if g.State != GroupRemoved && slices.ContainsFunc(g.Bundles, func(b Bundle) bool { return b.Node == n.ID }) {
			t.loseBundles(g, n)
		}
	}
}
