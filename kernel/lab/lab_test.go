//go:build unix

package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mobula/notebooks"
)

// script writes a program that a shell runs.
func script(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// python plays one: it is new enough, and makes environments whose pip does what a test wants.
const python = `[ "$1" = -c ] && exit 0
eval env=\${$#}
mkdir -p "$env/bin" && printf '%s\n' '#!/bin/sh' "$PIP" >"$env/bin/pip" && chmod +x "$env/bin/pip"
`

// TestFind: beside mobula, on PATH, else in an environment that is made once.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	c := Config{Binary: filepath.Join(dir, "bin", "mobula"), Cache: filepath.Join(dir, "cache"), Out: &said}
	system := os.Getenv("PATH")
	t.Setenv("PATH", filepath.Join(dir, "path")+":"+system)
	script(t, filepath.Join(dir, "path", "python3"), python)
	onPath := script(t, filepath.Join(dir, "path", program), "echo 3.6.1\n")

	t.Setenv("PIP", "echo no network >&2; exit 1")
	if _, err := c.jupyterLab(t.Context()); err == nil || !strings.Contains(err.Error(), "no network") {
		t.Errorf("pip fails: %v", err)
	}
	t.Setenv("PIP", `for i in 0 1 2 3 4 5 6 7 8 9 a b; do echo "Collecting p$i"; done; echo Installing collected packages: p; touch "$(dirname "$0")/`+program+`"`)
	made, err := c.jupyterLab(t.Context())
	if err != nil || !strings.HasPrefix(made, c.Cache) {
		t.Fatalf("%s, %v", made, err)
	}
	if !strings.Contains(said.String(), "fetched 10 of ") {
		t.Errorf("no progress: %q", &said)
	}
	t.Setenv("PIP", "exit 1")
	if again, err := c.jupyterLab(t.Context()); err != nil || again != made {
		t.Errorf("the second time: %s, %v", again, err)
	}
	script(t, onPath, "echo 4.6.6\n")
	if got, err := c.jupyterLab(t.Context()); err != nil || got != onPath {
		t.Errorf("on PATH: %s, %v", got, err)
	}
	beside := script(t, filepath.Join(dir, "bin", program), "")
	if got, err := c.jupyterLab(t.Context()); err != nil || got != beside {
		t.Errorf("beside: %s, %v", got, err)
	}
}

func TestNoPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	c := Config{Binary: "/nowhere/mobula", Cache: t.TempDir(), Out: &bytes.Buffer{}}
	if _, err := c.jupyterLab(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install python3") {
		t.Error(err)
	}
}

// TestNotebooksOfTheUserStay: what is missing is put there, what was changed is kept, and that is told.
func TestNotebooksOfTheUserStay(t *testing.T) {
	var said bytes.Buffer
	c := Config{Dir: filepath.Join(t.TempDir(), "new"), Out: &said}
	if err := c.copyNotebooks(); err != nil || said.Len() > 0 {
		t.Fatalf("%v, %q", err, &said)
	}
	const name = "quickstart.ipynb"
	want, err := notebooks.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Dir, name)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.copyNotebooks(); err != nil || !strings.HasPrefix(said.String(), "1 notebooks in ") {
		t.Errorf("%v, %q", err, &said)
	}
	if got, err := os.ReadFile(file); string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestArguments(t *testing.T) {
	for _, name := range []string{"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"} {
		t.Setenv(name, "")
	}
	var said bytes.Buffer
	c := Config{Dir: "/notes", Args: []string{"--port=9000"}, Out: &said}
	args, err := c.arguments()
	if err != nil || args[0] != "--ServerApp.root_dir=/notes" || args[len(args)-1] != "--port=9000" {
		t.Errorf("%q, %v", args, err)
	}
	if without := slices.Contains(args, "--no-browser"); without != strings.Contains(said.String(), "URL") {
		t.Errorf("%q, %q", args, &said)
	}
	if env := setenv([]string{"A=1", "AB=2"}, "A", join("/first", "/more")); !slices.Equal(env, []string{"AB=2", "A=/first:/more"}) {
		t.Errorf("%q", env)
	}
}
