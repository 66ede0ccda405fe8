package toolchain

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestFileOfPrefix: what wheels have put into a Python environment is found, whatever its Python is.
func TestFileOfPrefix(t *testing.T) {
	prefix := t.TempDir()
	if got := fileOfPrefix(prefix, "go/bin/go"); got != "" {
		t.Error(got)
	}
	want := filepath.Join(prefix, "lib", "python3.14", "site-packages", "go", "bin", "go")
	if err := os.MkdirAll(filepath.Dir(want), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, []byte("\x7fELF"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := fileOfPrefix(prefix, "go/bin/go"); got != want {
		t.Error(got)
	}
}

func TestIsScript(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]bool{"#!/usr/bin/python3\n": true, "\x7fELF": false, "": false} {
		file := filepath.Join(dir, "go")
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if isScript(file) != want {
			t.Errorf("%q", text)
		}
	}
	if isScript(filepath.Join(dir, "none")) {
		t.Error("what is not there is a script")
	}
}

// TestEnviron: commands of Go are told of zig, unless the user names a compiler, and of no other.
func TestEnviron(t *testing.T) {
	zig := Toolchain{Cgo: true, CC: "/env/zig cc"}
	if got := zig.environ([]string{"A=1"}); !slices.Equal(got, []string{"A=1", "CC=/env/zig cc", "CGO_ENABLED=1"}) {
		t.Error(got)
	}
	if got := zig.environ(nil); len(got) != len(os.Environ())+2 && os.Getenv("CC") == "" {
		t.Error(got)
	}
	if got := zig.environ([]string{"CC=clang"}); !slices.Equal(got, []string{"CC=clang"}) {
		t.Error(got)
	}
	if got := (Toolchain{Cgo: true, CC: "gcc"}).environ([]string{"A=1"}); !slices.Equal(got, []string{"A=1"}) {
		t.Error(got)
	}
}
