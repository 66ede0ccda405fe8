package toolchain

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testC translates one file in a cache of its own, and checks that nothing is left there.
func testC(t *testing.T, f CFile) (*Translated, error) {
	t.Helper()
	tc, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !tc.Cgo {
		t.Skip("no C compiler on this machine")
	}
	cache := t.TempDir()
	t.Setenv("MOBULA_CACHE", cache)
	t.Setenv("TMPDIR", cache)
	tr, err := tc.TranslateC(t.Context(), f)
	_ = filepath.WalkDir(cache, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			t.Errorf("left behind: %s (%v)", path, err)
		}
		return nil
	})
	if err == nil {
		t.Cleanup(func() { tr.Library.Close() })
	}
	return tr, err
}

func TestTranslateC(t *testing.T) {
	tr, err := testC(t, CFile{ID: 3, Dir: t.TempDir(), Env: os.Environ(), Text: `package main

// static int add(int a, int b) { return a + b; }
// static int level;
import "C"

func sum() C.int { return C.add(1, C.level) }
`})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"_Cfunc_add", "_Cvar_level", "/*line :7:"} {
		if !strings.Contains(tr.Text, want) {
			t.Errorf("the text lacks %s:\n%s", want, tr.Text)
		}
	}
	if !strings.Contains(tr.Types, "//go:cgo_import_static _cgo_address_3_level") {
		t.Errorf("the variable's address does not come from the library's table:\n%s", tr.Types)
	}
	head := make([]byte, 4)
	if _, err := tr.Library.ReadAt(head, 0); err != nil || string(head) != "\x7fELF" {
		t.Errorf("the library begins with %q: %v", head, err)
	}
}

func TestTranslateCRefuses(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"C", "package main\n\n// int f(void) { return x; }\nimport \"C\"\n\nvar _ = C.f()\n", CName + ":3:"},
		{"a name", "package main\n\nimport \"C\"\n\nvar _ = C.nothing()\n", CName + ":5:"},
		{"a directive", "package main\n\n// #cgo NONSENSE: x\nimport \"C\"\n\nvar _ C.int\n", "#cgo NONSENSE"},
		{"a library", "package main\n\n// #cgo LDFLAGS: -lnosuchlibraryanywhere\nimport \"C\"\n\nvar _ C.int\n", "nosuchlibraryanywhere"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := testC(t, CFile{ID: 1, Dir: t.TempDir(), Env: os.Environ(), Text: c.text})
			refused, ok := errors.AsType[*CError](err)
			if !ok || !strings.Contains(refused.Output, c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTranslateCWithoutCompiler(t *testing.T) {
	if _, err := (Toolchain{}).TranslateC(t.Context(), CFile{}); !errors.Is(err, ErrNoC) {
		t.Errorf("got %v", err)
	}
}

// TestPkgConfig has a stand-in for pkg-config, whose answers hold quotes.
func TestPkgConfig(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "pkg-config")
	script := "#!/bin/sh\ncase \"$*\" in\n'--cflags -- shapes more') echo '-DWIDTH=\"4 + 3\" -DMORE=1' ;;\n'--libs -- shapes more') echo -lm ;;\n*) echo \"$* is not known\" >&2; exit 1 ;;\nesac\n"
	if err := os.WriteFile(tool, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PKG_CONFIG="+tool)
	text := "package main\n\n// #cgo pkg-config: shapes more\n// static int width(void) { return (WIDTH) * MORE; }\nimport \"C\"\n\nvar _ = C.width()\n"
	if _, err := testC(t, CFile{ID: 1, Dir: dir, Env: env, Text: text}); err != nil {
		t.Error(err)
	}
	text = strings.Replace(text, "shapes more", "unknown", 1)
	if _, err := testC(t, CFile{ID: 1, Dir: dir, Env: env, Text: text}); err == nil || !strings.Contains(err.Error(), "unknown is not known") {
		t.Errorf("got %v", err)
	}
}
