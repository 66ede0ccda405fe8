package interp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"mobula"
	"mobula/interp/direct"
	"mobula/interp/hostproc"
	"mobula/interp/hostrpc"
	"mobula/interp/toolchain"
)

// errNoNative is the reason for which a session has no compiled tier.
type errNoNative struct{ err error }

func (e errNoNative) Error() string { return e.err.Error() }
func (e errNoNative) Unwrap() error { return e.err }

// Prepare finds the toolchain and builds the session host for it where there is none yet,
// reporting each step.
func Prepare(ctx context.Context, progress func(string)) error {
	_, _, err := prepare(ctx, progress)
	return err
}

func prepare(ctx context.Context, progress func(string)) (toolchain.Toolchain, toolchain.Host, error) {
	tc, err := toolchain.Find(ctx)
	if err != nil {
		return tc, toolchain.Host{}, err
	}
	host, err := toolchain.PrepareHost(ctx, tc, mobula.Source, progress)
	return tc, host, err
}

// Ready starts the host and waits for it.
func (s *Session) Ready(ctx context.Context) error { return s.readyFor(ctx, 0) }

// readyFor is Ready with progress shown in a cell.
func (s *Session) readyFor(ctx context.Context, cell int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	return s.ready(ctx, cell)
}

// ready makes sure that a host runs; the queue's token is held. Progress of a build is
// shown in the cell that waits.
func (s *Session) ready(ctx context.Context, cell int) error {
	s.mu.Lock()
	state := s.state
	s.mu.Unlock()
	if state.proc != nil {
		select {
		case <-state.proc.Done():
			// It ended between cells: the next one shows it, whatever becomes of the cell.
			s.sink.Stream(cell, "stderr", s.lost(0, state.proc.Exit()).Value+"\n")
		default:
			s.dropCluster(ctx, cell)
			return nil
		}
	}
	tc, host, err := s.prepared(ctx, cell)
	if err != nil {
		return err
	}
	err = s.start(ctx, tc, host)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	building.forget() // somebody has removed it
	if tc, host, err = s.prepared(ctx, cell); err != nil {
		return err
	}
	return s.start(ctx, tc, host)
}

// building is the one preparation of this process that is under way, with the cells that watch.
var building buildState

// buildState is the type of building.
type buildState struct {
	sync.Mutex
	done chan struct{}
	tc   toolchain.Toolchain
	host toolchain.Host
	err  error
	last string
	more chan struct{} // closed at each new line
}

// forget has the next session that asks prepare a host again.
func (b *buildState) forget() {
	b.Lock()
	defer b.Unlock()
	b.done = nil
}

// prepared waits for the host's build. The build goes on when a waiting cell is interrupted;
// where the session that does it closes, one that waits takes it over.
func (s *Session) prepared(ctx context.Context, cell int) (toolchain.Toolchain, toolchain.Host, error) {
	for {
		tc, host, err := s.awaitBuild(ctx, cell)
		if !errors.Is(err, context.Canceled) || ctx.Err() != nil || s.life.Err() != nil {
			return tc, host, err
		}
	}
}

// awaitBuild starts the build where there is none, and waits for it once.
func (s *Session) awaitBuild(ctx context.Context, cell int) (toolchain.Toolchain, toolchain.Host, error) {
	b := &building
	b.Lock()
	if b.done == nil {
		b.done, b.more = make(chan struct{}), make(chan struct{})
		done := b.done
		s.bg.Go(func() { s.prepareShared(done) })
	}
	done := b.done
	b.Unlock()
	shown := ""
	for {
		b.Lock()
		line, more := b.last, b.more
		b.Unlock()
		select {
		case <-done:
			line = shown // old news
		default:
		}
		if line != shown && cell > 0 {
			s.sink.Stream(cell, "stderr", line+"\n")
			shown = line
		}
		select {
		case <-done:
			b.Lock()
			defer b.Unlock()
			return b.tc, b.host, b.err
		case <-more:
		case <-ctx.Done():
			return toolchain.Toolchain{}, toolchain.Host{}, context.Cause(ctx)
		}
	}
}

// prepareShared runs the preparation until the session closes.
func (s *Session) prepareShared(done chan struct{}) {
	b := &building
	tc, host, err := prepare(s.life, func(line string) {
		b.Lock()
		defer b.Unlock()
		b.last = line
		close(b.more)
		b.more = make(chan struct{})
	})
	b.Lock()
	defer b.Unlock()
	b.tc, b.host, b.err = tc, host, err
	if err != nil {
		b.done = nil // the next cell tries again
	}
	close(done)
}

