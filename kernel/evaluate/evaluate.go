// Package evaluate runs the text of one cell as all mean it who run cells, the kernel and batch jobs: Go, magics, shell lines, and questions
// such as ?name.
//
// # Usage
//
//	r := &evaluate.Runner{Magics: magic.New(), Engine: open}
//	page, failure := r.Run(ctx, &magic.Env{Cell: 3, ...}, source)
//
// What the cell shows goes to the sink of the engine and to the functions of the Env.
//
// # Concurrency
//
// A Runner is not changed; Run may be called from any goroutine.
//
// # Testing
//
// With a scripted engine; the suites of the kernel run real ones.
package evaluate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"strings"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/magic"
)

// Runner runs cells.
type Runner struct {
	// Engine returns the engine once it is there.
	Engine func(ctx context.Context) (interp.Engine, error)
	Magics *magic.Registry
	Log    *slog.Logger // gets what is a bug
}

// Run runs a cell whose number is in env, whose Engine it sets. page is the answer to a question, for the front end's pager. The end of ctx
// interrupts the cell. A panic of the engine is a bug; it fails the cell and ends nothing.
func (r *Runner) Run(ctx context.Context, env *magic.Env, source string) (page cellio.Data, failure *interp.Error) {
	defer func() {
		if p := recover(); p != nil {
			r.Log.Error("panic in the engine", "cell", env.Cell, "panic", p, "stack", string(debug.Stack()))
			failure = &interp.Error{Name: "internal error", Value: fmt.Sprintf("the cell engine failed: %v; the session goes on; please report this", p)}
		}
		if failure == nil && ctx.Err() != nil {
			failure = &interp.Error{Name: "interrupted", Value: context.Cause(ctx).Error()}
		}
	}()
	if Blank(source) {
		return nil, nil
	}
	engine, err := r.Engine(ctx)
	if err != nil {
		return nil, Failure(ctx, "engine error", err)
	}
	if name, detail, ok := HelpQuery(source); ok {
		return answer(ctx, engine, name, detail)
	}
	env.Engine = engine
	return nil, r.Magics.Run(ctx, env, interp.Cell{Number: env.Cell, Source: source})
}

// Blank reports whether a cell has nothing to run: it is not counted then.
func Blank(source string) bool { return strings.TrimSpace(source) == "" }

// Failure makes an error for the front end; an interrupt is one whatever it broke.
func Failure(ctx context.Context, name string, err error) *interp.Error {
	if failed, ok := errors.AsType[*interp.Error](err); ok {
		return failed
	}
	if ctx.Err() != nil {
		name, err = "interrupted", context.Cause(ctx)
	}
	return &interp.Error{Name: name, Value: err.Error()}
}

var helpPattern = regexp.MustCompile(`^(\?{0,2})\s*([\pL_][\pL\pN_.]*)\s*(\?{0,2})$`)

// HelpQuery recognises ?name, ??name, name? and name??, none of which is Go.
func HelpQuery(source string) (name string, detail int, ok bool) {
	source = strings.TrimSpace(source)
	if !strings.HasPrefix(source, "?") && !strings.HasSuffix(source, "?") {
		return "", 0, false
	}
	m := helpPattern.FindStringSubmatch(source)
	if m == nil || len(m[1])+len(m[3]) == 0 {
		return "", 0, false
	}
	return m[2], max(len(m[1]), len(m[3])) - 1, true
}

// answer tells about a name.
func answer(ctx context.Context, engine interp.Engine, name string, detail int) (cellio.Data, *interp.Error) {
	found, err := engine.Inspect(ctx, name, len(name), detail)
	if err != nil {
		return nil, Failure(ctx, "inspection error", err)
	}
	if !found.Found {
		return nil, &interp.Error{Name: "not found", Value: fmt.Sprintf("nothing is known about %q: it is no name of this session, package or keyword", name)}
	}
	if found.Data == nil {
		found.Data = cellio.Data{}
	}
	return found.Data, nil
}
