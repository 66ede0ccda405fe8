package session

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobula/internal/langtest"
	"mobula/interp"
	"mobula/interp/toolchain"
)

// TestSessions runs every script of this folder in a session of its own.
func TestSessions(t *testing.T) {
	paths, err := filepath.Glob("*.txt")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d scripts: %v", len(paths), err)
	}
	tc, err := toolchain.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(path, ".txt"), func(t *testing.T) {
			if strings.HasPrefix(path, "cgo_") && !tc.Cgo {
				t.Skip("this machine has no C compiler")
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			script, err := langtest.ParseScript(text)
			if err != nil {
				t.Fatal(err)
			}
			dir, rec := t.TempDir(), langtest.NewRecorder()
			if err := script.WriteFiles(dir); err != nil {
				t.Fatal(err)
			}
			engine, err := interp.Open(t.Context(), interp.Options{Dir: dir, Sink: rec})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := engine.Close(); err != nil {
					t.Error(err)
				}
			}()
			for _, line := range script.Run(t.Context(), engine, rec) {
				t.Error(line)
			}
		})
	}
}
