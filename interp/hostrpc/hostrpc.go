// Package hostrpc is the conversation between a kernel and its session host: typed
// frames, gob-encoded, over one unix stream socket that the host inherits as
// file descriptor 3.
//
// Both ends come from the same source tree (the kernel builds the host), so the
// frames carry no version; Hello carries a digest of the source to prove it.
//
// # Concurrency
//
// Conn.Send may be called from any goroutine; Conn.Receive from one.
//
// # Testing
//
// New works on any io.ReadWriteCloser, so net.Pipe stands for the socket.
package hostrpc

import (
	"encoding/gob"
	"fmt"
	"io"
	"sync"

	"mobula/internal/cellio"
	"mobula/interp/direct"
)

// EnvComms names the environment variable that tells a host that its kernel carries comms.
const EnvComms = "MOBULA_COMMS"

// Request is a frame from the kernel to the host. Exactly one pointer is set.
// Load, Run, Eval, Values and Cluster are executed one after another in the order sent; Interrupt,
// InputReply, Address and Comm take effect at once.
type Request struct {
	ID         uint64 // echoed in the Reply; 0 where none is wanted
	Load       *Load
	Run        *Run
	Eval       *Eval
	Values     *Values
	Source     *Source
	Interrupt  *Interrupt
	InputReply *InputReply
	Reset      *Reset
	SetEnv     *SetEnv
	Cluster    *Cluster
	Address    *Address
	Comm       *cellio.CommEvent // the Reply comes once the session's handler has returned
	// CancelTasks and CancelView are not queued behind the cell that runs.
	CancelTasks *CancelTasks
	CancelView  *CancelView
}

// ProgressPrefix begins the display id of the progress of a cell's tasks; the number of the cell follows.
const ProgressPrefix = "mobula-tasks-"

// CancelTasks cancels the tasks that a cell has submitted.
type CancelTasks struct{ Cell int }

// CancelView does what the button of a progress widget says. The Reply has a Fault where there is nothing to cancel.
type CancelView struct{ ID string }

// CellNumber returns the cell that a request belongs to, 0 if none.
func (r *Request) CellNumber() int {
	switch {
	case r.Load != nil:
		return r.Load.Cell
	case r.Run != nil:
		return r.Run.Cell
	case r.Eval != nil:
		return r.Eval.Cell
	case r.Source != nil:
		return r.Source.Cell
	case r.Comm != nil:
		return r.Comm.Cell
	}
	return 0
}

// Load links one compiled notebook package (a unit) into the host.
type Load struct {
	Cell      int        // the cell that caused it: package initialisers print under it
	Archive   string     // path of the compiled archive; "" loads only Packages
	Define    []string   // link names (main.f, main.(*T).M) that this unit defines or redefines
	Redirect  []Pair     // the entry of function Old jumps to New from now on
	Packages  []Package  // packages the unit needs that may be missing from the host, dependencies first
	Libraries []string   // C shared libraries to open first (cgo cells)
	Functions []Function // of the cell, for errors about what they capture and assign
	Register  string     // link name of a generated func() that fills the symbol registry; "" for none
}

// Function is a function or func literal of a cell.
type Function struct {
	File     string
	Line     int
	Captures []Mention // of a literal: its variables in the order in which the compiler lists them, where they are mentioned first
	Assigns  []Mention // session variables that it assigns to itself
}

// Mention is a variable at a place of the function's cell.
type Mention struct {
	Name      string
	Line, Col int
}

// Pair names two link symbols.
type Pair struct{ Old, New string }

// Package is a compiled package.
type Package struct {
	Path    string // import path
	Archive string // file
}

// Run calls a func() of the notebook package on a goroutine of its own, labelled with the cell.
type Run struct {
	Cell int
	Func string   // link name, e.g. main.cell_7
	Also []string // called first, in order (initialisers)
	// Migrate moves the values of redeclared types before anything is called.
	Migrate []Migration
}

// Migration moves the value of one session variable to its successor, which has
// a redeclared type.
type Migration struct {
	Name     string // the name the user knows
	Old, New string // registry names of the variables
	// Types maps registry names of old types to their successors.
	Types []Pair
}

// Eval executes statements without the compiler, over the registered symbols.
type Eval struct {
	Cell    int
	Program direct.Program
}

// Source gives the statements of a cell to an interpreting host (no toolchain).
type Source struct {
	Cell int
	Name string // file name for positions, e.g. cell[3]
	Text string
}

// Values asks for the printed values of session variables; only sent while no cell runs.
type Values struct {
	Names []string // registry names
	Limit int      // bytes per value
}

// Interrupt stops what runs: with Comms the handlers of comm messages, else with Cell 0 everything, or that cell's goroutines.
type Interrupt struct {
	Cell  int
	Comms bool
}

