package interp

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// bodyWriter writes the function that runs a cell: in a program cell the variables in
// dependency order, init functions and main; else the statements.
type bodyWriter struct {
	*unitWriter
	code   *cellCode
	r      *rewriter
	hoists int // hoisted var declarations written so far
}

// prepare computes the edits of the code that runs. scope tells what names meant to the cell.
func (s *Session) prepareBody(code *cellCode, ch *change, scope declarations) *bodyWriter {
	r := newRewriter(code.p, code.res)
	r.locals, r.scope, r.change = code.locals, scope, ch
	for _, g := range code.vars {
		r.walk(g)
	}
	for _, f := range code.inits {
		r.walk(f)
	}
	if p := code.p; p.body != nil {
		r.walk(p.body.Body)
		for _, st := range p.body.Body.List {
			r.topLevel(st)
		}
		r.showLast(p)
	}
	code.merge(r)
	return &bodyWriter{code: code, r: r}
}

// topLevel turns declarations of session variables into assignments.
func (r *rewriter) topLevel(st ast.Stmt) {
	switch x := st.(type) {
	case *ast.AssignStmt:
		if x.Tok == token.DEFINE {
			at := int(x.TokPos) - r.src.base
			r.replace(at, at+2, "=")
		}
	case *ast.DeclStmt:
		if g, ok := x.Decl.(*ast.GenDecl); ok && g.Tok == token.VAR && g.Lparen.IsValid() {
			r.replace(r.at(g), int(g.Lparen)+1-r.src.base, "")
			r.replace(int(g.Rparen)-r.src.base, int(g.Rparen)+1-r.src.base, "")
		} else if ok && g.Tok == token.VAR {
			r.replace(r.at(g), r.at(g.Specs[0]), "")
		}
		if g, ok := x.Decl.(*ast.GenDecl); ok {
			for _, spec := range g.Specs {
				r.varSpec(spec.(*ast.ValueSpec))
			}
		}
	}
}

// varSpec turns a T = e into a = e, and a, b T into zeroing.
func (r *rewriter) varSpec(x *ast.ValueSpec) {
	if len(x.Values) == 0 {
		var zero []string
		for _, n := range x.Names {
			if n.Name != "_" {
				zero = append(zero, n.Name)
			}
		}
		r.zero(x, zero)
		return
	}
	if !slices.ContainsFunc(x.Names, func(n *ast.Ident) bool { return n.Name != "_" }) && x.Type != nil {
		r.insert(r.at(x), "var ")
		return
	}
	last := x.Names[len(x.Names)-1]
	r.replace(r.src.identEnd(r.at(last)), r.at(x.Values[0]), " = ")
}

// zero replaces a spec without values by calls that zero the variables.
func (r *rewriter) zero(x *ast.ValueSpec, names []string) {
	end := int(x.End()) - r.src.base
	for _, n := range x.Names {
		start := r.at(n)
		if !slices.Contains(names, n.Name) || !r.keeps(n.Name) {
			r.replaceFirst(start, r.src.identEnd(start), rt+".Nop()")
			continue
		}
		r.insertFirst(start, rt+".Zero(&")
		r.insert(r.src.identEnd(start), ")")
	}
	for i := range x.Names[:len(x.Names)-1] {
		r.replace(r.src.identEnd(r.at(x.Names[i])), r.at(x.Names[i+1]), "; ")
	}
	if x.Type != nil {
		r.replace(r.src.identEnd(r.at(x.Names[len(x.Names)-1])), end, "")
	}
}

// keeps reports whether a variable keeps storage that may hold a value; fresh storage is zero.
func (r *rewriter) keeps(name string) bool {
	return r.change == nil || r.change.old[name] != nil && !r.change.identity[name]
}

// insertFirst inserts text before anything else that was added at the same place.
func (r *rewriter) insertFirst(at int, text string) { r.replaceFirst(at, at, text) }

// replaceFirst replaces text whatever else was to come at the same place.
func (r *rewriter) replaceFirst(start, end int, text string) {
	r.edits = append([]edit{{start: start, end: end, text: text}}, r.edits...)
}

