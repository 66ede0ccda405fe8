// Package objstore is the vocabulary of a node's shared-memory object store: identifiers, labels, states,
// reports, errors, and the layout of an object in memory. It does no I/O.
//
// The node's process runs a store.Store; drivers and workers are clients of it (package client). Objects are
// written once, sealed, and immutable from then on. Package transfer copies them between nodes.
//
// # Usage
//
//	node:   s, err := store.Open(store.Config{Capacity: 8 << 30, SpillDir: dir})
//	        s.Serve(ctx, conn) // one connection per client process; its end is the client's death
//	client: c := client.New(conn, client.Options{OnPressure: runtime.GC})
//	        err := c.Put(ctx, id, head, buffers, client.Meta{Owner: objstore.Owner{Job: "j1", Cell: 3}})
//	        object, err := c.Get(ctx, id)
//
// # Concurrency
//
// Everything here is a value or a pure function.
//
// # Testing
//
// The packages below are tested one by one: index against a simple model, view under the collector, store and client
// with processes that are killed.
package objstore

import (
	"fmt"

	"mobula/internal/id"
)

// ID names an object for ever: two objects with one ID have the same content.
type ID = id.Object

// Owner is the label under which memory is reported and counted.
type Owner struct {
	Job  string
	Cell int    // 0: not made by a cell
	Type string // of the value, as Go writes it
}

// String is the label as people read it.
func (o Owner) String() string {
	job, kind := o.Job, o.Type
	if job == "" {
		job = "no job"
	}
	if kind == "" {
		kind = "unknown type"
	}
	if o.Cell == 0 {
		return fmt.Sprintf("%s, %s", job, kind)
	}
	return fmt.Sprintf("%s, cell %d, %s", job, o.Cell, kind)
}

// State says where an object is.
type State uint8

// The states of an object.
const (
	Absent    State = iota // referred to or waited for, not here
	Writing                // its creator fills it
	Sealed                 // in memory
	Spilled                // on disk only
	Restoring              // on the way from disk to memory
	Lost                   // was here; evicted, or its bytes cannot be read
)

var stateNames = [...]string{"absent", "writing", "sealed", "spilled", "restoring", "lost"}

// String is the state in one word.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Info is what is known about one object.
type Info struct {
	ID     ID
	Owner  Owner
	Size   int64 // bytes, with its header
	State  State
	Inline bool // in the node's heap, not in a segment
	Refs   int  // of all holders
	Pins   int  // readers' mappings in use
	OnDisk bool
	// Creator is the number of the client that made it, 0 for the node.
	Creator uint64
}

// Stats are the figures of a store. Sizes are in bytes.
type Stats struct {
	Capacity     int64
	Used         int64 // memory held: segments, warm ones too, and inline objects
	Busy         int64 // Used without the warm free segments
	Reserved     int64 // leased to writers and not yet sealed
	Objects      [Lost + 1]int
	Bytes        [Lost + 1]int64
	Segments     int
	FreeSegments int
	Pinned       int64 // bytes of objects with pins
	Waiting      int   // requests for memory in the queue
	Clients      int
	SpilledBytes int64 // on disk
	SpillFiles   int
	SpilledTotal int64 // written to disk since the start
	Restored     int64 // read back since the start
	Evicted      int64 // dropped because copies or lineage exist elsewhere, since the start
}
