package langtest

import (
	"errors"
	"fmt"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Folders are the parts of the distribution's test tree that hold self-contained programs.
var Folders = []string{".", "typeparam", "ken", "chan", "interface", "fixedbugs", "escape"}

// Program is one program of the test tree.
type Program struct {
	Name   string // relative to the tree: fixedbugs/bug001.go
	Path   string
	Source []byte
}

// Skip is a program that was left out, and why.
type Skip struct{ Name, Reason string }

// Collect returns the programs marked "// run" under goroot's test tree that need nothing
// but themselves, sorted, and those left out.
func Collect(goroot string, folders []string) ([]Program, []Skip, error) {
	tree := filepath.Join(goroot, "test")
	if _, err := os.Stat(tree); err != nil {
		return nil, nil, fmt.Errorf("find Go's own test programs: %w (some distributions leave them out: install Go from its own archive)", err)
	}
	var programs []Program
	var skips []Skip
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(tree, folder, "*.go"))
		if err != nil {
			return nil, nil, err
		}
		for _, path := range files {
			source, err := os.ReadFile(path)
			if err != nil {
				return nil, nil, fmt.Errorf("read a test program: %w", err)
			}
			name, _ := filepath.Rel(tree, path)
			run, reason := selfContained(source)
			switch {
			case !run:
			case reason != "":
				skips = append(skips, Skip{filepath.ToSlash(name), reason})
			default:
				programs = append(programs, Program{filepath.ToSlash(name), path, source})
			}
		}
	}
	slices.SortFunc(programs, func(a, b Program) int { return strings.Compare(a.Name, b.Name) })
	return programs, skips, nil
}

// selfContained says whether source is marked to be run, and why it cannot be alone.
func selfContained(source []byte) (run bool, reason string) {
	first, rest, _ := strings.Cut(string(source), "\n")
	if strings.HasPrefix(first, "//go:build") { // a few begin with their constraint
		first, _, _ = strings.Cut(strings.TrimLeft(rest, "\n"), "\n")
	}
	action, arguments, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(first, "//")), " ")
	if !strings.HasPrefix(first, "//") || action != "run" {
		return false, ""
	}
	if arguments != "" {
		return true, "needs arguments or flags: " + arguments
	}
	if err := constraints(source); err != nil {
		return true, err.Error()
	}
	file, err := parser.ParseFile(token.NewFileSet(), "", source, parser.ImportsOnly)
	if err != nil {
		return true, "does not parse: " + err.Error()
	}
	if file.Name.Name != "main" {
		return true, "is of package " + file.Name.Name
	}
	for _, spec := range file.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		switch {
		case path == "os/exec":
			return true, "runs other commands (os/exec), most of them the go command on files beside it"
		case strings.HasPrefix(path, ".") || strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
			return true, "imports " + path
		case strings.Contains(path, "internal/"):
			return true, "imports a package that is internal to the distribution: " + path
		}
	}
	return true, ""
}

// constraints returns an error where the build constraint of source excludes this machine.
func constraints(source []byte) error {
	for line := range strings.Lines(string(source)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "package ") {
			break
		}
		if !constraint.IsGoBuild(line) {
			continue
		}
		expr, err := constraint.Parse(line)
		if err != nil {
			return err
		}
		if !expr.Eval(satisfied) {
			return errors.New("is not for this machine: " + line)
		}
	}
	return nil
}

func satisfied(tag string) bool {
	switch tag {
	case runtime.GOOS, runtime.GOARCH, "gc", "cgo":
		return true
	case "unix":
		return runtime.GOOS == "linux" || runtime.GOOS == "darwin"
	}
	return strings.HasPrefix(tag, "go1.")
}
