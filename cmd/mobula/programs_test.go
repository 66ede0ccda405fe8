package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const userProgram = `package main

import (
	"context"
	"fmt"
	"os"

	"mobula"
)

var table = map[string]int{"a": 1}

func main() {
	defer mobula.Close()
	driver := os.Getpid()
	v, err := mobula.Go(func() string { return fmt.Sprint(table["a"]+41, os.Getpid() != driver) }).Get(context.Background())
	fmt.Println(v, err)
}
`

// sdkCache is a cache that all tests share which build programs: so the SDK is compiled once.
var sdkCache = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "mobula-sdk-") })

func useSDKCache(t *testing.T) {
	t.Helper()
	dir, err := sdkCache()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MOBULA_CACHE", dir)
}

// TestBuild: a module that knows nothing of mobula builds with it, stays as it was, and is its own worker.
func TestBuild(t *testing.T) {
	useSDKCache(t)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := run(t.Context(), []string{"build", "."}, io.Discard); err == nil || !strings.Contains(err.Error(), "go mod init") {
		t.Errorf("without a module: %v", err)
	}
	if err := run(t.Context(), []string{"build", "-modfile=other.mod", "."}, io.Discard); err == nil || !strings.Contains(err.Error(), "leave it out") {
		t.Errorf("with a -modfile: %v", err)
	}
	const module = "module example.com/job\n\ngo 1.26\n"
	for name, text := range map[string]string{"go.mod": module, "main.go": userProgram} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(t.Context(), []string{"build", "-o", "job", "."}, io.Discard); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(dir, "job")).CombinedOutput()
	if err != nil || string(out) != "42 true <nil>\n" {
		t.Errorf("%s, %v", out, err)
	}
	if text, err := os.ReadFile("go.mod"); err != nil || string(text) != module {
		t.Errorf("go.mod became %q, %v", text, err)
	}
	if err := os.WriteFile("go.work", []byte("go 1.26\n\nuse .\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"vet", "."}, io.Discard); err == nil || !strings.Contains(err.Error(), "GOWORK=off mobula vet") {
		t.Errorf("in a workspace: %v", err)
	}
}
