package wire

// Between two nodes: one asks for leases on the other, as a client does. KindLeaseGrant, KindLeaseRefused, KindLeasePending, KindLeaseReclaim,
// KindLeaseReturn and KindWorkerExited mean what they do between client and node; KindLog is a PassedLog.
const (
	KindAsk     byte = iota + 72 // asking node
	KindProgram                  // asking node: what its workers are to run, before the first Ask with it
)

// Ask is a LeaseRequest, with the decisions of the head that it follows.
type Ask struct {
	LeaseRequest
	Assignments []uint64 `json:",omitempty"`
}

// Program is what a driver registers in its handshake.
type Program struct {
	Digest string
	Path   string
	Args   []string `json:",omitempty"`
	Env    []string `json:",omitempty"`
}

// Keys of frame.Hello.Values of drivers, for the head.
const (
	ValueName      = "name"      // of the job, for people
	ValueNamespace = "namespace" // of its named actors and placement groups; without one the job has its own
)
