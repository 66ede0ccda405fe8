// Package interp is the cell engine: a notebook is one Go package, and each cell adds
// to it. A Session parses a cell, checks it with go/types against everything that the
// notebook has declared, plans how to run it (directly, or compiled and linked into the
// running session host) and keeps the declarations for the next cell.
//
// # Usage
//
// Open a Session, Run cells one after another, Close it. The other methods (Complete,
// Inspect, Variables) may be called while a cell runs.
//
// # Concurrency
//
// Run, Reset and Go exclude each other and queue. Everything else may be called at any
// time from any goroutine. The Sink is called from the session's own goroutines and must
// not call back into Run.
//
// # Testing
//
// The engine needs a Go toolchain; tests open real sessions with real hosts.
package interp

import (
	"context"

	"mobula/internal/cellio"
)

// Cell is one cell to run.
type Cell struct {
	Number int    // execution count: positions read cell[Number]:line:col
	Source string // Go; magics were taken off by the kernel (their lines left blank)
	// Quiet shows no result for the last expression.
	Quiet bool
}

// Error is what the front end shows of a failed cell.
type Error struct {
	Name      string   // compile error, panic, runtime error, interrupted, host exited...
	Value     string   // one line: the cause, with cell[3]:12:5
	Traceback []string // lines for a person, with ANSI colours
}

// Error returns "Name: Value".
func (e *Error) Error() string { return e.Name + ": " + e.Value }

// Lines is the traceback; there is always one.
func (e *Error) Lines() []string {
	if len(e.Traceback) == 0 {
		return []string{e.Error()}
	}
	return e.Traceback
}

// Sink receives what cells show, by the number of the cell that caused it (0: none).
type Sink interface {
	Stream(cell int, name, text string) // name is stdout or stderr
	Display(cell int, d cellio.Display)
	Clear(cell int, wait bool)
	// Input asks the user for a line; ctx ends with the cell or an interrupt.
	Input(ctx context.Context, cell int, prompt string, password bool) (string, error)
	// Fault reports a panic of a goroutine that a cell started; the goroutine ended, the state is kept.
	Fault(cell int, err *Error)
}

// CompletionItem is one proposal.
type CompletionItem struct {
	Text string // replaces the range
	Kind string // function, method, field, variable, constant, type, package, keyword, magic, path, module
	Type string // signature or type, one line
	Doc  string // first sentence
}

// Completion answers Complete. Start and End are byte offsets into the source.
type Completion struct {
	Start, End int
	Items      []CompletionItem
}

// Inspection answers Inspect: text/plain, text/markdown and text/html.
type Inspection struct {
	Found bool
	Data  cellio.Data
}

// Variable is a session variable.
type Variable struct {
	Name string
	Type string
	Text string // value, shortened; "" while a cell runs
	Cell int    // where it was declared last
}

// Completeness answers IsComplete.
type Completeness struct {
	Status string // complete, incomplete, invalid, unknown
	Indent string // for incomplete
}

// Mode chooses the tier.
type Mode string

// The tiers of %engine.
const (
	ModeAuto   Mode = "auto"   // directly where that is certain to be right, else compiled
	ModeNative Mode = "native" // always compiled
	ModeYaegi  Mode = "yaegi"  // interpreted by yaegi; all there is without a toolchain
)

// Engine is what the kernel needs of a Session; *Session implements it.
type Engine interface {
	// Run runs one cell; ctx's end interrupts it. nil means that it succeeded.
	Run(ctx context.Context, c Cell) *Error
	// Evaluate returns the bundle of one expression (user_expressions).
	Evaluate(ctx context.Context, expr string) (cellio.Data, *Error)
	Complete(ctx context.Context, source string, cursor int) (Completion, error)
	Inspect(ctx context.Context, source string, cursor int, detail int) (Inspection, error)
	IsComplete(source string) Completeness
	Variables(ctx context.Context) []Variable
	// Reset forgets all declarations and values and starts a fresh host.
	Reset(ctx context.Context) error
	// Go runs the go command in the session's module ("get", "mod@version"), streaming its output to the cell.
	Go(ctx context.Context, cell int, args ...string) error
	// Setenv sets an environment variable for later cells, commands and builds; Unsetenv removes it.
	Setenv(ctx context.Context, name, value string) error
	Unsetenv(ctx context.Context, name string) error
	// Chdir changes the working directory of later cells.
	Chdir(ctx context.Context, dir string) error
	Dir() string
	// Environ is the environment that commands of cells get.
	Environ() []string
	Mode() Mode
	SetMode(ctx context.Context, m Mode) error
	// Describe tells about the engine: tier, toolchain, host, why it fell back.
	Describe() string
	// Ready starts the host and waits for it; Run does so by itself.
	Ready(ctx context.Context) error
	Close() error
}
