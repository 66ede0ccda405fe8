package headwire

import (
	"encoding/json"

	"mobula/cluster/sched"
	"mobula/internal/id"
)

// NodeHello registers a node with its head: when it starts, and each time that it connects again.
type NodeHello struct {
	ID      id.Node           `json:"id"`
	Name    string            `json:"name"`
	Address string            `json:"address,omitempty"` // for other nodes; empty where it takes none
	Labels  map[string]string `json:"labels,omitempty"`
	Total   sched.Resources   `json:"total"`
	Devices []string          `json:"devices,omitempty"`
	Version string            `json:"version,omitempty"`
	PID     int               `json:"pid,omitzero"`
	Prefix  string            `json:"prefix,omitempty"` // of the ids of its workers and leases, in hex
	Actors  []ActorLife       `json:"actors,omitempty"` // that run here
	Jobs    []JobLife         `json:"jobs,omitempty"`   // submitted ones whose end was not told
}

// ActorLife is one life of an actor.
type ActorLife struct {
	ID    id.Actor `json:"id"`
	Epoch uint64   `json:"epoch"`
}

// NodeWelcome tells a node what it is to the cluster. Actors, submitted jobs and bundles that are not listed it must end.
type NodeWelcome struct {
	Cluster   string      `json:"cluster"`
	Epoch     uint64      `json:"epoch"`
	Heartbeat int64       `json:"heartbeat"` // ms between two heartbeats
	Lease     int64       `json:"lease"`     // as in HeartbeatReply
	Actors    []ActorLife `json:"actors,omitempty"`
	Bundles   []Bundles   `json:"bundles,omitempty"`
	Jobs      []JobKeep   `json:"jobs,omitempty"`
}

// Status is what is free on a node.
type Status struct {
	Pool    sched.Pool     `json:"pool"`
	Tasks   int            `json:"tasks"`
	Waiting int            `json:"waiting"` // slots that are wanted and not given
	Workers int            `json:"workers"`
	Bundles []BundleStatus `json:"bundles,omitempty"`
	Seen    []uint64       `json:"seen,omitempty"` // assignments that this takes into account, since the last status
}

// BundleStatus is what is free in a bundle.
type BundleStatus struct {
	Group id.PlacementGroup `json:"group"`
	Index int               `json:"index"`
	Pool  sched.Pool        `json:"pool"`
}

// HeartbeatReply extends a node's lease, counted from when it sent the heartbeat.
type HeartbeatReply struct {
	Lease int64 `json:"lease"` // ms for which its registered actors may run without another one
}

// Demand is what a client of a node waits for and the node has not placed. A later one of the same number replaces it.
type Demand struct {
	Number    uint64          `json:"number"`
	Job       id.Job          `json:"job,omitzero"`
	Slots     int             `json:"slots"` // 0: nothing any more
	Depth     int             `json:"depth,omitzero"`
	Resources sched.Resources `json:"resources"`
	Selector  sched.Selector  `json:"selector,omitempty"`
	Strategy  sched.Strategy  `json:"strategy,omitzero"`
}

// Assignment says where slots of a demand can be had. The node asks that node, or itself, for leases.
type Assignment struct {
	ID      uint64            `json:"id"`
	Demand  uint64            `json:"demand"`
	Node    id.Node           `json:"node"`
	Name    string            `json:"name"`
	Address string            `json:"address,omitempty"`
	Slots   int               `json:"slots"`
	Group   id.PlacementGroup `json:"group,omitzero"`
	Bundle  int               `json:"bundle,omitzero"`
}

// Verdict says why a demand waits, or that it can never be placed.
type Verdict struct {
	Demand     uint64 `json:"demand"`
	Reason     string `json:"reason"`
	Infeasible bool   `json:"infeasible,omitzero"`
}

// Bundles are the bundles of a group on one node.
type Bundles struct {
	Group id.PlacementGroup `json:"group"`
	List  []BundlePart      `json:"list,omitempty"`
}

// BundlePart is a bundle by its index.
type BundlePart struct {
	Index     int             `json:"index"`
	Resources sched.Resources `json:"resources"`
}

// NodeRef names a node.
type NodeRef struct {
	Node   id.Node `json:"node"`
	Reason string  `json:"reason,omitempty"`
}

// NodeInfo is a node in lists.
type NodeInfo struct {
	NodeHello
	State   string          `json:"state"`
	Reason  string          `json:"reason,omitempty"`
	Epoch   uint64          `json:"epoch"`
	Joined  int64           `json:"joined"` // ms since 1970
	Free    sched.Resources `json:"free"`
	Waiting int             `json:"waiting"`
	Workers int             `json:"workers"`
}

// Query asks nodes for something to list: what wire.Query.What does.
type Query struct {
	What string  `json:"what"`
	Node id.Node `json:"node,omitzero"` // zero: all that are alive
}

// Answer is a node's answer.
type Answer struct {
	Node  id.Node         `json:"node"`
	Name  string          `json:"name"`
	Data  json.RawMessage `json:"data,omitempty"`
	Error string          `json:"error,omitempty"`
}

// ClusterInfo is what is known of a cluster.
type ClusterInfo struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	Created int64  `json:"created"` // ms since 1970
	Version string `json:"version,omitempty"`
	Address string `json:"address,omitempty"`
	// Dashboard is its URL, without a code; "" where there is none.
	Dashboard string `json:"dashboard,omitempty"`
	Dir       string `json:"dir,omitempty"`
	PID       int    `json:"pid"`
	Index     uint64 `json:"index"` // of the last command
	Now       int64  `json:"now"`   // the time there, ms since 1970
	Nodes     int    `json:"nodes"` // alive
	// Demand is what waits in all of the cluster, and why.
	Demand []WaitingDemand `json:"demand,omitempty"`
}

// WaitingDemand is a demand that waits.
type WaitingDemand struct {
	Node      string          `json:"node"`
	Job       id.Job          `json:"job,omitzero"`
	Resources sched.Resources `json:"resources"`
	Slots     int             `json:"slots"`
	Reason    string          `json:"reason"`
}
