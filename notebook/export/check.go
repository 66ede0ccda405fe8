package export

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mobula/interp"
	"mobula/interp/toolchain"
)

// program is a notebook on its way.
type program struct {
	units    []*unit
	hoisted  map[string]bool // variables of the notebook that are those of the package: functions use them, or several functions of main
	raised   map[string]bool // those, and what their first values need, for the check
	imports  map[string]bool // import specs as they are written: "fmt", or r "math/rand"
	warnings []string

	packages *toolchain.Packages
	goroot   string

	chunks []chunk // of the checked file
}

// place is an offset in the source of a unit.
type place struct {
	unit   *unit
	offset int
}

// chunk says where a part of the checked file is from.
type chunk struct {
	start, end int
	from       place
}

// hoist finds the variables that have to be those of the package.
func (p *program) hoist() {
	definers := map[string][]*unit{}
	var values []func() // for each definition: raise what its value needs
	p.hoisted, p.raised = map[string]bool{}, map[string]bool{}
	for _, u := range p.units {
		for _, s := range u.stmts {
			names, exprs := defines(s)
			for _, id := range names {
				definers[id.Name] = append(definers[id.Name], u)
				values = append(values, func() {
					if p.raised[id.Name] && definers[id.Name][0] == u {
						p.raise(exprs, definers)
					}
				})
			}
		}
	}
	for _, u := range p.units {
		for _, d := range u.decls {
			for _, name := range d.mentions {
				if definers[name] != nil && d.dropped == nil {
					p.hoisted[name] = true
				}
			}
		}
		for _, name := range u.names {
			for _, by := range definers[name] {
				if by != u && (by.function || by.guarded) {
					p.hoisted[name] = true
				}
			}
		}
	}
	for name := range p.hoisted {
		p.raised[name] = true
	}
	for n := -1; n != len(p.raised); {
		n = len(p.raised)
		for _, f := range values {
			f()
		}
	}
}

func (p *program) raise(exprs []ast.Expr, definers map[string][]*unit) {
	for _, e := range exprs {
		ast.Inspect(e, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && definers[id.Name] != nil {
				p.raised[id.Name] = true
			}
			return true
		})
	}
}

// assemble writes the file that is checked: cells are blocks within each other, so that a variable that is declared again is another one.
func (p *program) assemble() string {
	a := &assembly{p: p}
	a.WriteString("package main\n" + p.importBlock())
	for _, u := range p.units {
		for _, d := range u.decls {
			a.decl(d)
		}
	}
	for _, u := range p.units {
		a.variables(u)
	}
	a.WriteString("func main() {\n")
	blocks := 0
	for _, u := range p.units {
		if u.function || u.guarded {
			a.WriteString("func() {\n")
			a.put(u, 0, u.rest)
			a.WriteString("\n}()\n")
			continue
		}
		a.put(u, 0, u.rest)
		a.WriteString("\n{\n")
		blocks++
	}
	a.WriteString(strings.Repeat("}", blocks) + "}\n")
	p.chunks = a.chunks
	return a.String()
}

// assembly is the text of the checked file, and where its parts are from.
type assembly struct {
	strings.Builder
	p      *program
	chunks []chunk
	raised map[string]bool
}

func (a *assembly) put(u *unit, start int, text string) {
	a.chunks = append(a.chunks, chunk{a.Len(), a.Len() + len(text), place{u, start}})
	a.WriteString(text)
}

func (a *assembly) decl(d *decl) {
	name := d.emitted()
	switch {
	case d.dropped != nil:
		return
	case name == "":
		a.put(d.unit, d.start, d.text)
	default:
		a.put(d.unit, d.start, d.text[:d.ident])
		a.WriteString(name)
		end := d.ident + len(d.names[0])
		a.put(d.unit, d.start+end, d.text[end:])
	}
	a.WriteString("\n")
	if d.version == 1 {
		a.WriteString("var " + d.names[0] + " " + d.signature + "\n")
	}
}

// emitted is the name of a function in the program where it is not that in the notebook; else "".
func (d *decl) emitted() string {
	switch {
	case d.version > 0:
		return fmt.Sprint(d.names[0], d.version)
	case d.kind == token.FUNC && d.names[0] == "main":
		return notebookMain
	}
	return ""
}

// notebookMain is what a func main of a cell is called.
const notebookMain = "notebookMain"

