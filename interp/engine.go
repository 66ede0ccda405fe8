package interp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mobula/internal/cellio"
	"mobula/interp/hostrpc"
	"mobula/interp/toolchain"
)

var _ Engine = (*Session)(nil)

type discardSink struct{}

func (discardSink) Stream(int, string, string)  {}
func (discardSink) Display(int, cellio.Display) {}
func (discardSink) Clear(int, bool)             {}
func (discardSink) Fault(int, *Error)           {}
func (discardSink) Input(context.Context, int, string, bool) (string, error) {
	return "", cellio.ErrNoFrontEnd
}

// event handles what the host says besides replies. It runs on the connection's goroutine.
func (s *Session) event(comms *hostComms, e *hostrpc.Event) {
	switch {
	case e.Output != nil:
		s.sink.Stream(e.Output.Cell, e.Output.Stream, string(e.Output.Text))
	case e.Display != nil:
		if !s.captured(e.Display) {
			s.sink.Display(e.Display.Cell, e.Display.Display)
		}
	case e.Clear != nil:
		s.sink.Clear(e.Clear.Cell, e.Clear.Wait)
	case e.Fault != nil:
		s.sink.Fault(e.Fault.Cell, faultError(e.Fault, s.sourceLine))
	case e.Input != nil:
		s.bg.Go(func() { s.answer(e.Input) })
	case e.Address != nil:
		s.bg.Go(func() { s.answerAddress(e.Address) })
	case e.Comm != nil:
		comms.fromHost(*e.Comm)
	}
}

// answer asks the user for the host.
func (s *Session) answer(q *hostrpc.InputRequest) {
	text, err := s.sink.Input(s.life, q.Cell, q.Prompt, q.Password)
	reply := &hostrpc.InputReply{Token: q.Token, Text: text}
	if err != nil {
		reply.Err = err.Error()
	}
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	if proc != nil {
		_ = proc.Answer(reply) // a host that is gone waits for nothing
	}
}

// hiddenCells is where numbers of cells begin that the user does not see.
const hiddenCells = 1 << 30

// captured keeps the result of a hidden cell (Evaluate) from the front end.
func (s *Session) captured(d *hostrpc.Display) bool {
	if d.Cell < hiddenCells {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.Display.Result {
		s.captures[d.Cell] = d.Display.Data
	}
	return true
}

// Evaluate returns the bundle of an expression.
func (s *Session) Evaluate(ctx context.Context, expr string) (cellio.Data, *Error) {
	if err := s.lock(ctx); err != nil {
		return nil, interrupted(Cell{})
	}
	defer s.unlock()
	s.temps++
	c := Cell{Number: hiddenCells + s.temps, Source: expr}
	if err := s.run(ctx, c); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.captures[c.Number]
	delete(s.captures, c.Number)
	return data, nil
}

// cellFile is the file name of a cell in positions.
func cellFile(number int) string {
	if number >= hiddenCells {
		return "expression"
	}
	return fmt.Sprintf("cell[%d]", number)
}

// Variables lists the session's variables; values are read only while no cell runs.
func (s *Session) Variables(ctx context.Context) []Variable {
	s.mu.Lock()
	v, proc := s.snapshot, s.state.proc
	s.mu.Unlock()
	if v == nil {
		return nil
	}
	list := v.variables()
	select {
	case s.queue <- struct{}{}:
		defer s.unlock()
	default:
		return list
	}
	if proc == nil {
		return list
	}
	req := &hostrpc.Values{Limit: 200}
	for _, x := range list {
		req.Names = append(req.Names, v.env[x.Name].link)
	}
	reply, err := s.call(ctx, Cell{}, &hostrpc.Request{Values: req})
	if err != nil {
		return list
	}
	for i, val := range reply.Values {
		if i < len(list) {
			list[i].Text = val.Text
		}
	}
	return list
}

// Reset forgets everything and starts a fresh host.
func (s *Session) Reset(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.mu.Lock()
	proc := s.state.proc
	s.state.proc = nil
	s.mu.Unlock()
	if proc != nil {
		_ = proc.Close() // it is killed where it does not end by itself
	}
	s.forget()
	s.publish(nil)
	return s.ready(ctx, 0)
}

// Go runs the go command in the session's module.
func (s *Session) Go(ctx context.Context, cell int, args ...string) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if err := s.ready(ctx, cell); err != nil {
		return err
	}
	s.mu.Lock()
	tc, packages, env := s.state.tc, s.state.packages, s.environ
	s.mu.Unlock()
	dir, err := s.moduleDir(s.Dir())
	if err != nil {
		return err
	}
	cmd := toolchain.Command(ctx, dir, s.buildEnv(env), tc.GoCmd, args...)
	out := sinkWriter{s.sink, cell}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	packages.Forget()
	s.importer = nil
	return nil
}

