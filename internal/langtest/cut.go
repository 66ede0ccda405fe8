package langtest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"sync"
)

// Cutter cuts programs into cells. Its zero value is ready; one should be shared, since it
// keeps the packages that programs import.
type Cutter struct {
	mu  sync.Mutex // guards the importer
	imp types.Importer
}

// Import implements types.Importer over the installed packages.
func (c *Cutter) Import(path string) (*types.Package, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.imp == nil {
		c.imp = importer.Default()
	}
	return c.imp.Import(path)
}

// node is a declaration, or one specification of a grouped one.
type node struct {
	text  string
	pos   int // offset, which orders what is free to be ordered
	needs map[*node]bool
	kind  token.Token // token.TYPE, VAR, CONST, FUNC
	recv  types.Object
}

// program is a program that is being cut.
type program struct {
	source  string
	fset    *token.FileSet
	file    *ast.File
	info    *types.Info
	pkg     *types.Package
	nodes   []*node
	of      map[types.Object]*node
	methods map[types.Object][]*node // by their receiver's type name
	imports []string
	syntax  map[*node][]ast.Node
	inits   []*node
	body    string // of main
}

// Split returns the cells of a program: its imports, then a cell for each declaration
// after all that it needs, with those that need each other in one cell, and last the body of main.
func (c *Cutter) Split(name string, source []byte) ([]string, error) {
	p := &program{
		source: string(source), fset: token.NewFileSet(), of: map[types.Object]*node{},
		methods: map[types.Object][]*node{}, syntax: map[*node][]ast.Node{},
		info: &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}},
	}
	var err error
	if p.file, err = parser.ParseFile(p.fset, name, source, parser.ParseComments|parser.SkipObjectResolution); err != nil {
		return nil, err
	}
	config := types.Config{Importer: c}
	if p.pkg, err = config.Check("main", p.fset, []*ast.File{p.file}, p.info); err != nil {
		return nil, fmt.Errorf("check the program before it is cut: %w", err)
	}
	for _, decl := range p.file.Decls {
		p.declare(decl)
	}
	p.link()
	return p.cells(c), nil
}

// text returns the source from one position to another.
func (p *program) text(from, to token.Pos) string {
	return p.source[p.fset.Position(from).Offset:p.fset.Position(to).Offset]
}

func (p *program) add(kind token.Token, text string, pos token.Pos, syntax ast.Node, names ...*ast.Ident) *node {
	n := &node{text: text, pos: int(pos), kind: kind, needs: map[*node]bool{}}
	p.nodes = append(p.nodes, n)
	p.syntax[n] = append(p.syntax[n], syntax)
	for _, id := range names {
		if obj := p.info.Defs[id]; obj != nil {
			p.of[obj] = n
		}
	}
	return n
}

func (p *program) declare(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.GenDecl:
		p.declareGroup(d)
	case *ast.FuncDecl:
		p.declareFunc(d)
	}
}

func start(pos token.Pos, doc *ast.CommentGroup) token.Pos {
	if doc != nil {
		return doc.Pos()
	}
	return pos
}

func (p *program) declareGroup(d *ast.GenDecl) {
	whole := p.text(start(d.Pos(), d.Doc), d.End())
	switch {
	case d.Tok == token.IMPORT:
		p.imports = append(p.imports, whole)
	case d.Tok == token.CONST: // stays together: iota, and what is repeated implicitly
		var names []*ast.Ident
		for _, spec := range d.Specs {
			names = append(names, spec.(*ast.ValueSpec).Names...)
		}
		p.add(d.Tok, whole, d.Pos(), d, names...)
	default:
		for _, spec := range d.Specs {
			text, names := "", []*ast.Ident(nil)
			switch s := spec.(type) {
			case *ast.ValueSpec:
				names, text = s.Names, p.text(start(s.Pos(), s.Doc), s.Pos())+d.Tok.String()+" "+p.text(s.Pos(), s.End())
			case *ast.TypeSpec:
				names, text = []*ast.Ident{s.Name}, p.text(start(s.Pos(), s.Doc), s.Pos())+d.Tok.String()+" "+p.text(s.Pos(), s.End())
			}
			if !d.Lparen.IsValid() {
				text = whole
			}
			p.add(d.Tok, text, spec.Pos(), spec, names...)
		}
	}
}