// InputReply answers an InputRequest event.
type InputReply struct {
	Token uint64
	Text  string
	Err   string
}

// Reset ends the goroutines of all cells and forgets registered symbols.
type Reset struct{}

// SetEnv sets environment variables and the working directory of the host.
type SetEnv struct {
	Set   map[string]string
	Unset []string
	Dir   string // "" leaves it
}

// Cluster joins a cluster for the tasks of cells, or leaves the one that was joined.
type Cluster struct {
	Address string // of a node's socket; "" leaves
	Node    string // the node's id: a host that has joined through it stays as it is
}

// Address answers an AddressRequest event.
type Address struct {
	Token   uint64
	Address string
	Err     string
}

// AddressRequest asks which cluster the tasks of cells go to; the kernel starts one where there is none.
type AddressRequest struct {
	Cell   int
	Token  uint64
	Config []byte // JSON of a mobula.Config, for a cluster that is started
}

// Event is a frame from the host to the kernel. Exactly one pointer is set.
type Event struct {
	Hello   *Hello
	Reply   *Reply
	Output  *Output
	Display *Display
	Clear   *Clear
	Input   *InputRequest
	Fault   *Fault
	Exiting *Exiting
	Address *AddressRequest
	Comm    *cellio.CommEvent
}

// Hello is the first frame of a host.
type Hello struct {
	PID       int
	Digest    string // of the source that the host was built from
	GoVersion string
	Err       string // the loader refuses this toolchain: why
	Packages  []string
}

// Reply ends a Request. All output that the request caused on its own goroutine was sent before it.
type Reply struct {
	ID     uint64
	Fault  *Fault
	Values []Value
	// Interrupted is set where a Run or Eval ended because of an Interrupt.
	Interrupted bool
	// Abandoned is set where the cell waits in foreign code and was left behind.
	Abandoned bool
	// Elapsed nanoseconds.
	Elapsed int64
	// Dropped lists values that Migrate could not move: name and reason.
	Dropped []Value
}

// Value is a printed variable.
type Value struct{ Name, Type, Text string }

// Output is text that a cell wrote. Chunks of one stream are in order and coalesced.
type Output struct {
	Cell   int
	Stream string // stdout or stderr
	Text   []byte // may end inside a UTF-8 sequence; the next chunk goes on
}

// Display is rich output of a cell.
type Display struct {
	Cell    int
	Display cellio.Display
}

// Clear clears the output of a cell.
type Clear struct {
	Cell int
	Wait bool
}

// InputRequest asks the user for a line.
type InputRequest struct {
	Cell     int
	Token    uint64
	Prompt   string
	Password bool
}

// NotDirect is the Name of the Fault of an Eval that names what the host does not have;
// nothing of it has run, and it may be compiled instead.
const NotDirect = "direct"

// Fault is a panic, a failed load or another error in user code, as data.
type Fault struct {
	Cell      int
	Goroutine bool   // in a goroutine that the cell started, which has ended; the state is kept
	Handler   bool   // in a handler of a comm message; the comm stays open
	Name      string // panic, runtime error, link error, interrupt...
	Message   string
	Frames    []Frame // innermost first; user frames and, marked, others
}

// Frame is one stack frame.
type Frame struct {
	Func string // as the user wrote it
	File string // cell[3], or a path
	Line int
	User bool // of a cell or of a user's module, not of the runtime or std
}

// Exiting says that the host ends on purpose (os.Exit in a cell).
type Exiting struct {
	Cell   int
	Code   int
	Reason string
	Frames []Frame
}

// Conn is one end of the conversation. S is what it sends, R what it receives.
type Conn[S, R any] struct {
	rw  io.ReadWriteCloser
	mu  sync.Mutex // guards enc
	enc *gob.Encoder
	dec *gob.Decoder
}

// KernelConn is the kernel's end.
type KernelConn = Conn[Request, Event]

// HostConn is the host's end.
type HostConn = Conn[Event, Request]

// New returns an end over rw, which it owns.
func New[S, R any](rw io.ReadWriteCloser) *Conn[S, R] {
	return &Conn[S, R]{rw: rw, enc: gob.NewEncoder(rw), dec: gob.NewDecoder(rw)}
}

// Send writes one frame.
func (c *Conn[S, R]) Send(s *S) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.enc.Encode(s); err != nil {
		return fmt.Errorf("send to the other end of the session: %w", err)
	}
	return nil
}

// Receive reads one frame; io.EOF where the other end has gone.
func (c *Conn[S, R]) Receive() (*R, error) {
	r := new(R)
	if err := c.dec.Decode(r); err != nil {
		return nil, err
	}
	return r, nil
}

// Close closes the connection.
func (c *Conn[S, R]) Close() error { return c.rw.Close() }
