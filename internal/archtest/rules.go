package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// A Layer is a set of packages, as space-separated patterns: a trailing /... takes the
// subtree in, and the longest match wins.
type Layer struct{ Name, Packages string }

// A Ban is a dependency, direct or not, that no order of layers excuses.
type Ban struct{ From, To, Why string }

// Policy is what the imports of a module are held against.
type Policy struct {
	Module   string
	Layers   []Layer // a package imports its own layer and those before it
	Bans     []Ban
	HostOnly string // patterns: these import the standard library and each other
}

func match(pattern, pkg string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == root || strings.HasPrefix(pkg, root+"/")
	}
	return pattern == pkg
}

func matchAny(patterns, pkg string) bool {
	for p := range strings.FieldsSeq(patterns) {
		if match(p, pkg) {
			return true
		}
	}
	return false
}

func (p *Policy) layer(pkg string) int {
	best, length := -1, -1
	for i, l := range p.Layers {
		for pattern := range strings.FieldsSeq(l.Packages) {
			if match(pattern, pkg) && len(pattern) > length {
				best, length = i, len(pattern)
			}
		}
	}
	return best
}

// local returns the module-relative path of an import, or false for others.
func (p *Policy) local(target string) (string, bool) {
	if target == p.Module {
		return ".", true
	}
	return strings.CutPrefix(target, p.Module+"/")
}

// Check returns one line for each import that breaks the policy.
func (p *Policy) Check(packages map[string]*Package) []string {
	var broken []string
	for _, pkg := range sorted(packages) {
		from := p.layer(pkg.Path)
		if from < 0 && len(pkg.Imports) > 0 {
			broken = append(broken, pkg.Path+" is in no layer: add it to ARCHITECTURE.md and to the policy")
			continue
		}
		for target, file := range pkg.Imports {
			broken = append(broken, p.checkImport(pkg, target, file, from)...)
		}
		broken = append(broken, p.checkBans(packages, pkg)...)
	}
	slices.Sort(broken)
	return broken
}

func (p *Policy) checkImport(pkg *Package, target, file string, from int) []string {
	to, local := p.local(target)
	host := matchAny(p.HostOnly, pkg.Path) && pkg.HostImports[target] != ""
	switch {
	case !local && host && strings.Contains(strings.SplitN(target, "/", 2)[0], "."):
		return []string{fmt.Sprintf("%s imports %s: the session host links the standard library and nothing else", file, target)}
	case !local:
		return nil
	case host && !matchAny(p.HostOnly, to):
		return []string{fmt.Sprintf("%s imports %s, which is no part of the session host", file, to)}
	case p.layer(to) > from:
		return []string{fmt.Sprintf("%s (%s) imports %s (%s): imports go one way", file, p.Layers[from].Name, to, p.Layers[p.layer(to)].Name)}
	}
	return nil
}

func (p *Policy) checkBans(packages map[string]*Package, pkg *Package) []string {
	reached := []string{pkg.Path}
	for i := 0; i < len(reached); i++ {
		next := packages[reached[i]]
		if next == nil {
			continue
		}
		for target := range next.Imports {
			if to, ok := p.local(target); ok && !slices.Contains(reached, to) {
				reached = append(reached, to)
			}
		}
	}
	var broken []string
	for _, ban := range p.Bans {
		for _, to := range reached[1:] {
			if match(ban.From, pkg.Path) && match(ban.To, to) {
				broken = append(broken, fmt.Sprintf("%s must not depend on %s: %s", pkg.Path, to, ban.Why))
			}
		}
	}
	return broken
}

// CheckDocs returns one line for each package that does not state its contract once.
func CheckDocs(packages map[string]*Package) []string {
	var broken []string
	for _, pkg := range sorted(packages) {
		var docs []string
		main, code := false, false
		for _, f := range pkg.Files {
			main = main || f.AST.Name.Name == "main"
			code = code || !f.Test
			if f.AST.Doc != nil && (!f.Test || len(pkg.Files) == 1) {
				docs = append(docs, f.AST.Doc.Text())
			}
		}
		switch {
		case !code:
		case len(docs) != 1:
			broken = append(broken, fmt.Sprintf("%s has %d package comments, and wants one", pkg.Path, len(docs)))
		case !main:
			for _, section := range []string{"# Concurrency", "# Testing"} {
				if !strings.Contains(docs[0], section) {
					broken = append(broken, fmt.Sprintf("%s: its package comment lacks a section %q", pkg.Path, section))
				}
			}
		}
	}
	return broken
}

// Sizes are limits in lines. Rule is reported, Most is an error.
type Sizes struct{ FileRule, FileMost, FuncRule, FuncMost int }

// CheckSizes returns what is over the rule and what is over the most.
func CheckSizes(packages map[string]*Package, fset *token.FileSet, s Sizes) (over, broken []string) {
	note := func(lines, rule, most int, what string) {
		text := fmt.Sprintf("%s has %d lines; the rule is %d", what, lines, rule)
		switch {
		case lines > most:
			broken = append(broken, text)
		case lines > rule:
			over = append(over, text)
		}
	}
	for _, pkg := range sorted(packages) {
		for _, f := range pkg.Files {
			if ast.IsGenerated(f.AST) {
				continue
			}
			note(f.Lines, s.FileRule, s.FileMost, f.Path)
			for _, decl := range f.AST.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil && !f.Test {
					lines := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1
					note(lines, s.FuncRule, s.FuncMost, f.Path+": "+fn.Name.Name)
				}
			}
		}
	}
	return over, broken
}

func sorted(packages map[string]*Package) []*Package {
	var all []*Package
	for _, p := range packages {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Package) int { return strings.Compare(a.Path, b.Path) })
	return all
}
