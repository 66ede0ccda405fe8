package magic

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mobula/notebook"
)

func TestJobExport(t *testing.T) {
	b := newBench(t)
	if fault := b.run(t.Context(), "%job export"); fault != nil {
		t.Fatal(fault)
	}
	text, err := os.ReadFile(filepath.Join(b.engine.dir, "notebook", "main.go"))
	if err != nil || !strings.Contains(string(text), "b := 2") || !strings.Contains(b.out.String(), "cells that have run") {
		t.Errorf("%s %v\n%s", text, err, &b.out)
	}
	nb := notebook.New()
	nb.Cells = append(nb.Cells, nb.NewCode("saved := 1\nsaved"))
	path := filepath.Join(b.engine.dir, "My notebook.ipynb")
	if err := nb.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	b.engine.env = append(b.engine.env, "JPY_SESSION_NAME="+path)
	if fault := b.run(t.Context(), "%job export out/dir"); fault != nil {
		t.Fatal(fault)
	}
	if text, err := os.ReadFile(filepath.Join(b.engine.dir, "out", "dir", "main.go")); err != nil || !strings.Contains(string(text), "fmt.Println(saved)") {
		t.Errorf("%s %v", text, err)
	}
	for line, want := range map[string]string{
		"%job export a b":             "one word too many; use  %job export [DIR]",
		"%job start":                  "there are export",
		"%job export --x":             "use  %job export [DIR]",
		"%job export " + b.engine.dir: "is not empty",
	} {
		if fault := b.run(t.Context(), line); fault == nil || !strings.Contains(fault.Value, want) {
			t.Errorf("%s: %v", line, fault)
		}
	}
}
