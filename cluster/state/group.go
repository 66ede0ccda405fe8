package state

import (
	"slices"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// GroupState is where a placement group is in its life.
type GroupState int

// The states of placement groups.
const (
	GroupPending GroupState = iota // some bundle has no node
	GroupCreated
	GroupRemoved
)

var groupStates = [...]string{"pending", "created", "removed"}

// String returns the state's name.
func (s GroupState) String() string {
	if s < 0 || int(s) >= len(groupStates) {
		return "unknown"
	}
	return groupStates[s]
}

// Bundle is a part of a placement group, which lies on one node.
type Bundle struct {
	Resources sched.Resources `json:"resources"`
	Selector  sched.Selector  `json:"selector,omitempty"`
	Node      id.Node         `json:"node,omitzero"` // zero while it has none
}

// Group is a placement group.
type Group struct {
	ID         id.PlacementGroup   `json:"id"`
	Name       string              `json:"name,omitzero"`
	Namespace  string              `json:"namespace,omitzero"`
	Job        id.Job              `json:"job"`
	Detached   bool                `json:"detached,omitzero"` // it outlives its job
	Strategy   sched.GroupStrategy `json:"strategy"`
	Bundles    []Bundle            `json:"bundles"`
	State      GroupState          `json:"state"`
	Generation uint64              `json:"generation"` // grows when bundles are placed or lost
	Order      uint64              `json:"order"`      // index of the command that created it
	Created    int64               `json:"created"`
	Placed     int64               `json:"placed,omitzero"`
	Ended      int64               `json:"ended,omitzero"`
}

// GroupCreate adds a placement group, for which nodes are then sought. Sent again for the same group, it changes nothing. Its
// value is the *Group.
type GroupCreate struct {
	ID        id.PlacementGroup   `json:"id"`
	Name      string              `json:"name,omitzero"`
	Namespace string              `json:"namespace,omitzero"` // if empty, the job's
	Job       id.Job              `json:"job"`
	Detached  bool                `json:"detached,omitzero"`
	Strategy  sched.GroupStrategy `json:"strategy"`
	Bundles   []Bundle            `json:"bundles"` // without nodes
	Time      int64               `json:"time"`
}

func (*GroupCreate) kind() Kind { return kindGroupCreate }

func (c *GroupCreate) apply(t *tx) (any, error) {
	if was, ok := t.groups.get(c.ID.ID); ok {
		return was, nil
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	j, err := t.liveJob(c.Job, "create a placement group")
	if err != nil {
		return nil, err
	}
	g := &Group{
		ID: c.ID, Name: c.Name, Namespace: c.Namespace, Job: c.Job, Detached: c.Detached,
		Strategy: c.Strategy, Bundles: c.Bundles, Generation: 1, Order: t.index, Created: c.Time,
	}
	if g.Namespace == "" {
		g.Namespace = j.Namespace
	}
	if g.Name != "" {
		key := name{g.Namespace, g.Name}
		if other, taken := t.groupNames.get(key); taken {
			return nil, &GroupAlreadyExists{g.Namespace, g.Name, other}
		}
		t.groupNames = t.groupNames.set(key, g.ID)
	}
	t.setGroup(g, "")
	t.event(g.wanted())
	return g, nil
}

func (c *GroupCreate) validate() error {
	switch {
	case c.ID.IsZero():
		return &Invalid{"id", "the group's id"}
	case c.Strategy.String() == "unknown":
		return &Invalid{"strategy", "Pack, SpreadOut, PackStrictly or SpreadStrictly"}
	case len(c.Bundles) == 0:
		return &Invalid{"bundles", "at least one"}
	}
	for _, b := range c.Bundles {
		switch err := b.Resources.Validate(); {
		case err != nil:
			return &Invalid{"bundles", "valid: " + err.Error()}
		case b.Resources.IsZero():
			return &Invalid{"bundles", "more than nothing each"}
		case !b.Node.IsZero():
			return &Invalid{"bundles", "without nodes: they are found later"}
		}
	}
	return nil
}

// BundleNode says where a bundle lies.
type BundleNode struct {
	Bundle int     `json:"bundle"`
	Node   id.Node `json:"node"`
	Epoch  uint64  `json:"epoch"` // of the node
}

// GroupPlace gives all bundles that have no node one. It is Stale if anything happened to the group since it was decided.
type GroupPlace struct {
	ID         id.PlacementGroup `json:"id"`
	Generation uint64            `json:"generation"`
	Bundles    []BundleNode      `json:"bundles"`
	Time       int64             `json:"time"`
}

func (*GroupPlace) kind() Kind { return kindGroupPlace }

func (c *GroupPlace) apply(t *tx) (any, error) {
	was, err := t.liveGroup(c.ID, "be placed")
	if err != nil {
		return nil, err
	}
	if was.Generation != c.Generation {
		return nil, &Stale{"placement group " + c.ID.Short(), c.Generation, was.Generation}
	}
	g := *was
	g.Bundles = slices.Clone(was.Bundles)
	for _, p := range c.Bundles {
		n, err := t.liveNode(p.Node, p.Epoch, "take a bundle")
		switch {
		case err != nil:
			return nil, err
		case n.State != sched.Alive:
			return nil, &WrongState{n.title(), n.State.String(), "take a bundle"}
		case p.Bundle < 0 || p.Bundle >= len(g.Bundles) || !g.Bundles[p.Bundle].Node.IsZero():
			return nil, &Invalid{"bundle", "the index of one without a node"}
		}
		g.Bundles[p.Bundle].Node = p.Node
	}
	if len(g.missing()) > 0 {
		return nil, &Invalid{"bundles", "all that have no node: a group is placed as a whole"}
	}
	g.State, g.Placed = GroupCreated, c.Time
	g.Generation++
	t.setGroup(&g, "")
	return nil, nil
}

// GroupRemove removes a placement group. What runs in it must be stopped. For a group that is removed already it does nothing.
type GroupRemove struct {
	ID   id.PlacementGroup `json:"id"`
	Time int64             `json:"time"`
}

func (*GroupRemove) kind() Kind { return kindGroupRemove }

func (c *GroupRemove) apply(t *tx) (any, error) {
	g, ok := t.groups.get(c.ID.ID)
	if !ok {
		return nil, &NotFound{"placement group", c.ID.String()}
	}
	if g.State != GroupRemoved {
		t.removeGroup(g, "removed by its user", c.Time)
	}
	return nil, nil
}

func (t *tx) liveGroup(i id.PlacementGroup, op string) (*Group, error) {
	g, ok := t.groups.get(i.ID)
	switch {
	case !ok:
		return nil, &NotFound{"placement group", i.String()}
	case g.State == GroupRemoved:
		return nil, &WrongState{"placement group " + i.Short(), "removed", op}
	}
	return g, nil
}

func (t *tx) setGroup(g *Group, reason string) {
	t.groups = t.groups.set(g.ID.ID, g)
	t.event(Event{Kind: GroupChanged, Group: g.ID, Job: g.Job, Epoch: g.Generation, State: g.State.String(), Reason: reason})
}

// missing are the bundles without a node.
func (g *Group) missing() (indexes []int) {
	for i, b := range g.Bundles {
		if b.Node.IsZero() {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// wanted is the work that a pending group makes.
func (g *Group) wanted() Event {
	return Event{Kind: PlaceGroup, Group: g.ID, Job: g.Job, Epoch: g.Generation}
}

func (t *tx) removeGroup(was *Group, reason string, time int64) {
	g := *was
	g.State, g.Ended = GroupRemoved, time
	g.Generation++
	g.Bundles = slices.Clone(was.Bundles)
	var released []id.Node
	for i := range g.Bundles {
		if n := g.Bundles[i].Node; !n.IsZero() && !slices.Contains(released, n) {
			released = append(released, n)
			t.event(Event{Kind: ReleaseGroup, Group: g.ID, Node: n, Epoch: was.Generation})
		}
		g.Bundles[i].Node = id.Node{}
	}
	if g.Name != "" {
		t.groupNames = t.groupNames.remove(name{g.Namespace, g.Name})
	}
	t.setGroup(&g, reason)
}

// loseBundles takes a dead node's bundles out of a group, for which other nodes are then sought.
func (t *tx) loseBundles(was *Group, n *Node) {
	g := *was
	g.State = GroupPending
	g.Generation++
	g.Bundles = slices.Clone(was.Bundles)
	for i := range g.Bundles {
		if g.Bundles[i].Node == n.ID {
			g.Bundles[i].Node = id.Node{}
		}
	}
	t.setGroup(&g, n.title()+" died")
	t.event(g.wanted())
}
