// Package magic runs cells that are not only Go: lines that begin with % (line magics) or !
// (shell commands), and cells that begin with %% (cell magics). Other packages add their
// own to a Registry.
//
// # Usage
//
//	r := magic.New()
//	err := r.Register(magic.Magic{Name: "cluster", Usage: "%cluster connect addr", ...})
//	fault := r.Run(ctx, env, cell)
//
// Run does the whole cell, in the order of its lines: the Go between two magics goes to the
// engine as a cell of its own with the same number, everything else blanked, so that
// positions stay.
//
// # Concurrency
//
// Register before the first Run. Run may be called from any goroutine; the functions of an
// Env are called from Run's goroutine and, for the output of commands, from goroutines
// that have ended when Run returns, one at a time.
//
// # Testing
//
// A fake interp.Engine and an Env that records; commands are real.
package magic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mobula/internal/cellio"
	"mobula/internal/magicline"
	"mobula/internal/nearest"
	"mobula/interp"
)

// Env is what a magic acts on.
type Env struct {
	Engine interp.Engine
	Cell   int // execution count
	// Stdout and Stderr show text under the cell.
	Stdout, Stderr func(text string)
	// Display shows rich output under the cell.
	Display func(cellio.Data)
	// SetNextInput proposes the text of the next cell; with replace it replaces this one's.
	SetNextInput func(text string, replace bool)
	// History returns the last n cells, oldest first; 0 means all of this session.
	History func(n int) []Entry
	// Input asks the user; nil where there is none to ask.
	Input func(ctx context.Context, prompt string) (string, error)
}

// Entry is a cell of the history.
type Entry struct {
	Line   int // execution count
	Source string
}

// Call is one use of a magic.
type Call struct {
	Args string // the rest of the line
	Body string // the rest of the cell, for a cell magic
	// RunGo runs Go that stands in this use (see Source) as part of the cell.
	RunGo func(ctx context.Context) error
}

// Magic is one command.
type Magic struct {
	Name  string // without percent signs
	Cell  bool   // is used as %%Name, with a body
	Usage string // "%cd [dir]"
	Help  string // one sentence
	// GoArgs and GoBody say that arguments or body are Go, for Call.RunGo.
	GoArgs, GoBody bool
	Run            func(ctx context.Context, env *Env, c Call) error
}

func (m Magic) key() string { return prefix(m.Cell) + m.Name }

func prefix(cell bool) string {
	if cell {
		return "%%"
	}
	return "%"
}

// Registry holds magics by name.
type Registry struct{ magics map[string]Magic }

// New returns a Registry with Mobula's own magics.
func New() *Registry {
	r := &Registry{magics: map[string]Magic{}}
	for _, m := range slices.Concat(sessionMagics(), clusterMagics(), jobMagics(), cellMagics(), []Magic{r.help()}) {
		r.magics[m.key()] = m
	}
	return r
}

// Register adds a magic. It fails where the name is taken or m lacks a part.
func (r *Registry) Register(m Magic) error {
	switch {
	case m.Name == "" || strings.ContainsAny(m.Name, " \t\n%!") || m.Run == nil:
		return fmt.Errorf("magic %q: a name of one word and a Run function are needed", m.Name)
	case r.has(m.key()):
		return fmt.Errorf("magic %s is registered already: choose another name", m.key())
	}
	r.magics[m.key()] = m
	return nil
}

func (r *Registry) has(key string) bool { _, ok := r.magics[key]; return ok }

// Names lists the magics as they are typed, sorted: for completion.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.magics)) }

// goBody says of a cell magic whether its body is Go, in which magics may stand.
func (r *Registry) goBody(name string) bool { return r.magics["%%"+name].GoBody }

// HasMagic reports whether a cell has anything but Go.
func (r *Registry) HasMagic(source string) bool { return len(magicline.Find(source, r.goBody)) > 0 }

