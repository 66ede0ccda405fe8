//go:build linux

package storetest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// roleVar names what a process of a test binary is, in place of a test; its argument is in argVar.
const (
	roleVar = "OBJSTORE_TEST_ROLE"
	argVar  = "OBJSTORE_TEST_ARG"
)

// failed begins what a process says that fails.
const failed = "failed:"

// Main is a TestMain: in a process that Start has started it plays its role, and exits.
func Main(m *testing.M, roles map[string]func(arg string) error) {
	if role := roles[os.Getenv(roleVar)]; role != nil {
		if err := role(os.Getenv(argVar)); err != nil {
			fmt.Fprintln(os.Stderr, failed, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Process is a child.
type Process struct {
	*exec.Cmd
	In  io.WriteCloser
	Out *bufio.Scanner
	Err *strings.Builder // not before Wait
}

// Start starts this binary in a role.
func Start(tb testing.TB, role, arg string) *Process {
	tb.Helper()
	p := &Process{Cmd: exec.Command(os.Args[0]), Err: &strings.Builder{}}
	p.Env = append(os.Environ(), roleVar+"="+role, argVar+"="+arg)
	p.Stderr = p.Err
	var err error
	if p.In, err = p.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.Out = bufio.NewScanner(out)
	if err := p.Cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// Line returns the next line that the process writes.
func (p *Process) Line(tb testing.TB) string {
	tb.Helper()
	if !p.Out.Scan() {
		_ = p.Wait() // its error says less than its output
		tb.Fatalf("a process has ended: %s", p.Err)
	}
	return p.Out.Text()
}

// Kill ends the process as a crash would.
func (p *Process) Kill(tb testing.TB) {
	tb.Helper()
	if err := p.Process.Kill(); err != nil {
		tb.Error(err)
	}
	_ = p.Wait() // killed
	if text := p.Err.String(); strings.Contains(text, failed) || p.ProcessState.Exited() {
		tb.Fatalf("a process has failed before it was killed: %s", text)
	}
}
