package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobula"
)

// TestRuntimeEnvironment: workers have the job's variables and files, and nothing of another job's.
func TestRuntimeEnvironment(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"config.txt": "alpha", "data/part.csv": "1,2,3", ".git/HEAD": "no"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, mobula.Config{CPUs: 2, WorkingDir: dir, Env: map[string]string{"MODEL": "small"}})
	look := func() string {
		var found []string
		for _, name := range []string{"config.txt", "data/part.csv", ".git/HEAD"} {
			text, err := os.ReadFile(name)
			if err != nil {
				text = []byte("-")
			}
			found = append(found, string(text))
		}
		here, _ := os.Getwd()
		return strings.Join(append(found, os.Getenv("MODEL"), map[bool]string{true: "elsewhere"}[here != dir]), " ")
	}
	nested := func() string { return mobula.Go(look).Value() }
	for _, f := range []func() string{look, nested} {
		for _, o := range []mobula.Option{mobula.Retries(0), mobula.Isolated()} {
			got, err := mobula.Go(f, o).Get(t.Context())
			if want := "alpha 1,2,3 - small elsewhere"; err != nil || got != want {
				t.Errorf("%q, %v; want %q", got, err, want)
			}
		}
	}
}

func TestWorkingDirIsMissing(t *testing.T) {
	err := mobula.Connect(t.Context(), mobula.Config{WorkingDir: filepath.Join(t.TempDir(), "none")})
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("%v", err)
	}
}
