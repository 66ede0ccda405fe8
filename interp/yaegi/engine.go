package yaegi

import (
	"context"
	"errors"
	"fmt"
	"go/types"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"mobula/internal/cellio"
	"mobula/interp/complete"
	"mobula/interp/hostrpc"
)

// Options configures an Engine.
type Options struct {
	Dir  string   // working directory of cells; "" is the process's
	Env  []string // environment of cells; nil is the process's
	Sink Sink
	// Command makes the command that runs Main; nil is this executable with `host --interpreted`.
	Command func() (*exec.Cmd, error)
	// Why tells, for Describe, why cells are interpreted.
	Why string
}

// Engine runs cells by interpretation.
type Engine struct {
	sink    Sink
	command func() (*exec.Cmd, error)
	why     string
	turn    chan struct{} // holds a token while something runs
	cell    atomic.Int64  // that runs

	// Guarded by turn's token.
	evaluated cellio.Data
	asking    sync.WaitGroup

	mu   sync.Mutex // guards the rest; never held while waiting for the child
	book *notebook
	proc *process
	dir  string
	env  []string
	done context.CancelFunc
	life context.Context
}

// Open returns an Engine; its child starts with the first cell or with Ready.
func Open(ctx context.Context, o Options) (*Engine, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open session in %q: %w", o.Dir, err)
	}
	e := &Engine{sink: o.Sink, command: o.Command, why: o.Why, turn: make(chan struct{}, 1), dir: dir, env: o.Env}
	if e.command == nil {
		e.command = self
	}
	if e.env == nil {
		e.env = os.Environ()
	}
	if e.sink == nil {
		return nil, errors.New("open session: a Sink is needed")
	}
	e.life, e.done = context.WithCancel(context.WithoutCancel(ctx))
	e.book = newNotebook(newImporter(symbols()))
	return e, nil
}

func self() (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to run it as interpreter: %w", err)
	}
	return exec.Command(exe, "host", "--interpreted"), nil
}

func (e *Engine) lock(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *Engine) unlock() { <-e.turn }

// child returns the running child, starting one if there is none; turn is held.
func (e *Engine) child() (*process, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.proc != nil {
		select {
		case <-e.proc.gone:
			e.forget()
		default:
			return e.proc, nil
		}
	}
	cmd, err := e.command()
	if err != nil {
		return nil, err
	}
	cmd.Dir, cmd.Env = e.dir, append(slices.Clone(cmd.Env), e.env...)
	e.proc, err = start(cmd, e.event)
	return e.proc, err
}

// forget drops the declarations along with the child; mu is held.
func (e *Engine) forget() {
	e.proc = nil
	e.book = newNotebook(e.book.importer)
}

// event shows what a cell shows.
func (e *Engine) event(ev *hostrpc.Event) {
	switch {
	case ev.Output != nil:
		e.sink.Stream(ev.Output.Cell, ev.Output.Stream, string(ev.Output.Text))
	case ev.Display != nil && ev.Display.Display.ID == evaluateID:
		e.evaluated = ev.Display.Display.Data
	case ev.Display != nil:
		e.sink.Display(ev.Display.Cell, ev.Display.Display)
	case ev.Clear != nil:
		e.sink.Clear(ev.Clear.Cell, ev.Clear.Wait)
	case ev.Input != nil:
		e.mu.Lock()
		p := e.proc
		e.mu.Unlock()
		e.asking.Go(func() { e.ask(p, ev.Input) })
	}
}

func (e *Engine) ask(p *process, in *hostrpc.InputRequest) {
	reply := &hostrpc.InputReply{Token: in.Token}
	text, err := e.sink.Input(e.life, in.Cell, in.Prompt, in.Password)
	if reply.Text = text; err != nil {
		reply.Err = err.Error()
	}
	if p != nil {
		_ = p.conn.Send(&hostrpc.Request{InputReply: reply}) // a child that is gone needs no answer
	}
}

// Run runs one cell.
func (e *Engine) Run(ctx context.Context, c Cell) *Error {
	if err := e.lock(ctx); err != nil {
		return interrupted(c.Number, "before it ran")
	}
	defer e.unlock()
	show := "Show"
	if c.Quiet {
		show = ""
	}
	return e.run(ctx, c, show)
}

func (e *Engine) run(ctx context.Context, c Cell, show string) *Error {
	e.cell.Store(int64(c.Number))
	defer e.cell.Store(0)
	p, err := e.child()
	if err != nil {
		return &Error{Name: "interpreter error", Value: err.Error(), Traceback: []string{err.Error()}}
	}
	e.mu.Lock()
	book := e.book
	checked := book.check(c.Number, c.Source)
	var pieces []string
	if len(checked.problems) == 0 {
		pieces = book.lower(checked, show)
	}
	e.mu.Unlock()
	if len(checked.problems) > 0 {
		return compileError(checked.problems)
	}
	for _, text := range pieces {
		reply, err := p.call(ctx, &hostrpc.Request{Source: &hostrpc.Source{Cell: c.Number, Name: checked.name(), Text: text}})
		switch {
		case errors.Is(err, errKilled):
			return interrupted(c.Number, err.Error())
		case err != nil:
			return &Error{Name: "host exited", Value: fmt.Sprintf("%s: %v", checked.name(), err), Traceback: []string{err.Error()}}
		case reply.Interrupted:
			e.commit(book, checked)
			return interrupted(c.Number, "the variables are kept")
		case reply.Fault != nil:
			// Statements before the fault took effect, and their variables with them.
			if reply.Fault.Name != "interpreter error" {
				e.commit(book, checked)
			}
			return faultError(reply.Fault)
		}
	}
	e.commit(book, checked)
	return nil
}