// Run runs a cell, magics and Go in the order of the lines, until something fails.
func (r *Registry) Run(ctx context.Context, env *Env, c interp.Cell) *interp.Error {
	lines := magicline.Find(c.Source, r.goBody)
	if len(lines) == 0 {
		return env.Engine.Run(ctx, c)
	}
	at := 0
	for _, l := range lines {
		if fault := runGo(ctx, env, c, at, l.Start, true); fault != nil {
			return fault
		}
		if l.Double && l.Name == "" {
			return runMain(ctx, env, c, l)
		}
		if l.Cell {
			return r.call(ctx, env, c, l)
		}
		if fault := r.call(ctx, env, c, l); fault != nil {
			return fault
		}
		at = l.Body
	}
	return runGo(ctx, env, c, at, len(c.Source), c.Quiet)
}

// runGo runs c.Source[from:to] at its place in the cell.
func runGo(ctx context.Context, env *Env, c interp.Cell, from, to int, quiet bool) *interp.Error {
	text := c.Source[from:to]
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return env.Engine.Run(ctx, interp.Cell{Number: c.Number, Source: blank(c.Source[:from]) + text, Quiet: quiet})
}

// runMain runs what follows a bare %% as the body of a function of its own.
func runMain(ctx context.Context, env *Env, c interp.Cell, l magicline.Line) *interp.Error {
	source := blank(c.Source[:l.Start]) + "func() {\n" + c.Source[l.Body:] + "\n}()"
	return env.Engine.Run(ctx, interp.Cell{Number: c.Number, Source: source, Quiet: c.Quiet})
}

// blank keeps newlines and turns everything else into spaces.
func blank(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, s)
}

// call runs the magic of one line.
func (r *Registry) call(ctx context.Context, env *Env, c interp.Cell, l magicline.Line) *interp.Error {
	if l.Name == "!" {
		return fault(ctx, c, l, "!"+l.Args, shell(ctx, env, l.Args))
	}
	key := prefix(l.Double) + l.Name
	m, ok := r.magics[key]
	if ok && l.Double && !l.Cell {
		return fault(ctx, c, l, key, errors.New("it rules a whole cell: put it on the first line"))
	}
	if !ok {
		return fault(ctx, c, l, key, r.unknown(key))
	}
	call := Call{Args: l.Args}
	if l.Cell {
		call.Body = c.Source[l.Body:]
	}
	call.RunGo = func(ctx context.Context) error {
		var f *interp.Error
		switch {
		case m.GoBody:
			f = r.runBody(ctx, env, c, l.Body)
		case m.GoArgs:
			end := l.End
			from := l.Start + strings.Index(c.Source[l.Start:end], l.Name) + len(l.Name)
			f = runGo(ctx, env, c, from, end, c.Quiet)
		}
		if f != nil {
			return f
		}
		return nil
	}
	return fault(ctx, c, l, key, m.Run(ctx, env, call))
}

// runBody runs the cell behind the first line; magics in it work.
func (r *Registry) runBody(ctx context.Context, env *Env, c interp.Cell, from int) *interp.Error {
	c.Source = blank(c.Source[:from]) + c.Source[from:]
	return r.Run(ctx, env, c)
}

// fault makes the error of a magic; what Go code in it raised stays as it is.
func fault(ctx context.Context, c interp.Cell, l magicline.Line, what string, err error) *interp.Error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*interp.Error](err); ok {
		return f
	}
	name := "magic error"
	if ctx.Err() != nil {
		name = "interrupted"
	}
	line := 1 + strings.Count(c.Source[:l.Start], "\n")
	value := fmt.Sprintf("cell[%d]:%d:1: %s: %v", c.Number, line, what, err)
	return &interp.Error{Name: name, Value: value, Traceback: []string{"\x1b[31m" + name + "\x1b[0m: " + value}}
}

// unknown is the error for a name that no magic has; it tells the nearest one.
func (r *Registry) unknown(key string) error {
	const letters = 2 // more apart is another word
	if meant, ok := nearest.Name(key, r.Names(), letters); ok {
		return fmt.Errorf("there is no such magic; did you mean %s? (%%help lists them all)", meant)
	}
	return errors.New("there is no such magic; %help lists them all")
}
