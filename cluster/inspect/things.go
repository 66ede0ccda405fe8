package inspect

import (
	"context"
	"slices"

	"mobula/cluster/headwire"
	"mobula/cluster/node"
	"mobula/cluster/sched"
)

// Node is a node, also one that is dead, for a day.
type Node struct{ headwire.NodeInfo }

// Identity is the node's id.
func (n Node) Identity() string { return n.ID.String() }

// Nodes lists the nodes that the head knows.
func Nodes(ctx context.Context, c headwire.Caller) (List[Node], error) {
	return rowsFromHead(ctx, c, headwire.ListNodes, func(n headwire.NodeInfo) Node { return Node{n} })
}

// Status is the cluster at a glance.
type Status struct {
	Cluster headwire.ClusterInfo `json:"cluster"`
	Nodes   []Node               `json:"nodes"`
}

// GetStatus asks for the cluster and its nodes.
func GetStatus(ctx context.Context, c headwire.Caller) (s Status, err error) {
	if s.Cluster, err = askHead(ctx, c, headwire.GetCluster); err != nil {
		return s, err
	}
	nodes, err := Nodes(ctx, c)
	s.Nodes = nodes.Rows
	return s, err
}

// Resources adds up what the nodes that are not dead have, and what of it is free.
func (s *Status) Resources() (total, free sched.Resources) {
	for _, n := range s.Nodes {
		if n.State != sched.Dead.String() {
			total, free = total.Plus(n.Total), free.Plus(n.Free)
		}
	}
	return total, free
}

// States counts the nodes by their state.
func (s *Status) States() map[string]int {
	states := map[string]int{}
	for _, n := range s.Nodes {
		states[n.State]++
	}
	return states
}

// Group is a placement group.
type Group struct{ headwire.GroupInfo }

// Identity is the group's id.
func (g Group) Identity() string { return g.ID.String() }

// Head is a head of the cluster.
type Head struct{ headwire.HeadInfo }

// Identity is the head's id.
func (h Head) Identity() string { return h.ID }

// Heads lists the heads. One that keeps its state in memory is alone, and has neither id nor address.
func Heads(ctx context.Context, c headwire.Caller) (List[Head], error) {
	return rowsFromHead(ctx, c, headwire.ListHeads, func(h headwire.HeadInfo) Head { return Head{h} })
}

// Groups lists the placement groups.
func Groups(ctx context.Context, c headwire.Caller) (List[Group], error) {
	return rowsFromHead(ctx, c, headwire.ListGroups, func(g headwire.GroupInfo) Group { return Group{g} })
}

// Actor is an actor, whether the head keeps it or its driver.
type Actor struct {
	headwire.ActorInfo
	NodeName string `json:"node_name,omitempty"`
}

// Identity is the actor's id.
func (a Actor) Identity() string { return a.ID.String() }

// The states of actors that drivers keep.
const (
	actorPending = "pending"
	actorAlive   = "alive"
)

// Actors lists the actors that the head keeps, then those that live for a driver and end with it, of which only its node knows.
func Actors(ctx context.Context, c headwire.Caller) (List[Actor], error) {
	kept, err := askHead(ctx, c, headwire.ListActors)
	if err != nil {
		return List[Actor]{}, err
	}
	told, err := fromNodes[[]node.OwnedActorInfo](ctx, c, "actors")
	if err != nil {
		return List[Actor]{}, err
	}
	l := List[Actor]{Rows: []Actor{}, Missing: told.missing}
	for _, a := range kept {
		name := ""
		if i := slices.IndexFunc(told.nodes, func(n headwire.NodeInfo) bool { return n.ID == a.Node }); i >= 0 {
			name = told.nodes[i].Name
		}
		l.Rows = append(l.Rows, Actor{a, name})
	}
	names := namesOf(told.nodes)
	for _, answer := range told.list {
		for _, a := range answer.data {
			row := Actor{headwire.ActorInfo{ID: a.ID, Job: a.Job, Class: a.Class, State: actorPending, Restarts: a.Restarts, Worker: a.Worker, Created: a.Created}, names.of(a.Worker)}
			if a.Alive {
				row.State = actorAlive
			}
			l.Rows = append(l.Rows, row)
		}
	}
	return l, nil
}

// Worker is a process that runs tasks and actors.
type Worker struct {
	Node string `json:"node"`
	node.WorkerInfo
}

// Identity is the worker's id.
func (w Worker) Identity() string { return w.Worker.String() }

// Workers lists the workers of all nodes.
func Workers(ctx context.Context, c headwire.Caller) (List[Worker], error) {
	return rowsFromNodes(ctx, c, "workers", func(name string, w node.WorkerInfo) Worker { return Worker{name, w} })
}

// Lease is what a driver, or a worker, holds of a node's resources.
type Lease struct {
	Node string `json:"node"`
	node.LeaseInfo
}

// Identity is the lease's id.
func (l Lease) Identity() string { return l.Lease.String() }

// Leases lists the leases of all nodes.
func Leases(ctx context.Context, c headwire.Caller) (List[Lease], error) {
	return rowsFromNodes(ctx, c, "leases", func(name string, l node.LeaseInfo) Lease { return Lease{name, l} })
}

// Object is a copy of an object in a node's store.
type Object struct {
	Node string `json:"node"`
	node.ObjectInfo
}

// Identity is the object's id.
func (o Object) Identity() string { return o.Object }

// Objects lists the objects in the stores of all nodes, up to 10,000 of each.
func Objects(ctx context.Context, c headwire.Caller) (List[Object], error) {
	return rowsFromNodes(ctx, c, "objects", func(name string, o node.ObjectInfo) Object { return Object{name, o} })
}

// NodeMemory is what holds memory on a node.
type NodeMemory struct {
	Node string `json:"node"`
	node.MemoryInfo
}

// Memory lists what holds memory on each node.
func Memory(ctx context.Context, c headwire.Caller) (List[NodeMemory], error) {
	told, err := fromNodes[node.MemoryInfo](ctx, c, "memory")
	if err != nil {
		return List[NodeMemory]{}, err
	}
	l := List[NodeMemory]{Rows: []NodeMemory{}, Missing: told.missing}
	for _, a := range told.list {
		l.Rows = append(l.Rows, NodeMemory{a.node, a.data})
	}
	return l, nil
}
