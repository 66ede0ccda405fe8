package headwire

import "mobula/cluster/sched"

// DashboardLink opens the dashboard of a cluster once.
type DashboardLink struct {
	Address string `json:"address"` // its URL, without the code: http://127.0.0.1:8265/
	Code    string `json:"code"`    // for ?code= : valid once
	Seconds int    `json:"seconds"` // and for so long
}

// URL is the address with the code.
func (l DashboardLink) URL() string { return l.Address + "?code=" + l.Code }

// String names the link without its code, so that none is logged.
func (l DashboardLink) String() string { return l.Address }

// TokenHash is the Hash of a token.
type TokenHash struct {
	Hash string `json:"hash"`
}

// HeadFigures are what a head has counted since its start, and what it knows now.
type HeadFigures struct {
	Cluster     string          `json:"cluster"` // its id
	Version     string          `json:"version,omitempty"`
	Started     int64           `json:"started"` // ms since 1970
	Index       uint64          `json:"index"`   // of the last command
	Proposed    uint64          `json:"proposed"`
	Connections int             `json:"connections"`
	Nodes       map[string]int  `json:"nodes"` // by state, as the others
	Jobs        map[string]int  `json:"jobs"`
	Actors      map[string]int  `json:"actors"`
	Groups      map[string]int  `json:"groups"`
	Total       sched.Resources `json:"total"`   // of the nodes that live
	Free        sched.Resources `json:"free"`    // CPU is below 0 while tasks that waited run again
	Workers     int             `json:"workers"` // on all nodes
	Waiting     int             `json:"waiting"` // slots that nodes want and do not have
	// Demands are requests that nodes could not place themselves, and Slots is what they want.
	Demands  int     `json:"demands"`
	Slots    int     `json:"slots"`
	Assigned uint64  `json:"assigned"` // slots that the head has found a node for
	Refused  uint64  `json:"refused"`  // requests that no node can ever hold
	Passes   uint64  `json:"passes"`   // decisions about all that waits
	Seconds  float64 `json:"seconds"`  // that they took
}
