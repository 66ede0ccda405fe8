package magic

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"mobula/internal/utf8text"
)

// orphanGrace is how long a command's output is read after the command has ended: a job
// that it left in the background may hold the pipe for ever.
const orphanGrace = 500 * time.Millisecond

// shell runs a command line.
func shell(ctx context.Context, env *Env, line string) error {
	if line == "" {
		return errors.New("there is no command behind the exclamation mark")
	}
	name := "bash"
	if _, err := exec.LookPath(name); err != nil {
		name = "sh"
	}
	return command(ctx, env, name, "-c", line)
}

// command runs a program, shows its output as it comes, and ends it and its children when
// ctx ends.
func command(ctx context.Context, env *Env, name string, args ...string) error {
	// A child that dies with its parent dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var mu sync.Mutex
	out, errOut := &textWriter{mu: &mu, show: env.Stdout}, &textWriter{mu: &mu, show: env.Stderr}
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = env.Engine.Dir(), env.Engine.Environ()
	c.Stdout, c.Stderr = out, errOut
	c.WaitDelay = orphanGrace
	group(c)
	err := c.Run()
	out.flush()
	errOut.flush()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s is not installed on this machine: %w", name, err)
	}
	return err
}

// textWriter shows whole UTF-8 sequences. mu is shared by the two streams of a command.
type textWriter struct {
	mu   *sync.Mutex
	show func(string)
	rest []byte // begins a sequence that has not ended
}

// Write shows what is whole of p and what came before.
func (w *textWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := append(w.rest, p...)
	n := len(b) - utf8text.Incomplete(b)
	w.rest = append([]byte(nil), b[n:]...)
	if n > 0 {
		w.show(string(b[:n]))
	}
	return len(p), nil
}

func (w *textWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.show(string(w.rest))
		w.rest = nil
	}
}
