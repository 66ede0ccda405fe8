package interp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
)

// cellCode is what a checked cell brings: new declarations and code to run.
type cellCode struct {
	p       *parsedCell
	res     *checked
	decls   []*decl                // in source order; methods too
	locals  map[types.Object]*decl // top-level variables of the statements
	inits   []*ast.FuncDecl
	hasMain bool
	vars    []*ast.GenDecl // hoisted or program variables, in source order
	pkgs    map[string]map[string]bool
}

// collect finds what a cell declares.
func (s *Session) collect(p *parsedCell, res *checked) *cellCode {
	c := &cellCode{p: p, res: res, locals: map[types.Object]*decl{}, pkgs: map[string]map[string]bool{}}
	for _, n := range p.file.Decls {
		switch n := n.(type) {
		case *ast.GenDecl:
			c.general(n)
		case *ast.FuncDecl:
			c.function(n)
		}
	}
	if p.body != nil {
		for _, st := range p.body.Body.List {
			c.statement(st)
		}
	}
	return c
}

func (c *cellCode) add(d *decl) *decl {
	d.src, d.cell = c.p, c.p.Number
	c.decls = append(c.decls, d)
	return d
}

func (c *cellCode) general(n *ast.GenDecl) {
	if n.Tok == token.VAR {
		c.vars = append(c.vars, n)
	}
	for _, spec := range n.Specs {
		switch x := spec.(type) {
		case *ast.TypeSpec:
			if x.Name.Name != "_" {
				node := &ast.GenDecl{Tok: token.TYPE, TokPos: x.Pos(), Specs: []ast.Spec{x}}
				d := c.add(&decl{kind: kindType, name: x.Name.Name, spec: x, pos: x.Pos(), node: node, generic: x.TypeParams != nil, alias: x.Assign.IsValid()})
				if obj := c.res.info.Defs[x.Name]; obj != nil {
					d.typ = obj.Type()
				}
			}
		case *ast.ValueSpec:
			for _, name := range x.Names {
				c.value(n, x, name)
			}
		}
	}
}

func (c *cellCode) value(n *ast.GenDecl, x *ast.ValueSpec, name *ast.Ident) {
	switch obj := c.res.info.Defs[name].(type) {
	case *types.Const:
		if name.Name != "_" {
			c.add(&decl{kind: kindConst, name: name.Name, value: obj.Val(), typ: obj.Type(), pos: name.Pos()})
		}
	case *types.Var:
		if name.Name != "_" {
			d := c.add(&decl{kind: kindVar, name: name.Name, typ: obj.Type(), pos: name.Pos()})
			d.embed = embedDirective(n, x)
		}
	}
}

