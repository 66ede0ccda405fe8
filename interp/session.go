package interp

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unicode/utf8"

	"mobula/internal/cellio"
	"mobula/interp/complete"
	"mobula/interp/hostproc"
	"mobula/interp/toolchain"
)

// Options configures a Session. The zero value is a session in the current directory
// that shows nothing.
type Options struct {
	Dir  string   // working directory of cells; "" is the process's
	Env  []string // environment of cells; nil is the process's
	Sink Sink     // nil discards
	Mode Mode     // "" is ModeAuto
	// MemoryLimit is how many bytes the cells may hold before they are ended; 0: nearly all that the machine has.
	MemoryLimit int64
	// ClusterCommands run what a notebook's cluster is made of.
	ClusterCommands ClusterCommands
}

// Session is the engine of a notebook whose cells are compiled; it implements Engine.
type Session struct {
	sink    Sink
	memory  int64  // Options.MemoryLimit
	module  string // the session's own module, once it needs one; removed by Close
	queue   chan struct{}
	life    context.Context // ends with Close
	closing context.CancelFunc
	bg      sync.WaitGroup

	clusters clusters

	// Guarded by queue: whoever holds its token may change these.
	fset       *token.FileSet
	aliases    *aliases
	env        declarations
	imports    map[string]string // package name -> path, as later cells see them
	versions   map[string]int
	registered map[string]bool // symbols that the host can call directly
	loaded     map[string]bool // packages that the host has
	units      int
	cells      int
	temps      int // numbers of cells that the user does not see
	importer   types.Importer
	base       *base        // of env; nil where it must be made again
	revive     declarations // kept from a host that has ended: the next unit brings them
	c          cState
	comms      *hostComms // of the last host, nil before the first

	mu       sync.Mutex // guards the rest; never held while waiting
	dir      string
	environ  []string
	mode     Mode
	state    hostState
	snapshot *view               // for completion, while a cell runs
	sources  map[string][]string // lines by file name, of cells that have run
	captures map[int]cellio.Data // results of hidden cells

	viewImports  sync.Mutex // guards what follows
	viewImporter types.Importer
	viewPackages *toolchain.Packages
	docs         *complete.Docs
}

// hostState is the session host and what is known of its toolchain.
type hostState struct {
	proc     *hostproc.Process
	tc       toolchain.Toolchain
	host     toolchain.Host
	packages *toolchain.Packages
}

// openSession starts a session. The host starts in the background; the first cell waits for it.
func openSession(ctx context.Context, o Options) (*Session, error) {
	if o.Sink == nil {
		o.Sink = discardSink{}
	}
	if o.Env == nil {
		o.Env = os.Environ()
	}
	if o.Mode == "" {
		o.Mode = ModeAuto
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open session in %q: %w", o.Dir, err)
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{sink: o.Sink, memory: o.MemoryLimit, queue: make(chan struct{}, 1), life: life, closing: cancel, dir: dir, environ: o.Env, mode: o.Mode, captures: map[int]cellio.Data{}, sources: map[string][]string{}}
	s.clusters.commands = o.ClusterCommands
	s.forget()
	s.bg.Go(func() {
		// The first cell reports what went wrong, with its position in the notebook.
		_ = s.Ready(life)
	})
	return s, nil
}

// forget drops all declarations.
func (s *Session) forget() {
	s.fset = token.NewFileSet()
	s.aliases = newAliases()
	s.env = declarations{}
	s.imports = map[string]string{}
	s.versions = map[string]int{}
	s.registered = map[string]bool{}
	s.loaded = map[string]bool{}
	s.importer = nil
	s.revive = nil
	s.c.close()
	s.base = nil
}

// lock waits for the right to change declarations and to use the host.
func (s *Session) lock(ctx context.Context) error {
	select {
	case s.queue <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *Session) unlock() { <-s.queue }

// Run runs one cell.
func (s *Session) Run(ctx context.Context, c Cell) *Error {
	if err := s.lock(ctx); err != nil {
		return interrupted(c)
	}
	defer s.unlock()
	return s.run(ctx, c)
}

func interrupted(c Cell) *Error {
	return &Error{Name: nameInterrupted, Value: fmt.Sprintf("cell[%d] was interrupted", c.Number), Traceback: []string{fmt.Sprintf("cell[%d] was interrupted", c.Number)}}
}

// run checks, plans and executes a cell; the queue's token is held.
func (s *Session) run(ctx context.Context, c Cell) *Error {
	if err := s.ready(ctx, c.Number); err != nil {
		if ctx.Err() != nil {
			return interrupted(c)
		}
		return &Error{Name: nameBuild, Value: err.Error(), Traceback: []string{err.Error()}}
	}
	s.cells++
	s.keepSource(c)
	p, perr := parseCell(s.fset, c, s.cells)
	if perr != nil {
		return perr
	}
	if len(p.file.Decls) == 0 {
		return nil
	}
	if perr := s.translateC(ctx, p); perr != nil {
		if ctx.Err() != nil {
			return interrupted(c)
		}
		return perr
	}
	plan, perr := s.plan(ctx, p)
	if perr != nil {
		if ctx.Err() != nil {
			return interrupted(c)
		}
		return perr
	}
	return s.execute(ctx, plan)
}

// keepSource keeps a cell's lines for error messages, unless it is huge.
func (s *Session) keepSource(c Cell) {
	if len(c.Source) > 1<<20 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[cellFile(c.Number)] = strings.Split(c.Source, "\n")
}

// sourceLine returns a line of a cell without its indentation, "" where it is not known.
func (s *Session) sourceLine(file string, line int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := s.sources[file]
	if line < 1 || line > len(lines) {
		return ""
	}
	text := strings.TrimSpace(lines[line-1])
	if len(text) > 200 || !utf8.ValidString(text) {
		return ""
	}
	return text
}

// Close ends the host and removes everything temporary.
func (s *Session) Close() error {
	s.closing()
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	if proc != nil {
		_ = proc.Close() // it may be dead already
	}
	err := s.clusters.closeAll()
	s.bg.Wait()
	s.c.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.module == "" {
		return err
	}
	return errors.Join(err, os.RemoveAll(s.module))
}