type sinkWriter struct {
	sink Sink
	cell int
}

// Write shows text as the cell's standard error.
func (w sinkWriter) Write(p []byte) (int, error) {
	w.sink.Stream(w.cell, "stderr", string(p))
	return len(p), nil
}

// moduleDir returns the folder whose module cells compile in: that of dir's module or workspace, or a
// private one where dir is in none.
func (s *Session) moduleDir(dir string) (string, error) {
	for d := dir; ; d = filepath.Dir(d) {
		for _, f := range []string{"go.mod", "go.work"} {
			if st, err := os.Stat(filepath.Join(d, f)); err == nil && st.Mode().IsRegular() {
				return dir, nil
			}
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	return s.ownModule()
}

// ownModule returns the session's own module folder. It lies in the cache, by process, so that
// the next session can remove what a killed one has left.
func (s *Session) ownModule() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.module != "" {
		return s.module, nil
	}
	dir, err := toolchain.ModuleDir()
	if err != nil {
		return "", fmt.Errorf("make the session's module: %w", err)
	}
	s.module = dir
	return dir, nil
}

// buildEnv is the environment of go commands for the session.
func (s *Session) buildEnv(env []string) []string {
	return append(slices.Clone(env), "GOFLAGS="+strings.TrimSpace(lookupEnv(env, "GOFLAGS")+" -mod=mod"))
}

func lookupEnv(env []string, name string) string {
	for _, e := range slices.Backward(env) {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}

// Setenv sets an environment variable of the session.
func (s *Session) Setenv(ctx context.Context, name, value string) error {
	return s.changeEnv(ctx, name, &value)
}

// Unsetenv removes an environment variable of the session.
func (s *Session) Unsetenv(ctx context.Context, name string) error {
	return s.changeEnv(ctx, name, nil)
}

func (s *Session) changeEnv(ctx context.Context, name string, value *string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return fmt.Errorf("%q is no name of an environment variable", name)
	}
	set := &hostrpc.SetEnv{Unset: []string{name}}
	s.mu.Lock()
	s.environ = slices.DeleteFunc(slices.Clone(s.environ), func(e string) bool { return strings.HasPrefix(e, name+"=") })
	if value != nil {
		s.environ = append(s.environ, name+"="+*value)
		set = &hostrpc.SetEnv{Set: map[string]string{name: *value}}
	}
	s.mu.Unlock()
	return s.tellHost(ctx, set)
}

// tellHost passes a change of environment to the host, where one runs.
func (s *Session) tellHost(ctx context.Context, set *hostrpc.SetEnv) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	s.mu.Lock()
	proc, packages, dir, env := s.state.proc, s.state.packages, s.dir, s.environ
	s.mu.Unlock()
	if packages != nil {
		module, err := s.moduleDir(dir)
		if err != nil {
			return err
		}
		packages.SetDir(module, s.buildEnv(env))
		s.importer = nil
	}
	if proc == nil {
		return nil
	}
	if _, err := s.call(ctx, Cell{}, &hostrpc.Request{SetEnv: set}); err != nil {
		return err
	}
	return nil
}

// Chdir changes the working directory of later cells.
func (s *Session) Chdir(ctx context.Context, dir string) error {
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(s.Dir(), dir)
	}
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	s.mu.Lock()
	s.dir = filepath.Clean(dir)
	s.mu.Unlock()
	return s.tellHost(ctx, &hostrpc.SetEnv{Dir: dir})
}

// Dir is the working directory of cells.
func (s *Session) Dir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir
}

// Environ is the environment of cells.
func (s *Session) Environ() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.environ)
}

// Mode is the tier in force.
func (s *Session) Mode() Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

func (s *Session) toolchain() toolchain.Toolchain {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.tc
}