// showLast shows the value of the last expression.
func (r *rewriter) showLast(p *parsedCell) {
	if p.last == nil {
		return
	}
	tv, ok := r.res.info.Types[p.last.X]
	if ok && tv.IsNil() {
		r.replaceFirst(r.at(p.last), int(p.last.End())-r.src.base, rt+".Result(error(nil))")
		return
	}
	if !ok || !showable(tv) || isPrint(r.res, p.last.X) {
		return
	}
	r.insertFirst(r.at(p.last), rt+".Result(")
	r.insert(int(p.last.End())-r.src.base, ")")
}

func showable(tv types.TypeAndValue) bool {
	return !tv.IsVoid() && !isCVoid(tv.Type) && !tv.IsNil() && !tv.IsType() && !tv.IsBuiltin()
}

// isPrint reports whether an expression is a call of fmt's printing functions, whose results
// nobody wants to see.
func isPrint(res *checked, x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	f := calledFunc(res.info, ast.Unparen(call.Fun))
	if f == nil || f.Pkg() == nil || f.Pkg().Path() != "fmt" {
		return false
	}
	return strings.HasPrefix(f.Name(), "Print") || strings.HasPrefix(f.Name(), "Fprint")
}

// write writes the cell's function; empty reports that there is nothing to run.
func (b *bodyWriter) write(w *unitWriter) (empty bool) {
	b.unitWriter = w
	p, code := b.code.p, b.code
	if !p.program && p.body == nil || p.program && len(code.vars) == 0 && len(code.inits) == 0 && !code.hasMain {
		return true
	}
	for i, f := range code.inits {
		_, end := p.span(f)
		nameEnd := p.identEnd(int(f.Name.Pos()) - p.base)
		w.line(p, nameEnd)
		fmt.Fprintf(&w.out, "func %s%s", initName(p.seq, i), w.render(p, nameEnd, end, b.r.edits))
	}
	w.line(p, 0)
	fmt.Fprintf(&w.out, "func %s() {", bodyName(p.seq))
	if p.program {
		b.initialise()
		for i := range code.inits {
			fmt.Fprintf(&w.out, "\n%s()", initName(p.seq, i))
		}
		if code.hasMain {
			w.out.WriteString("\n" + b.mainCall())
		}
	} else {
		for i := range code.inits {
			fmt.Fprintf(&w.out, "\n%s()", initName(p.seq, i))
		}
		for _, st := range p.body.Body.List {
			b.statement(st)
		}
	}
	w.out.WriteString("\n}\n")
	return false
}

func (b *bodyWriter) mainCall() string {
	d := b.env["main"]
	b.need(d)
	return d.link + "()"
}

func initName(cell, i int) string { return fmt.Sprintf("init%s%d%s%d", marker, cell, marker, i) }

func (b *bodyWriter) statement(st ast.Stmt) {
	p := b.code.p
	start, end := p.span(st)
	if blk, ok := st.(*ast.BlockStmt); ok && len(blk.List) == 0 && !p.copied(blk.Lbrace) {
		for _, spec := range b.code.hoistedVar(b.hoists).Specs {
			b.assignSpec(spec.(*ast.ValueSpec))
		}
		b.hoists++
		return
	}
	b.line(p, start)
	b.out.WriteString(b.render(p, start, end, b.r.edits))
}

// hoistedVar returns the i-th var declaration that was a var in the cell too.
func (c *cellCode) hoistedVar(i int) *ast.GenDecl {
	for _, g := range c.vars {
		if c.p.copied(g.Pos()) {
			if i == 0 {
				return g
			}
			i--
		}
	}
	return &ast.GenDecl{}
}

// initialise assigns package variables in the order in which Go initialises them.
func (b *bodyWriter) initialise() {
	b.zeroed()
	for _, in := range b.code.res.info.InitOrder {
		if !b.code.p.owns(in.Rhs.Pos()) {
			continue
		}
		var names []string
		blank := true
		for _, v := range in.Lhs {
			name := "_"
			if d := b.env[v.Name()]; d != nil && v.Name() != "_" {
				if d.embed != "" {
					continue
				}
				b.need(d)
				name, blank = d.link, false
			}
			names = append(names, name)
		}
		start, end := b.code.p.span(in.Rhs)
		b.line(b.code.p, start)
		if blank {
			b.out.WriteString(b.blankInit(in))
			continue
		}
		b.out.WriteString(strings.Join(names, ", ") + " = " + b.render(b.code.p, start, end, b.r.edits))
	}
}

