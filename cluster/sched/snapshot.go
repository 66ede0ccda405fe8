package sched

import "mobula/internal/id"

// NodeState is what is known of a node.
type NodeState int

// The states of nodes.
const (
	Alive    NodeState = iota
	Suspect            // not heard from of late: it may be back
	Draining           // finishes what it has
	Dead
)

var nodeStates = [...]string{"alive", "suspect", "draining", "dead"}

// String returns the state's name.
func (s NodeState) String() string {
	if s < 0 || int(s) >= len(nodeStates) {
		return "unknown"
	}
	return nodeStates[s]
}

// Node is a node as the scheduler sees it.
type Node struct {
	ID     id.Node
	Name   string // for people
	Labels map[string]string
	State  NodeState
	Pool   Pool
	Tasks  int // that run there, for Spread
}

// NodeType is a kind of node that an autoscaler may add.
type NodeType struct {
	Name      string
	Resources Resources
	Labels    map[string]string
	Room      int // how many more it may add
}

// Bundle is a part of a placement group that lies on one node.
type Bundle struct {
	Resources Resources
	Selector  Selector
	Node      id.Node // zero while it is not placed, or lost
	Pool      Pool    // where it is placed: what its tasks may take
}

// Group is a placement group.
type Group struct {
	ID       id.PlacementGroup
	Name     string // for people
	Strategy GroupStrategy
	Bundles  []Bundle
	Passes   int   // how often Decide left it waiting
	Since    int64 // when it was asked for, in the unit of Snapshot.Now
}

// Patience says when a request that others pass gets a node kept for it. A zero field sets no bound.
type Patience struct {
	Passes int
	Age    int64 // in the unit of Snapshot.Now
}

// over reports whether one that waited so often and so long has waited enough.
func (p Patience) over(passes int, age int64) bool {
	return p.Passes > 0 && passes >= p.Passes || p.Age > 0 && age >= p.Age
}

// Snapshot is all that a decision depends on.
type Snapshot struct {
	Nodes     []Node  // in order of joining
	Groups    []Group // in order of creation; those that were removed are not here
	NodeTypes []NodeType
	Now       int64 // in a unit that the caller chooses
	Patience  Patience
	Last      id.Job // whose turn the last pass ended with
}

// Stored is how many bytes of a request's arguments a node holds.
type Stored struct {
	Node  id.Node
	Bytes int64
}

// LargeArguments is the size in bytes from which a request follows its arguments.
const LargeArguments = 1 << 20

// Request asks for resources of one node.
type Request struct {
	ID        id.Lease
	Job       id.Job
	Resources Resources
	Selector  Selector
	Fallbacks []Selector // tried in order where no node under Selector has room
	Strategy  Strategy
	Local     id.Node  // the submitter's
	Locality  []Stored // where its arguments are
	Passes    int      // how often Decide left it waiting
	Since     int64    // when it was queued, in the unit of Snapshot.Now
}

// Placement is a request that runs on a node.
type Placement struct {
	Request id.Lease
	Node    id.Node
	Devices []Share
	Group   id.PlacementGroup // if in a bundle
	Bundle  int
}

// Waiting is a request or a placement group that runs later.
type Waiting struct {
	Request id.Lease          // or
	Group   id.PlacementGroup // of which one is zero
	Reason  string            // for its user
	Kept    []id.Node         // what is kept for it
}

// BundlePlacement is a bundle that was placed.
type BundlePlacement struct {
	Bundle  int
	Node    id.Node
	Devices []Share
}

// GroupPlacement says where the bundles of a group go that had no node.
type GroupPlacement struct {
	Group   id.PlacementGroup
	Bundles []BundlePlacement
}

// Decisions is what Decide decided. Every group with a bundle to place and every request is in it once.
type Decisions struct {
	Groups     []GroupPlacement
	Placed     []Placement // in order of turns
	Waiting    []Waiting   // groups, then requests in order of the queue
	Infeasible []*Infeasible
	Last       id.Job // for the next Snapshot
}
