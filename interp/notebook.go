package interp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mobula/internal/cellio"
	"mobula/interp/overlay"
	"mobula/interp/toolchain"
)

// Notebook is the engine of one notebook: a Session, or, where no toolchain can serve one or
// the user asks for it, the interpreter. It implements Engine.
type Notebook struct {
	session *Session
	options Options
	life    context.Context

	mu          sync.Mutex // guards below
	interpreted Engine     // nil until it is needed
	use         bool       // cells go to the interpreter
	forced      bool       // because there is no other way
}

var _ Engine = (*Notebook)(nil)

// Open starts the engine of a notebook. The session host starts in the background; the first
// cell waits for it.
func Open(ctx context.Context, o Options) (*Notebook, error) {
	if o.Sink == nil {
		o.Sink = discardSink{}
	}
	s, err := openSession(ctx, o)
	if err != nil {
		return nil, err
	}
	n := &Notebook{session: s, options: o, life: context.WithoutCancel(ctx)}
	if o.Mode == ModeYaegi {
		return n, n.SetMode(ctx, ModeYaegi)
	}
	return n, nil
}

// engine returns what cells go to now.
func (n *Notebook) engine() Engine {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.use {
		return n.interpreted
	}
	return n.session
}

// Ready starts the host and waits for it; without a usable toolchain the notebook turns to
// the interpreter.
func (n *Notebook) Ready(ctx context.Context) error { return n.ready(ctx, 0) }

func (n *Notebook) ready(ctx context.Context, cell int) error {
	if e := n.engine(); e != Engine(n.session) {
		return e.Ready(ctx)
	}
	err := n.session.readyFor(ctx, cell)
	if !noCompiler(err) {
		return err
	}
	n.options.Sink.Stream(cell, "stderr", fmt.Sprintf("No compiled cells: %v.\nThis notebook is interpreted by yaegi, which knows less of Go and is slow.\n", err))
	return n.interpret(err.Error(), true)
}

// noCompiler tells errors that make compiled cells impossible on this machine.
func noCompiler(err error) bool {
	if err == nil {
		return false
	}
	_, refused := errors.AsType[errNoNative](err)
	return refused || errors.Is(err, toolchain.ErrNotFound) || errors.Is(err, overlay.ErrUnknownToolchain) || errors.Is(err, errors.ErrUnsupported)
}

// interpret sends cells to the interpreter from now on.
func (n *Notebook) interpret(why string, forced bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.interpreted == nil {
		o := n.options
		o.Dir, o.Env = n.session.Dir(), n.session.Environ()
		e, err := OpenInterpreted(n.life, o, why)
		if err != nil {
			return fmt.Errorf("start the interpreter: %w", err)
		}
		n.interpreted = e
	}
	n.use, n.forced = true, forced
	return nil
}

// Run runs one cell.
func (n *Notebook) Run(ctx context.Context, c Cell) *Error {
	if err := n.ready(ctx, c.Number); err != nil {
		if ctx.Err() != nil {
			return interrupted(c)
		}
		return buildError(c, err)
	}
	return n.engine().Run(ctx, c)
}

// Evaluate returns the bundle of one expression.
func (n *Notebook) Evaluate(ctx context.Context, expr string) (cellio.Data, *Error) {
	if err := n.ready(ctx, 0); err != nil {
		return nil, buildError(Cell{}, err)
	}
	return n.engine().Evaluate(ctx, expr)
}

// Complete proposes what may stand at the cursor, a byte offset.
func (n *Notebook) Complete(ctx context.Context, source string, cursor int) (Completion, error) {
	return n.engine().Complete(ctx, source, cursor)
}

// Inspect tells about what stands at the cursor, a byte offset.
func (n *Notebook) Inspect(ctx context.Context, source string, cursor, detail int) (Inspection, error) {
	return n.engine().Inspect(ctx, source, cursor, detail)
}

// IsComplete tells whether a cell is ready to run.
func (n *Notebook) IsComplete(source string) Completeness { return n.engine().IsComplete(source) }

// Variables lists the session's variables.
func (n *Notebook) Variables(ctx context.Context) []Variable { return n.engine().Variables(ctx) }

// Reset forgets everything and starts a fresh host.
func (n *Notebook) Reset(ctx context.Context) error { return n.engine().Reset(ctx) }

// Go runs the go command in the session's module.
func (n *Notebook) Go(ctx context.Context, cell int, args ...string) error {
	return n.engine().Go(ctx, cell, args...)
}

// each applies a change of environment to both engines.
func (n *Notebook) each(f func(Engine) error) error {
	n.mu.Lock()
	other := n.interpreted
	n.mu.Unlock()
	err := f(n.session)
	if other != nil {
		err = errors.Join(err, f(other))
	}
	return err
}

// Setenv sets an environment variable of the session.
func (n *Notebook) Setenv(ctx context.Context, name, value string) error {
	return n.each(func(e Engine) error { return e.Setenv(ctx, name, value) })
}

// Unsetenv removes an environment variable of the session.
func (n *Notebook) Unsetenv(ctx context.Context, name string) error {
	return n.each(func(e Engine) error { return e.Unsetenv(ctx, name) })
}

// Chdir changes the working directory of later cells.
func (n *Notebook) Chdir(ctx context.Context, dir string) error {
	return n.each(func(e Engine) error { return e.Chdir(ctx, dir) })
}

// Dir is the working directory of cells.
func (n *Notebook) Dir() string { return n.engine().Dir() }

// Environ is the environment of cells.
func (n *Notebook) Environ() []string { return n.engine().Environ() }

// Mode is the tier in force.
func (n *Notebook) Mode() Mode { return n.engine().Mode() }

// SetMode chooses the tier of later cells. The interpreter keeps variables of its own.
func (n *Notebook) SetMode(ctx context.Context, m Mode) error {
	if m == ModeYaegi {
		return n.interpret("%engine yaegi was asked for", false)
	}
	n.mu.Lock()
	forced := n.forced
	n.mu.Unlock()
	if forced {
		return n.engine().SetMode(ctx, m) // tells what is missing
	}
	if err := n.session.SetMode(ctx, m); err != nil {
		return err
	}
	n.mu.Lock()
	n.use = false
	n.mu.Unlock()
	return nil
}

// Describe tells about the engine.
func (n *Notebook) Describe() string { return n.engine().Describe() }

// Close ends the hosts and removes everything temporary.
func (n *Notebook) Close() error { return n.each(func(e Engine) error { return e.Close() }) }