// start starts a host process; the queue's token is held.
func (s *Session) start(ctx context.Context, tc toolchain.Toolchain, host toolchain.Host) error {
	s.mu.Lock()
	dir, env := s.dir, slices.Clone(s.environ)
	packages := s.state.packages
	s.mu.Unlock()
	if packages == nil {
		module, err := s.moduleDir(dir)
		if err != nil {
			return err
		}
		packages = toolchain.NewPackages(tc, module, s.buildEnv(env), host.Flags, host.Packages)
	}
	if s.comms != nil {
		<-s.comms.ended // so that the Sink does not take those of the new host for the old one's
	}
	comms := newHostComms(s.sink)
	onEvent := func(e *hostrpc.Event) { s.event(comms, e) }
	env = append(append(env, hostEnvironment(tc)...), comms.environment()...)
	proc, err := hostproc.Start(ctx, hostproc.Config{Path: host.Path, Dir: dir, Env: env, OnEvent: onEvent, MemoryLimit: s.memory})
	if err != nil {
		return fmt.Errorf("start the session host: %w", err)
	}
	hello := proc.Hello
	if hello.Err != "" {
		_ = proc.Close()
		return errNoNative{errors.New(hello.Err)}
	}
	s.loaded = map[string]bool{"unsafe": true}
	for _, k := range host.Packages {
		s.loaded[k.ImportPath] = true
	}
	for _, name := range direct.Linked() {
		s.registered[name] = true
	}
	s.comms = comms
	s.bg.Go(func() {
		select {
		case <-proc.Done():
		case <-s.life.Done():
			_ = proc.Close() // it is killed where it does not end by itself
		}
		comms.end()
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = hostState{proc: proc, tc: tc, host: host, packages: packages}
	return nil
}

// call sends a request and waits for its reply. When ctx ends the host is interrupted, and
// the reply still awaited: the host answers within its own bounds, or dies.
func (s *Session) call(ctx context.Context, c Cell, req *hostrpc.Request) (*hostrpc.Reply, *Error) {
	s.mu.Lock()
	proc := s.state.proc
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		_ = proc.Interrupt(c.Number) // a host that is gone needs none
	})
	defer stop()
	reply, err := proc.Call(context.WithoutCancel(ctx), req)
	if err != nil {
		<-proc.Done()
		return nil, s.lost(c.Number, proc.Exit())
	}
	switch {
	case reply.Interrupted:
		return reply, interruptedReply(c, reply)
	case reply.Fault != nil:
		return reply, faultError(reply.Fault, s.sourceLine)
	}
	return reply, nil
}

func interruptedReply(c Cell, reply *hostrpc.Reply) *Error {
	e := interrupted(c)
	if reply.Abandoned {
		e.Value += "; it waits in code that cannot be stopped and was left behind, to end when it wakes"
		e.Traceback = []string{e.Value}
	}
	return e
}

// maxExitFrames bounds the frames shown of a host's end; endless recursion has many.
const maxExitFrames = 10

// lost handles the end of the host: functions, types and imports stay, variables are gone.
func (s *Session) lost(cell int, exit hostproc.Exit) *Error {
	s.mu.Lock()
	s.state.proc = nil
	s.mu.Unlock()
	dropped := s.dropValues()
	what := exit.Reason
	if exit.Cell > 0 {
		what = fmt.Sprintf("cell[%d]: %s", exit.Cell, what)
	} else if cell > 0 {
		what = fmt.Sprintf("cell[%d]: %s", cell, what)
	}
	e := &Error{Name: nameHost, Value: what + ". The session was restarted: all variables are gone"}
	if len(dropped) > 0 {
		e.Value += "; functions, types and imports are kept, except those that used the variables"
	}
	e.Traceback = []string{bold + red + nameHost + reset + ": " + e.Value}
	for i, f := range exit.Frames {
		if i == maxExitFrames {
			e.Traceback = append(e.Traceback, "  ...")
			break
		}
		if f.User {
			e.Traceback = append(e.Traceback, fmt.Sprintf("  %s:%d  %s", f.File, f.Line, f.Func))
		}
	}
	return e
}

// dropValues forgets variables and all that mentions them, and has what is left compiled
// again with the next unit, since a new host has none of it.
func (s *Session) dropValues() (dropped []string) {
	for again := true; again; {
		again = false
		for name, d := range s.env {
			gone := d.kind == kindVar || d.kind == kindMethod && s.env[d.recv] == nil
			for ref := range d.refs {
				gone = gone || s.env[ref] == nil && isOwnName(s.versions, ref)
			}
			if gone {
				delete(s.env, name)
				dropped = append(dropped, name)
				again = true
			}
		}
	}
	s.registered = map[string]bool{}
	s.revive = s.env.clone()
	s.base = nil
	s.publish(nil)
	return dropped
}

// isOwnName reports whether a reference is to a declaration of the notebook at all.
func isOwnName(versions map[string]int, ref string) bool { return versions[ref] > 0 }

// hostEnvironment is what the host itself is told.
func hostEnvironment(tc toolchain.Toolchain) []string {
	return []string{"MOBULA_GOROOT=" + tc.GOROOT}
}
