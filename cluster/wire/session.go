package wire

// Roles of the clients of a node, in frame.Hello.Role.
const (
	RoleDriver = "driver"
	RoleWorker = "worker"
	RoleCLI    = "cli"
	RoleNode   = "node" // what the node answers
)

// Keys of frame.Hello.Values.
const (
	ValueJob        = "job"        // driver: its job's id; output of the job goes there
	ValueProgram    = "program"    // driver: digest of the program that its workers run; Class.Program names it
	ValuePath       = "path"       // driver: the program's executable
	ValueArgs       = "args"       // driver: JSON of its arguments, []string, without the path
	ValueEnv        = "env"        // driver: JSON of variables that it sees beside the node's own, []string of NAME=value
	ValueSubmission = "submission" // driver: the id of the submitted job whose process it is
	ValueWorker     = "worker"     // worker: its id
	ValueParts      = "parts"      // worker: how many parts of its program's code it has
	ValueNode       = "node"       // node: its id
	ValueStore      = "store"      // node: the address of its object store's socket; missing where it has none
)

// Environment variables by which a node tells a worker process what it is.
const (
	EnvNode   = "MOBULA_NODE"   // the node's socket; the worker's own socket belongs into the same directory
	EnvWorker = "MOBULA_WORKER" // the worker's id
	EnvClass  = "MOBULA_CLASS"  // JSON of its Class; for a worker that many share, without resources
)

// Environment variables by which a program finds its cluster, and the process of a submitted job knows what it is.
const (
	EnvAddress = "MOBULA_ADDRESS"     // of the node's socket
	EnvJob     = "MOBULA_JOB_ID"      // of the submitted job
	EnvAttempt = "MOBULA_JOB_ATTEMPT" // 1 is the first
)