// zeroed zeroes package variables without initial values, before anything else runs.
func (b *bodyWriter) zeroed() {
	for _, g := range b.code.vars {
		for _, spec := range g.Specs {
			if x := spec.(*ast.ValueSpec); len(x.Values) == 0 {
				b.assignSpec(x)
			}
		}
	}
}

// blankInit writes var _ T = e as it stands: it checks a type, and runs e.
func (b *bodyWriter) blankInit(in *types.Initializer) string {
	for _, g := range b.code.vars {
		for _, spec := range g.Specs {
			x := spec.(*ast.ValueSpec)
			for i, v := range x.Values {
				if v == in.Rhs && (len(x.Names) == 1 || len(x.Values) == len(x.Names)) {
					typ := ""
					if x.Type != nil {
						start, end := b.code.p.span(x.Type)
						typ = b.render(b.code.p, start, end, b.r.edits)
					}
					start, end := b.code.p.span(x.Values[i])
					return "{ var _ " + typ + " = " + b.render(b.code.p, start, end, b.r.edits) + " }"
				}
			}
		}
	}
	start, end := b.code.p.span(in.Rhs)
	return strings.Join(slices.Repeat([]string{"_"}, len(in.Lhs)), ", ") + " = " + b.render(b.code.p, start, end, b.r.edits)
}

// assignSpec assigns the variables of one hoisted spec.
func (b *bodyWriter) assignSpec(x *ast.ValueSpec) {
	p := b.code.p
	var names []string
	for _, n := range x.Names {
		name := "_"
		if d := b.env[n.Name]; d != nil && n.Name != "_" {
			if d.embed != "" {
				return
			}
			b.need(d)
			name = d.link
		}
		names = append(names, name)
	}
	start, _ := p.span(x)
	b.line(p, start)
	if len(x.Values) == 0 {
		b.runtime()
		for i, n := range names {
			if n != "_" && b.r.keeps(x.Names[i].Name) {
				b.out.WriteString(rt + ".Zero(&" + n + "); ")
			}
		}
		return
	}
	from, _ := p.span(x.Values[0])
	_, to := p.span(x.Values[len(x.Values)-1])
	b.out.WriteString(strings.Join(names, ", ") + " = " + b.render(p, from, to, b.r.edits))
}

// registration writes the function that registers symbols for cells that run directly.
func (w *unitWriter) registration(name string, c *change, code *cellCode, known map[string]bool, candidates []*decl) {
	var b strings.Builder
	reg := func(format string, args ...any) { fmt.Fprintf(&b, "\t"+rt+"."+format+"\n", args...) }
	for _, d := range candidates {
		isNew := !c.rebuild[d] || c.identity[d.name]
		switch {
		case d.kind == kindVar && isNew:
			w.need(d)
			reg("Register(%q, &%s)", d.link, d.link)
		case d.kind == kindFunc && isNew && !d.generic && d.name != "main" && d.c == nil:
			w.need(d)
			reg("Register(%q, %s)", d.link, d.link)
		case d.kind == kindType && !d.generic && !d.isConstraint() && isNew:
			w.need(d)
			reg("RegisterType(%q, (*%s)(nil))", d.link, d.link)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(code.pkgs)) {
		for _, f := range slices.Sorted(maps.Keys(code.pkgs[path])) {
			if key := path + "." + f; !known[key] {
				reg("Register(%q, %s.%s)", key, w.alias(path), f)
			}
		}
	}
	if b.Len() == 0 {
		b.WriteString("\t" + rt + ".Nop()\n")
	}
	fmt.Fprintf(&w.out, "\n//line registration:1\nfunc %s() {\n%s}\n", name, b.String())
	w.runtime()
}

// isConstraint reports whether a type can only constrain type parameters.
func (d *decl) isConstraint() bool {
	it, ok := d.typ.Underlying().(*types.Interface)
	return ok && !it.IsMethodSet()
}
