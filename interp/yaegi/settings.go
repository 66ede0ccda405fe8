package yaegi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/types"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"mobula/interp/hostrpc"
)

// variables lists the session's variables without their values.
func (e *Engine) variables() []Variable {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := e.book
	if n.pkg == nil {
		return nil
	}
	var vars []Variable
	for _, name := range n.pkg.Scope().Names() {
		if v, ok := n.pkg.Scope().Lookup(name).(*types.Var); ok {
			vars = append(vars, Variable{Name: name, Type: types.TypeString(v.Type(), types.RelativeTo(n.pkg)), Cell: n.cells[name]})
		}
	}
	slices.SortFunc(vars, func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
	return vars
}

// tell sends a change of the environment to the child, if one runs.
func (e *Engine) tell(ctx context.Context, change *hostrpc.SetEnv) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	e.mu.Lock()
	p := e.proc
	e.mu.Unlock()
	if p == nil {
		return nil
	}
	reply, err := p.call(ctx, &hostrpc.Request{SetEnv: change})
	if err == nil && reply.Fault != nil {
		err = errors.New(reply.Fault.Message)
	}
	return err
}

// Setenv sets an environment variable.
func (e *Engine) Setenv(ctx context.Context, name, value string) error {
	e.drop(name, name+"="+value)
	return e.tell(ctx, &hostrpc.SetEnv{Set: map[string]string{name: value}})
}

// Unsetenv removes an environment variable.
func (e *Engine) Unsetenv(ctx context.Context, name string) error {
	e.drop(name)
	return e.tell(ctx, &hostrpc.SetEnv{Unset: []string{name}})
}

// drop removes a variable from the environment and adds others.
func (e *Engine) drop(name string, add ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	env := slices.DeleteFunc(slices.Clone(e.env), func(s string) bool { return strings.HasPrefix(s, name+"=") })
	e.env = append(env, add...)
}

// Chdir changes the working directory.
func (e *Engine) Chdir(ctx context.Context, dir string) error {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(e.Dir(), dir)
	}
	if err := e.tell(ctx, &hostrpc.SetEnv{Dir: dir}); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.dir = dir
	return nil
}

// Dir is the working directory of cells.
func (e *Engine) Dir() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dir
}

// Environ is the environment of commands.
func (e *Engine) Environ() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.env)
}

// Describe tells about the engine.
func (e *Engine) Describe() string {
	s := fmt.Sprintf("yaegi v0.16.1 interprets cells (Go 1.22 without range over functions; %s/%s); compiled Go is 100 to 700 times faster",
		runtime.GOOS, runtime.GOARCH)
	if e.why != "" {
		s += "\n" + e.why
	}
	return s
}

// Ready starts the child.
func (e *Engine) Ready(ctx context.Context) error {
	if err := e.lock(ctx); err != nil {
		return err
	}
	defer e.unlock()
	p, err := e.child()
	if err != nil {
		return err
	}
	_, err = p.call(ctx, &hostrpc.Request{Values: &hostrpc.Values{}})
	return err
}