func (p *program) declareFunc(d *ast.FuncDecl) {
	if d.Name.Name == "main" && d.Recv == nil {
		p.body = p.text(d.Body.Lbrace+1, d.Body.Rbrace)
		if p.hides(d.Body) {
			p.body = "{" + p.body + "}"
		}
		return
	}
	n := p.add(token.FUNC, p.text(start(d.Pos(), d.Doc), d.End()), d.Pos(), d, d.Name)
	switch {
	case d.Recv == nil && d.Name.Name == "init":
		p.inits = append(p.inits, n)
	case d.Recv != nil:
		if fn, ok := p.info.Defs[d.Name].(*types.Func); ok {
			n.recv = receiver(fn)
			p.methods[n.recv] = append(p.methods[n.recv], n)
		}
	}
}

// hides says whether the body of main declares a name of the package anew, which
// would redeclare it for everybody where the body's variables are the session's.
func (p *program) hides(body *ast.BlockStmt) bool {
	var names []*ast.Ident
	for _, stmt := range body.List {
		switch s := stmt.(type) {
		case *ast.AssignStmt:
			for _, left := range s.Lhs {
				if id, ok := left.(*ast.Ident); ok && s.Tok == token.DEFINE {
					names = append(names, id)
				}
			}
		case *ast.DeclStmt:
			names = append(names, declared(s.Decl.(*ast.GenDecl))...)
		}
	}
	return slices.ContainsFunc(names, func(id *ast.Ident) bool { return p.pkg.Scope().Lookup(id.Name) != nil })
}

func declared(d *ast.GenDecl) []*ast.Ident {
	var names []*ast.Ident
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			names = append(names, s.Names...)
		case *ast.TypeSpec:
			names = append(names, s.Name)
		}
	}
	return names
}

// receiver returns the name of a method's type, or nil.
func receiver(fn *types.Func) types.Object {
	recv := fn.Signature().Recv()
	if recv == nil {
		return nil
	}
	t := recv.Type()
	if pointer, ok := types.Unalias(t).(*types.Pointer); ok {
		t = pointer.Elem()
	}
	if named, ok := types.Unalias(t).(*types.Named); ok {
		return named.Origin().Obj()
	}
	return nil
}

// cells orders the declarations and joins those that do not type-check without the next.
func (p *program) cells(c *Cutter) []string {
	var cells []string
	if len(p.imports) > 0 {
		cells = append(cells, strings.Join(p.imports, "\n"))
	}
	pending := ""
	for _, component := range p.components() {
		slices.SortFunc(component, func(a, b *node) int { return a.pos - b.pos })
		for _, n := range component {
			pending += n.text + "\n"
		}
		if c.checks(append(slices.Clone(cells), pending)) == nil {
			cells = append(cells, strings.TrimSpace(pending))
			pending = ""
		}
	}
	if pending != "" {
		cells = append(cells, strings.TrimSpace(pending))
	}
	return append(cells, strings.Trim(p.body, "\n"))
}

// checks reports an error where cells do not make a package.
func (c *Cutter) checks(cells []string) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "cells.go", "package main\n"+strings.Join(cells, "\n"), parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	var hard []error
	config := types.Config{Importer: c, Error: func(err error) {
		if e, ok := errors.AsType[types.Error](err); !ok || !e.Soft {
			hard = append(hard, err)
		}
	}}
	config.Check("main", fset, []*ast.File{file}, nil) //nolint:errcheck // Error has heard them all
	return errors.Join(hard...)
}
