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
	exe := filepath.Join(dir, "stop")
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", over, "-tags", "mobulahost", "-o", exe, "./testdata/stop").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	for _, args := range [][]string{{"-rounds", "40"}, {"-rounds", "10", "-only", "map"}} {
		c := exec.CommandContext(t.Context(), exe, args...)
		c.Env = append(c.Environ(), "GOGC=5")
		b, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(b), "ok ") {
			t.Fatalf("%v: %v\n%s", args, err, b)
		}
		t.Logf("%s", b)
	}
}
