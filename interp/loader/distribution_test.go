//go:build linux && amd64

package loader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mobula/interp/loader"
)

// TestDistribution runs the distribution's own `// run` programs in the host:
// all with MOBULA_TEST_LONG=1, else a sample.
func TestDistribution(t *testing.T) {
	shared := testBench(t)
	b := new(*shared)
	b.workDir = filepath.Join(b.tc.GOROOT, "test")
	files := runPrograms(t, filepath.Join(b.tc.GOROOT, "test"))
	if os.Getenv("MOBULA_TEST_LONG") == "" {
		r := rand.New(rand.NewPCG(1, 2))
		r.Shuffle(len(files), func(i, k int) { files[i], files[k] = files[k], files[i] })
		files = files[:min(10, len(files))]
	}
	passed, refused := 0, 0
	var bad []string
	for _, f := range files {
		err := b.runProgram(t, f)
		name, _ := filepath.Rel(b.tc.GOROOT, f)
		switch {
		case err == nil:
			passed++
		case errors.Is(err, errCompile):
			refused++
		default:
			bad = append(bad, fmt.Sprintf("%s: %v", name, err))
		}
	}
	t.Logf("%d programs: %d pass, %d not compilable here, %d fail", len(files), passed, refused, len(bad))
	for _, s := range bad {
		t.Error(s)
	}
}

func runPrograms(t *testing.T, root string) []string {
	var files []string
	for _, d := range []string{"", "typeparam", "ken", "chan", "interface", "fixedbugs", "escape", "closedchan"} {
		all, err := filepath.Glob(filepath.Join(root, d, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			if strings.TrimSpace(first) == "// run" && !bytes.Contains(text, []byte(`import "C"`)) {
				files = append(files, f)
			}
		}
	}
	if len(files) == 0 {
		t.Skip("this distribution has no test programs")
	}
	return files
}

var errCompile = errors.New("not compilable")

// runProgram compiles a program as package main, loads it whole and calls its main.
func (b *bench) runProgram(t *testing.T, file string) error {
	archive := filepath.Join(t.TempDir(), "p.a")
	if out, err := exec.CommandContext(t.Context(), b.tc.GoCmd, "tool", "compile", "-p", "main", "-importcfg", b.cfg, "-complete", "-pack", "-o", archive, file).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", errCompile, out)
	}
	objs, err := imports(archive)
	if err != nil {
		return err
	}
	u := &loader.Unit{Packages: append(b.needed(objs), loader.Package{Path: "main", Archive: archive})}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	out, err := b.start(ctx, t, []string{"GOGC=5"}, step{Unit: u, Run: []string{"main.main"}})
	if err != nil {
		return fmt.Errorf("%w: %s", err, out[:min(len(out), 600)])
	}
	if want, err := os.ReadFile(strings.TrimSuffix(file, ".go") + ".out"); err == nil && string(want) != out {
		return fmt.Errorf("printed %s", strconv.Quote(out[:min(len(out), 300)]))
	}
	return nil
}

// imports lists the packages that an archive was linked against, from its export data header.
func imports(archive string) ([]string, error) {
	return loader.Imports(archive)
}

// needed returns the packages, with what they need in turn, dependencies first.
func (b *bench) needed(paths []string) []loader.Package {
	if b.deps == nil {
		b.deps = map[string][]string{}
	}
	var out []loader.Package
	seen := map[string]bool{}
	var visit func(p string)
	visit = func(p string) {
		if seen[p] || b.archives[p] == "" {
			return
		}
		seen[p] = true
		if _, ok := b.deps[p]; !ok {
			b.deps[p], _ = imports(b.archives[p])
		}
		for _, q := range b.deps[p] {
			visit(q)
		}
		if !slices.ContainsFunc(out, func(x loader.Package) bool { return x.Path == p }) {
			out = append(out, loader.Package{Path: p, Archive: b.archives[p]})
		}
	}
	for _, p := range paths {
		visit(p)
	}
	return out
}