func (e *Engine) commit(n *notebook, c *checked) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n.commit(c)
}

func interrupted(cell int, what string) *Error {
	v := fmt.Sprintf("cell[%d] was interrupted: %s", cell, what)
	return &Error{Name: "interrupted", Value: v, Traceback: []string{v}}
}

// compileError tells all problems of a cell.
func compileError(ps []problem) *Error {
	slices.SortStableFunc(ps, func(a, b problem) int {
		if a.pos.Line != b.pos.Line {
			return a.pos.Line - b.pos.Line
		}
		return a.pos.Column - b.pos.Column
	})
	e := &Error{Name: "compile error"}
	for _, p := range ps {
		line := fmt.Sprintf("%s: %s", p.pos, p.msg)
		if !slices.Contains(e.Traceback, line) {
			e.Traceback = append(e.Traceback, line)
		}
	}
	e.Value = e.Traceback[0]
	if n := len(e.Traceback) - 1; n > 0 {
		e.Value += fmt.Sprintf(" (and %d more)", n)
	}
	e.Traceback[0] = "\x1b[31m" + e.Name + "\x1b[0m: " + e.Traceback[0]
	return e
}

// faultError tells what happened while a cell ran.
func faultError(f *hostrpc.Fault) *Error {
	e := &Error{Name: f.Name, Value: f.Message}
	if f.Name == "interpreter error" {
		e.Value += advice
	}
	if len(f.Frames) > 0 {
		e.Value += fmt.Sprintf(" at %s:%d", f.Frames[0].File, f.Frames[0].Line)
	}
	e.Traceback = append(e.Traceback, "\x1b[31m"+f.Name+"\x1b[0m: "+e.Value)
	for _, fr := range f.Frames {
		e.Traceback = append(e.Traceback, fmt.Sprintf("    %s  %s:%d", fr.Func, fr.File, fr.Line))
	}
	return e
}

// Evaluate returns the bundle of an expression.
func (e *Engine) Evaluate(ctx context.Context, expr string) (cellio.Data, *Error) {
	if err := e.lock(ctx); err != nil {
		return nil, interrupted(0, "before it ran")
	}
	defer e.unlock()
	e.evaluated = nil
	if err := e.run(ctx, Cell{Source: expr}, "Evaluate"); err != nil {
		return nil, err
	}
	if e.evaluated == nil {
		return nil, &Error{Name: "compile error", Value: expr + " has no value", Traceback: []string{expr + " has no value"}}
	}
	return e.evaluated, nil
}

// snapshot is what completion works on.
func (e *Engine) snapshot() *complete.Snapshot {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.book
	text := maps.Clone(n.text)
	return &complete.Snapshot{
		Package: n.pkg, Imports: maps.Clone(n.imports), Importer: n.importer, Std: n.std, Dir: e.dir, Source: func(o types.Object) string { return text[o.Name()] },
	}
}

// Complete proposes what may stand at cursor.
func (e *Engine) Complete(source string, cursor int) complete.Completion {
	return complete.Complete(e.snapshot(), source, cursor)
}

// Inspect describes the name at cursor.
func (e *Engine) Inspect(source string, cursor, detail int) complete.Inspection {
	return complete.Inspect(e.snapshot(), source, cursor, detail)
}

// Variables lists the session's variables; their values only while no cell runs.
func (e *Engine) Variables(ctx context.Context) []Variable {
	vars := e.variables()
	select {
	case e.turn <- struct{}{}:
		defer e.unlock()
	default:
		return vars
	}
	e.mu.Lock()
	p := e.proc
	e.mu.Unlock()
	if p == nil || len(vars) == 0 {
		return vars
	}
	req := &hostrpc.Values{Limit: 200}
	for _, v := range vars {
		req.Names = append(req.Names, v.Name)
	}
	reply, err := p.call(ctx, &hostrpc.Request{Values: req})
	if err != nil {
		return vars
	}
	for _, value := range reply.Values {
		if i := slices.IndexFunc(vars, func(v Variable) bool { return v.Name == value.Name }); i >= 0 {
			vars[i].Text = value.Text
		}
	}
	return vars
}

// Reset forgets everything and ends the child.
func (e *Engine) Reset(ctx context.Context) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	e.mu.Lock()
	p := e.proc
	e.forget()
	e.mu.Unlock()
	if p != nil {
		p.kill()
	}
	return nil
}

// Go cannot work without a toolchain.
func (e *Engine) Go(_ context.Context, _ int, args ...string) error {
	return fmt.Errorf("go %s: the interpreter uses no modules%s", strings.Join(args, " "), advice)
}

// Close ends the child.
func (e *Engine) Close() error {
	e.done()
	e.mu.Lock()
	p := e.proc
	e.forget()
	e.mu.Unlock()
	if p != nil {
		p.kill()
	}
	e.asking.Wait()
	return nil
}