// embedDirective returns the //go:embed lines of a variable.
func embedDirective(n *ast.GenDecl, x *ast.ValueSpec) string {
	var lines []string
	for _, doc := range []*ast.CommentGroup{n.Doc, x.Doc} {
		if doc == nil {
			continue
		}
		for _, l := range doc.List {
			if strings.HasPrefix(l.Text, "//go:embed ") {
				lines = append(lines, l.Text)
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (c *cellCode) function(n *ast.FuncDecl) {
	switch name := n.Name.Name; {
	case n == c.p.body || name == "_":
	case n.Recv == nil && name == "init":
		c.inits = append(c.inits, n)
	case n.Recv == nil:
		c.hasMain = c.hasMain || name == "main"
		d := &decl{kind: kindFunc, name: name, fn: n, pos: n.Pos(), node: n, generic: n.Type.TypeParams != nil, c: c.p.cFunc(name)}
		if obj := c.res.info.Defs[n.Name]; obj != nil {
			d.typ = obj.Type()
		}
		d.measure()
		c.add(d)
	default:
		recv := receiver(n)
		d := &decl{kind: kindMethod, name: recv + "." + name, recv: recv, method: name, link: name, fn: n, pos: n.Pos(), node: n}
		if obj := c.res.info.Defs[n.Name]; obj != nil {
			d.typ = obj.Type()
			d.generic = obj.Type().(*types.Signature).RecvTypeParams() != nil
		}
		d.measure()
		c.add(d)
	}
}

// statement finds the session variables that a top-level statement declares.
func (c *cellCode) statement(st ast.Stmt) {
	var names []*ast.Ident
	switch x := st.(type) {
	case *ast.AssignStmt:
		if x.Tok != token.DEFINE {
			return
		}
		for _, l := range x.Lhs {
			if id, ok := l.(*ast.Ident); ok {
				names = append(names, id)
			}
		}
	case *ast.DeclStmt:
		if g, ok := x.Decl.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names...)
			}
		}
	}
	for _, id := range names {
		if obj, ok := c.res.info.Defs[id].(*types.Var); ok && id.Name != "_" {
			c.locals[obj] = c.add(&decl{kind: kindVar, name: id.Name, typ: obj.Type(), pos: id.Pos()})
		}
	}
}

// rewriteDecl computes the edits and references of a declaration with syntax.
func (s *Session) rewriteDecl(d *decl, res *checked, code *cellCode) {
	r := newRewriter(d.src, res)
	switch {
	case d.spec != nil:
		r.walk(d.spec)
		d.sigRefs = r.refs
	case d.fn != nil:
		r.nameOf(d)
		if d.fn.Recv != nil {
			r.walk(d.fn.Recv)
		}
		r.walk(d.fn.Type)
		d.sigRefs = cloneSet(r.refs)
		if d.fn.Body != nil {
			r.walk(d.fn.Body)
			var locals map[types.Object]*decl
			if code != nil {
				locals = code.locals
			}
			d.assigns = assignments(d.fn.Body, d.src, res, locals)
		}
	}
	d.refs, d.edits = r.refs, r.edits
	if d.kind != kindMethod {
		delete(d.refs, d.name)
		delete(d.sigRefs, d.name)
	}
	if code != nil {
		code.merge(r)
	}
}

func (c *cellCode) merge(r *rewriter) {
	for path, funcs := range r.pkgs {
		if c.pkgs[path] == nil {
			c.pkgs[path] = map[string]bool{}
		}
		for f := range funcs {
			c.pkgs[path][f] = true
		}
	}
}

// nameOf renames the function's own name to its link name.
func (r *rewriter) nameOf(d *decl) {
	if d.kind == kindFunc {
		r.add(edit{start: r.at(d.fn.Name), end: r.src.identEnd(r.at(d.fn.Name)), d: d})
	}
}

// usePackageAliases replaces package names in a declaration that leaves its cell's file, whose imports
// it could see, for the file of all earlier declarations.
func (s *Session) usePackageAliases(n ast.Node, res *checked) {
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if p, ok := res.info.Uses[id].(*types.PkgName); ok {
				id.Name = s.aliases.of(p.Imported().Path())
			}
		}
		return true
	})
}

// describeValue gives a constant or variable without syntax what the checker sees of it later.
func (s *Session) describeValue(d *decl, res *checked, env declarations) error {
	find := func(name string) *decl { return env[name] }
	text, err := writeType(d.typ, res.pkg, find)
	if b, ok := d.typ.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		text, err = nil, nil
	}
	if err != nil {
		return err
	}
	d.text = text
	d.sigRefs = text.names()
	d.refs = d.sigRefs
	src := "package main\nvar " + d.name + " " + text.userText(s.aliases)
	if d.kind == kindConst {
		src = "package main\nconst " + d.name + " " + text.userText(s.aliases) + " = " + constText(d.value)
	}
	f, err := parser.ParseFile(s.fset, d.name, src, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	d.node = f.Decls[0]
	return nil
}

func cloneSet(m map[string]bool) map[string]bool {
	c := make(map[string]bool, len(m))
	for k := range m {
		c[k] = true
	}
	return c
}
