// Package archtest holds the rules of ARCHITECTURE.md as tests: which package may import
// which, what the session host may link, that every package states its contract, how
// long files and functions get, and which words no file of the repository holds.
//
// # Usage
//
// go test ./internal/archtest. A failure names the file and the rule. The tables in the
// tests are policy: they change with ARCHITECTURE.md, never to make a build pass.
//
// # Concurrency
//
// There is nothing to share; tests only read files.
//
// # Testing
//
// The files are read in this process and not by the go command, so that go test knows
// them as inputs and never answers with a stale cached pass. Every rule is also tried on a
// small tree that breaks it.
package archtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// A Package is a folder with Go files.
type Package struct {
	Path        string // relative to the module, "." for its root
	Name        string // of its package clause
	Files       []*File
	Imports     map[string]string // import path to one file that has it; tests left out
	HostImports map[string]string // the same of files that the session host has
}

// A File is one parsed Go file.
type File struct {
	Path  string // relative to the module, with slashes
	Test  bool
	Lines int
	AST   *ast.File
}

// skipped says which folders hold no source of the module.
func skipped(name string) bool {
	return name == "testdata" || name == "out" || name == "bin" || name == "node_modules" ||
		name != "." && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_"))
}

// Load parses all Go files under root, which is the module called module.
func Load(root fs.FS, fset *token.FileSet) (map[string]*Package, error) {
	packages := map[string]*Package{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		file, err := load(root, fset, name)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		p := packages[dir]
		if p == nil {
			p = &Package{Path: dir, Imports: map[string]string{}, HostImports: map[string]string{}}
			packages[dir] = p
		}
		return p.add(file)
	})
	return packages, err
}

func load(root fs.FS, fset *token.FileSet, name string) (*File, error) {
	source, err := fs.ReadFile(root, name)
	if err != nil {
		return nil, err
	}
	tree, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("parse the module's own source: %w", err)
	}
	lines := fset.File(tree.Pos()).LineCount()
	return &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), Lines: lines, AST: tree}, nil
}

func (p *Package) add(f *File) error {
	p.Files = append(p.Files, f)
	if f.Test {
		return nil
	}
	p.Name = f.AST.Name.Name
	var errs []error
	for _, spec := range f.AST.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		errs = append(errs, err)
		p.Imports[target] = f.Path
		if inHost(f.AST) {
			p.HostImports[target] = f.Path
		}
	}
	return errors.Join(errs...)
}

// inHost reports whether a file is compiled into the session host, as its build constraint says.
func inHost(tree *ast.File) bool {
	for _, group := range tree.Comments {
		if group.Pos() > tree.Package {
			break
		}
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil {
				return expr.Eval(func(string) bool { return true })
			}
		}
	}
	return true
}
