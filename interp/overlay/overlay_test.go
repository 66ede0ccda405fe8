package overlay

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// goroot returns the distribution of the go command that runs the tests.
func goroot(t *testing.T) string {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Skip("no Go toolchain: ", err)
	}
	return strings.TrimSpace(string(b))
}

func TestWriteBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("rebuilds the standard library's core")
	}
	dir := t.TempDir()
	o, err := Write(goroot(t), runtime.Version(), filepath.Join(dir, "o"))
	if err != nil {
		t.Fatal(err)
	}
	src := "package main\n\nfunc main() { println(\"hello\") }\n"
	if err := os.WriteFile(filepath.Join(dir, "m.go"), []byte(src), 0o666); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "m")
	if b, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", o, "-o", exe, filepath.Join(dir, "m.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	b, err := exec.CommandContext(t.Context(), exe).CombinedOutput()
	if err != nil || string(b) != "hello\n" {
		t.Fatalf("%v %q", err, b)
	}
}

func TestUnknownToolchain(t *testing.T) {
	root := goroot(t)
	old := Patches
	defer func() { Patches = old }()
	Patches = []Patch{{Path: "src/runtime/iface.go", Anchor: "no such line in any version", Replacement: ""}}
	_, err := Write(root, "go9.9", t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "unknown toolchain go9.9") || !strings.Contains(err.Error(), "iface.go") {
		t.Fatalf("got %v", err)
	}
}
