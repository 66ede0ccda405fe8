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
	"os/exec"
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
