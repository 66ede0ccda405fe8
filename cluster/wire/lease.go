package wire

import (
	"encoding/json"
	"fmt"

	"mobula/internal/id"
)

// Class is what tasks must have in common to run in one worker under one kind of lease.
type Class struct {
	Program     string             `json:",omitempty"` // what the worker runs: the digest of a registered program
	Environment string             `json:",omitempty"` // digest of the session variables that the tasks see
	Isolated    bool               `json:",omitempty"` // a process of its own
	Resources   map[string]float64 `json:",omitempty"` // cpu, gpu, memory in bytes, custom ones; empty: nothing
	Selector    []string           `json:",omitempty"` // label conditions
	Strategy    string             `json:",omitempty"` // empty, "spread", or the JSON of a sched.Strategy
}

// Attach says which lease a connection from a driver to a worker serves.
type Attach struct {
	Lease id.Lease
	Job   id.Job
	Slots int
	CPUs  float64 `json:",omitempty"` // of all slots
	// Devices are those of the grant.
	Devices []string `json:",omitempty"`
}

// LeaseRequest asks for slots. A later request of the same number, of the same class, changes how many are wanted; each
// grant is counted off. A slot that was returned or lost with its worker is not given again by itself.
type LeaseRequest struct {
	Request uint64
	Job     id.Job
	Class   Class
	Slots   int // how many more tasks than the client was granted slots for could run now; 0 withdraws
	Depth   int // of nesting: a task's own tasks go first, or it would wait for ever
}

// LeaseGrant is a right to run so many tasks at a time on a worker.
type LeaseGrant struct {
	Request uint64
	Lease   id.Lease
	Worker  id.Worker
	PID     int
	Address string // of the worker's socket
	Slots   int
	Devices []string `json:",omitempty"`
}

// LeaseRefused says that a request can never be granted, and why.
type LeaseRefused struct {
	Request uint64
	Reason  string
	// Infeasible: no node has what is asked for. Else the worker could not be started.
	Infeasible bool
}

// LeasePending says why a request waits.
type LeasePending struct {
	Request uint64
	Reason  string
}

// LeaseID is the message of LeaseReclaim, LeaseWanted, LeaseReturn, SlotBlocked and SlotResumed.
type LeaseID struct{ Lease id.Lease }

// WorkerReady says where a worker accepts connections.
type WorkerReady struct {
	Worker  id.Worker
	Address string
}

// WorkerExited says how a worker ended that a client has leases on.
type WorkerExited struct {
	Worker id.Worker
	Leases []id.Lease
	Reason string
	// OutOfMemory: it was stopped because memory ran out.
	OutOfMemory bool
	// Culprits are the tasks that were named by what the runtime printed; empty where it is unknown.
	Culprits []id.Task
	Output   string // the end of what it wrote to stderr
}

// Log is text that a task wrote.
type Log struct {
	Job    id.Job
	Task   id.Task
	Name   string
	Worker id.Worker
	PID    int
	Cell   int    `json:",omitempty"` // of a notebook; 0: none
	Stream string // stdout or stderr
	Text   string
}

// PassedLog is a Log on its way between nodes.
type PassedLog struct {
	Log
	Via []id.Node `json:",omitempty"` // the nodes that have passed it on: it comes to none of them again
}

// Query asks a node for something to list.
type Query struct {
	Request uint64
	What    string
}

// Answer is the reply to a Query.
type Answer struct {
	Request uint64
	Error   string          `json:",omitempty"`
	Data    json.RawMessage `json:",omitempty"`
}

// JSON encodes a message that is not sent often. It returns a function for frame.Conn.Send.
func JSON(m any) func([]byte) []byte {
	data, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("wire: %T cannot be encoded: %v", m, err)) // a bug: the messages are all of this package
	}
	return func(b []byte) []byte { return append(b, data...) }
}

// ParseJSON decodes what JSON has encoded.
func ParseJSON[M any](body []byte) (M, error) {
	var m M
	if err := json.Unmarshal(body, &m); err != nil {
		return m, fmt.Errorf("a damaged %T message: %w", m, err)
	}
	return m, nil
}
