package autoscale

import (
	"context"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// Group is a kind of node of which there may be several.
type Group struct {
	Name      string            `json:"name"`
	Min       int               `json:"min"`
	Max       int               `json:"max"`
	Resources sched.Resources   `json:"resources"` // of one node
	Labels    map[string]string `json:"labels,omitempty"`
}

// State is a group with what is known of starts of its nodes.
type State struct {
	Group
	Failure  string // why the last one failed, "" where it did not
	NotAgain int64  // no node is started before that time
}

// Node is a node of the cluster.
type Node struct {
	sched.Node
	Group     string // "": nobody here started it, nor stops it
	Holds     string // what others need of it beside what its pool shows, in words; "": nothing
	IdleSince int64
}

// Snapshot is all that a decision depends on.
type Snapshot struct {
	Groups      []State
	Nodes       []Node          // those that are not dead, in order of joining
	Starting    map[string]int  // by group: nodes that have not joined yet
	Bundles     []sched.Group   // placement groups, in order of creation
	Queue       []sched.Request // all that waits
	Now         int64           // in a unit that the caller chooses
	IdleTimeout int64           // in the same
}

// Start is nodes to be started.
type Start struct {
	Group  string
	Count  int
	Reason string
}

// End is a node to be drained, or to be stopped.
type End struct {
	Node   id.Node
	Reason string
}

// Decisions is what Decide decided.
type Decisions struct {
	Start      []Start
	Drain      []End
	Stop       []End // they are drained, and idle
	Infeasible []*sched.Infeasible
}

// Instance is what a provider started for a group.
type Instance struct {
	Name  string
	Group string
	Node  id.Node // zero until it has joined
	Ended error   // it has ended, or never came to be; told once
}

// Provider starts and stops nodes. Its methods may be called from any goroutine.
type Provider interface {
	// Start begins to start a node of a group, and returns at once. List tells what became of it.
	Start(ctx context.Context, g Group) error
	// Stop ends a node in order, and waits for that.
	Stop(ctx context.Context, node id.Node) error
	// List tells what was started and has not ended, and once what has.
	List(ctx context.Context) ([]Instance, error)
}
