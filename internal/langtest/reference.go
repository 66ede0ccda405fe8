package langtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Outcome is what a program prints and how it ends.
type Outcome struct {
	Stdout, Stderr string
	Exit           int
}

// Reference finds what programs print when the go command builds and runs them, and keeps it in Dir.
type Reference struct {
	Go  string // the go command
	Dir string // cache; entries are named by Go version and content
	// Timeout bounds one program's run.
	Timeout time.Duration
}

// Expect builds and runs p, or answers from the cache.
func (r *Reference) Expect(ctx context.Context, p Program) (Outcome, error) {
	var want Outcome
	digest := sha256.Sum256(append([]byte(runtime.Version()+"\x00"), p.Source...))
	entry := filepath.Join(r.Dir, hex.EncodeToString(digest[:12])+".json")
	if data, err := os.ReadFile(entry); err == nil && json.Unmarshal(data, &want) == nil {
		return want, nil
	}
	want, err := r.run(ctx, p)
	if err != nil {
		return want, err
	}
	data, err := json.Marshal(want)
	if err != nil {
		return want, err
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return want, fmt.Errorf("keep a program's expected output: %w", err)
	}
	return want, os.WriteFile(entry, data, 0o644)
}

func (r *Reference) run(ctx context.Context, p Program) (Outcome, error) {
	dir, err := os.MkdirTemp("", "langtest-*")
	if err != nil {
		return Outcome{}, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "program")
	build := exec.CommandContext(ctx, r.Go, "build", "-o", binary, p.Path)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return Outcome{}, fmt.Errorf("go build %s: %w\n%s", p.Name, err, out)
	}
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	run := exec.CommandContext(ctx, binary)
	run.Dir, run.Stdout, run.Stderr = dir, &stdout, &stderr
	err = run.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return Outcome{}, fmt.Errorf("run %s: %w", p.Name, err)
	}
	if ctx.Err() != nil {
		return Outcome{}, fmt.Errorf("run %s: did not end within %s", p.Name, r.Timeout)
	}
	return Outcome{stdout.String(), stderr.String(), run.ProcessState.ExitCode()}, nil
}