// variables puts the first definitions of raised variables before main, and leaves the others in the unit's rest.
func (a *assembly) variables(u *unit) {
	u.rest = u.body
	if a.raised == nil {
		a.raised = map[string]bool{}
	}
	for _, s := range u.stmts {
		names, _ := defines(s)
		first := false
		for _, id := range names {
			if id.Name != "_" && (!a.p.raised[id.Name] || a.raised[id.Name]) {
				first = false
				break
			}
			first = first || id.Name != "_"
		}
		if !first {
			continue
		}
		for _, id := range names {
			a.raised[id.Name] = true
		}
		start, end := offset(s.Pos()), offset(s.End())
		if d, ok := s.(*ast.AssignStmt); ok {
			at := offset(d.TokPos)
			a.WriteString("var ")
			a.put(u, start, u.source[start:at])
			a.WriteString("=")
			a.put(u, at+2, u.source[at+2:end])
		} else {
			a.put(u, start, u.source[start:end])
		}
		a.WriteString("\n")
		u.rest = u.rest[:start] + blank(u.rest[start:end]) + u.rest[end:]
	}
}

// find says where in the notebook an offset of the checked file is.
func (p *program) find(at int) (place, bool) {
	for _, c := range p.chunks {
		if c.start <= at && at < c.end {
			return place{c.from.unit, c.from.offset + at - c.start}, true
		}
	}
	return place{}, false
}

func (p *program) importBlock() string {
	if len(p.imports) == 0 {
		return ""
	}
	var std, others []string
	for _, spec := range slices.Sorted(maps.Keys(p.imports)) {
		first, _, _ := strings.Cut(strings.Trim(spec[strings.Index(spec, "\""):], "\""), "/")
		if strings.Contains(first, ".") || first == "mobula" {
			others = append(others, "\t"+spec+"\n")
		} else {
			std = append(std, "\t"+spec+"\n")
		}
	}
	return "import (\n" + strings.Join(std, "") + "\n" + strings.Join(others, "") + ")\n"
}

// checked is a file of the program with its types.
type checked struct {
	fset   *token.FileSet
	file   *ast.File
	info   *types.Info
	errors []types.Error
}

// at is an offset in the file.
func (c *checked) at(pos token.Pos) int { return c.fset.PositionFor(pos, false).Offset }

var (
	undefinedName = regexp.MustCompile(`^undefined: (\w+)$`)
	unusedImport  = regexp.MustCompile(`^"(.+)" imported(?: as \w+)? and not used$`)
)

// check type-checks what write makes, and adds the imports that it lacks and takes out those that it does not use, until nothing changes.
func (p *program) check(ctx context.Context, write func() string) (*checked, error) {
	for {
		text := write()
		c, err := p.typecheck(ctx, text)
		if err != nil {
			return nil, err
		}
		changed := false
		for _, e := range c.errors {
			if m := unusedImport.FindStringSubmatch(e.Msg); m != nil {
				for spec := range p.imports {
					if strings.HasSuffix(spec, strconv.Quote(m[1])) {
						delete(p.imports, spec)
						changed = true
					}
				}
			}
			if m := undefinedName.FindStringSubmatch(e.Msg); m != nil {
				if paths := interp.StandardPackages(p.goroot, m[1]); len(paths) == 1 && !p.imports[strconv.Quote(paths[0])] {
					p.imports[strconv.Quote(paths[0])] = true
					changed = true
				}
			}
		}
		if !changed {
			return c, nil
		}
	}
}

func (p *program) typecheck(ctx context.Context, text string) (*checked, error) {
	c := &checked{fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}}
	var err error
	if c.file, err = parser.ParseFile(c.fset, "main.go", text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	var paths []string
	for _, i := range c.file.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return nil, err
		}
		if path == "C" {
			return nil, errors.New("a notebook with C in it cannot be exported")
		}
		paths = append(paths, path)
	}
	if err := p.packages.Resolve(ctx, paths...); err != nil {
		return nil, err
	}
	gc := importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) {
		k := p.packages.Lookup(path)
		if k == nil || k.Export == "" {
			return nil, fmt.Errorf("package %s was not found", path)
		}
		return os.Open(k.Export)
	})
	conf := types.Config{Importer: gc, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); ok {
			c.errors = append(c.errors, e)
		}
	}}
	_, _ = conf.Check("main", c.fset, []*ast.File{c.file}, c.info) // the errors are gathered
	return c, nil
}

// real returns the errors that are mistakes in the notebook.
func (p *program) real(c *checked) error {
	var list []error
	for _, e := range c.errors {
		if strings.Contains(e.Msg, "declared and not used") || strings.Contains(e.Msg, "is not used") {
			continue
		}
		where, ok := p.find(c.at(e.Pos))
		if !ok {
			list = append(list, errors.New(e.Msg))
			continue
		}
		line := 1 + strings.Count(where.unit.source[:where.offset], "\n")
		list = append(list, fmt.Errorf("cell %d, line %d: %s", where.unit.number, line, e.Msg))
	}
	return errors.Join(list...)
}
