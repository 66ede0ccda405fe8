//go:build linux && amd64

package hook_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mobula/interp/overlay"
)

// TestStop interrupts the loops of testdata/stop again and again while the collector works hard.
func TestStop(t *testing.T) {
	exe := build(t, "stop")
	for _, args := range [][]string{{"-rounds", "40"}, {"-rounds", "10", "-only", "map"}} {
		run(t, exe, args...)
	}
}

// TestYield: where the host's own goroutine calls Gosched a cell's that is ready goes first.
func TestYield(t *testing.T) { run(t, build(t, "yield")) }

// build builds a program of testdata with the overlay.
func build(t *testing.T, program string) (exe string) {
	t.Helper()
	if testing.Short() {
		t.Skip("rebuilds the standard library's core")
	}
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no Go toolchain: ", err)
	}
	dir := t.TempDir()
	over, err := overlay.Write(strings.TrimSpace(string(root)), runtime.Version(), filepath.Join(dir, "overlay"))
	if err != nil {
		t.Fatal(err)
	}
	exe = filepath.Join(dir, program)
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", over, "-tags", "mobulahost", "-o", exe, "./testdata/"+program).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return exe
}

func run(t *testing.T, exe string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), exe, args...)
	c.Env = append(c.Environ(), "GOGC=5")
	b, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(b), "ok ") {
		t.Fatalf("%v: %v\n%s", args, err, b)
	}
	t.Logf("%s", b)
}
