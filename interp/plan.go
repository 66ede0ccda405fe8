package interp

import (
	"context"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mobula/interp/direct"
	"mobula/interp/toolchain"
)

// plan is a checked cell, ready to run: directly, or as a unit to compile.
type plan struct {
	code    *cellCode
	change  *change
	body    *bodyWriter
	direct  *direct.Program // set where the cell runs without the compiler
	imports map[string]string
}

// plan checks a cell and decides what it changes. Nothing of the session is changed yet,
// but for declarations that change.undo restores.
func (s *Session) plan(ctx context.Context, p *parsedCell) (*plan, *Error) {
	pl, err := s.planCell(ctx, p)
	if err != nil {
		s.refuse(p)
	}
	return pl, err
}

func (s *Session) planCell(ctx context.Context, p *parsedCell) (*plan, *Error) {
	imports, perr := s.addImports(ctx, p)
	if perr != nil {
		return nil, perr
	}
	before := s.env.clone()
	for _, name := range declaredByCell(p, imports) {
		delete(before, name)
	}
	known := before.clone()
	res, perr := s.checkCell(ctx, p, known, imports)
	if perr != nil {
		return nil, perr
	}
	code := s.collect(p, res)
	if perr := s.describe(code, res, known); perr != nil {
		return nil, perr
	}
	if perr := s.checkShipped(code, known); perr != nil {
		return nil, perr
	}
	old := s.env.clone()
	for name := range old {
		if before[name] != nil && known[name] == nil {
			delete(old, name) // broken by this cell
		}
	}
	ch := newChange(old, code.decls, s.versions)
	ch.drop(res.broken)
	scope := s.scopeOf(p, ch, old)
	s.recheck(ch, res)
	pl := &plan{code: code, change: ch, imports: imports}
	pl.body = s.prepareBody(code, ch, scope)
	if s.Mode() == ModeAuto && s.runsDirectly(pl) {
		pl.direct = s.lower(pl, scope)
	}
	return pl, nil
}

// scopeOf tells what package-level names meant to the cell's statements: what the cell
// declares itself as package-level names, else what was there before.
func (s *Session) scopeOf(p *parsedCell, ch *change, old declarations) declarations {
	scope := old.clone()
	local := map[string]bool{}
	if p.body != nil {
		for d := range ch.fresh {
			if d.kind == kindVar && d.pos >= p.body.Pos() && d.pos < p.body.End() {
				local[d.name] = true
			}
		}
	}
	for name, d := range ch.env {
		if !local[name] {
			scope[name] = d
		}
	}
	return scope
}

// declaredByCell lists the package-level names that a cell takes over.
func declaredByCell(p *parsedCell, imports map[string]string) (names []string) {
	for _, d := range p.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if r := receiver(d); r != "" {
				names = append(names, r+"."+d.Name.Name)
			} else {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch x := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, x.Name.Name)
				case *ast.ValueSpec:
					for _, n := range x.Names {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	for _, spec := range p.imports {
		for name, path := range imports {
			if strconv.Quote(path) == spec.Path.Value {
				names = append(names, name)
			}
		}
	}
	return names
}

// addImports resolves the cell's own imports and gives its file those of earlier cells. It
// returns what later cells see.
func (s *Session) addImports(ctx context.Context, p *parsedCell) (map[string]string, *Error) {
	packages := s.packages()
	imports := map[string]string{}
	maps.Copy(imports, s.imports)
	var problems []problem
	own := map[string]bool{}
	for _, spec := range p.imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		s.announceBuild(p.Number, path)
		if err := packages.Resolve(ctx, path); err != nil {
			problems = append(problems, problem{offset: p.offset(spec.Pos()), msg: err.Error()})
			continue
		}
		name := s.importName(spec, path)
		if name != "_" && name != "." {
			imports[name] = path
			own[name] = true
		}
	}
	if len(problems) > 0 {
		return nil, compileError(p.Cell, problems)
	}
	taken := map[string]bool{}
	for _, n := range declaredByCell(p, nil) {
		taken[n] = true
	}
	extra := &ast.GenDecl{Tok: token.IMPORT, TokPos: p.file.Package, Lparen: p.file.Package, Rparen: p.file.Package}
	for name, path := range s.imports {
		if taken[name] {
			delete(imports, name)
		} else if !own[name] && s.env[name] == nil {
			extra.Specs = append(extra.Specs, importSpec(name, path, p.file.Package))
		}
	}
	for path := range s.aliases.dots {
		if !slices.ContainsFunc(p.imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) }) {
			extra.Specs = append(extra.Specs, importSpec(".", path, p.file.Package))
		}
	}
	p.file.Decls = append([]ast.Decl{extra}, p.file.Decls...)
	return imports, nil
}

func (s *Session) importName(spec *ast.ImportSpec, path string) string {
	if spec.Name != nil {
		if spec.Name.Name == "." {
			s.aliases.dots[path] = true
		}
		return spec.Name.Name
	}
	if k := s.packages().Lookup(path); k != nil && k.Name != "" {
		return k.Name
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}

var undefined = regexp.MustCompile(`^undefined: (\w+)$`)

// checkCell type-checks the cell; standard packages that it names without importing them
// are imported where the name is unambiguous.
func (s *Session) checkCell(ctx context.Context, p *parsedCell, known declarations, imports map[string]string) (*checked, *Error) {
	check := func() (*checked, []problem) {
		if res, problems, ok := s.quickCheck(p, imports); ok {
			return res, problems
		}
		return s.checker().check(known, p, nil)
	}
	res, problems := check()
	added := false
	for i, pr := range problems {
		m := undefined.FindStringSubmatch(pr.msg)
		if m == nil {
			continue
		}
		paths := s.standardPackages(m[1])
		if len(paths) > 1 {
			problems[i].msg += fmt.Sprintf(" (import %s)", quoteAll(paths))
		}
		if len(paths) != 1 || imports[m[1]] != "" {
			continue
		}
		if err := s.packages().Resolve(ctx, paths[0]); err != nil {
			return nil, compileError(p.Cell, []problem{{offset: pr.offset, msg: err.Error()}})
		}
		imports[m[1]] = paths[0]
		extra := p.file.Decls[0].(*ast.GenDecl)
		extra.Specs = append(extra.Specs, importSpec(m[1], paths[0], p.file.Package))
		added = true
	}
	if added {
		res, problems = check()
	}
	problems = append(problems, p.unshowable(res)...)
	if len(problems) > 0 {
		return nil, compileError(p.Cell, s.explainBroken(problems, res.broken))
	}
	return res, nil
}

// unshowable reports a last expression that no type of Go can hold.
func (p *parsedCell) unshowable(res *checked) []problem {
	if p.last == nil {
		return nil
	}
	tv := res.info.Types[p.last.X]
	b, ok := tv.Type.(*types.Basic)
	if !ok || tv.Value == nil || b.Kind() != types.UntypedInt && b.Kind() != types.UntypedRune {
		return nil
	}
	if _, exact := constant.Int64Val(tv.Value); exact {
		return nil
	}
	return []problem{{offset: p.offset(p.last.Pos()), msg: fmt.Sprintf("the constant %s overflows int; give it a type that holds it, such as float64", tv.Value)}}
}

// explainBroken says why a name is undefined where this cell itself broke its declaration.
func (s *Session) explainBroken(ps []problem, broken map[*decl]string) []problem {
	for i, p := range ps {
		if m := undefined.FindStringSubmatch(p.msg); m != nil {
			for d, why := range broken {
				if d.name == m[1] {
					ps[i].msg += fmt.Sprintf(" (with this cell, %s of cell[%d] no longer compiles: %s)", d.name, d.cell, why)
				}
			}
		}
		ps[i].msg = plainNames(ps[i].msg)
	}
	return ps
}

func quoteAll(list []string) string {
	q := make([]string, len(list))
	for i, p := range list {
		q[i] = strconv.Quote(p)
	}
	return strings.Join(q, " or ")
}

func (s *Session) checker() *checker {
	pos := s.fset.AddFile("notebook", -1, 1).Pos(0)
	return &checker{fset: s.fset, imp: s.importerFor(), aliases: s.aliases, pos: pos}
}

// describe computes edits and references of what the cell declares.
func (s *Session) describe(code *cellCode, res *checked, known declarations) *Error {
	all := known.clone()
	for _, d := range code.decls {
		all[d.name] = d
	}
	var problems []problem
	for _, d := range code.decls {
		if d.spec != nil || d.fn != nil {
			s.rewriteDecl(d, res, code)
		} else if err := s.describeValue(d, res, all); err != nil && !s.addWitness(d, code, res) {
			problems = append(problems, problem{offset: code.p.offset(d.pos), msg: "cannot keep " + d.name + ": " + err.Error()})
		}
	}
	if len(problems) > 0 {
		return compileError(code.p.Cell, problems)
	}
	return nil
}

// recheck checks the bodies of earlier functions that mention what has changed, drops those
// that no longer compile, and computes the edits of the others anew.
func (s *Session) recheck(ch *change, res *checked) {
	if len(ch.identity) == 0 && len(ch.rebuild) == 0 {
		return
	}
	for _, d := range ch.env {
		if ch.fresh[d] && d.node != nil && (d.fn != nil || d.spec != nil) {
			s.usePackageAliases(d.node, res)
		}
	}
	res2, _ := s.checker().check(ch.env, nil, ch.rebuild)
	ch.drop(res2.broken)
	ch.pkg = res2.pkg
	for d := range ch.rebuild {
		ch.save(d)
		s.rewriteDecl(d, res2, nil)
	}
	for _, d := range ch.env {
		if obj := res2.pkg.Scope().Lookup(d.name); obj != nil && d.kind != kindMethod {
			ch.save(d)
			d.typ = obj.Type()
		}
	}
	for _, m := range ch.moved {
		if ch.env[m.d.name] != m.d {
			continue
		}
		if err := s.describeValue(m.d, res2, ch.env); err != nil {
			ch.drop(map[*decl]string{m.d: err.Error()})
		}
	}
	ch.moved = slices.DeleteFunc(ch.moved, func(m movedVar) bool { return ch.env[m.d.name] != m.d })
}

func (s *Session) packages() *toolchain.Packages {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.packages
}

// addWitness keeps the expression that a variable was declared with, where its type has no
// name here: units then declare the variable by that expression, which never runs.
func (s *Session) addWitness(d *decl, code *cellCode, res *checked) bool {
	expr, index, count := declaringExpr(code, d)
	if expr == nil {
		return false
	}
	r := newRewriter(code.p, res)
	r.locals = code.locals
	r.walk(expr)
	d.witness = &witness{src: code.p, expr: expr, index: index, count: count, edits: r.edits, refs: r.refs}
	d.refs, d.sigRefs = r.refs, r.refs
	d.text = nil
	f := &ast.GenDecl{Tok: token.VAR, TokPos: expr.Pos()}
	spec := &ast.ValueSpec{Values: []ast.Expr{expr}}
	for i := range count {
		name := "_"
		if i == index {
			name = d.name
		}
		spec.Names = append(spec.Names, &ast.Ident{Name: name, NamePos: expr.Pos()})
	}
	f.Specs = []ast.Spec{spec}
	d.node = f
	return true
}

// declaringExpr finds the expression that declares a variable in the cell.
func declaringExpr(code *cellCode, d *decl) (expr ast.Expr, index, count int) {
	find := func(names []ast.Expr, values []ast.Expr) {
		for i, n := range names {
			id, ok := n.(*ast.Ident)
			if !ok || id.Pos() != d.pos {
				continue
			}
			if len(values) == len(names) {
				expr, index, count = values[i], 0, 1
			} else if len(values) == 1 {
				expr, index, count = values[0], i, len(names)
			}
		}
	}
	ast.Inspect(code.p.file, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			if x.Tok == token.DEFINE {
				find(x.Lhs, x.Rhs)
			}
		case *ast.ValueSpec:
			var names []ast.Expr
			for _, id := range x.Names {
				names = append(names, id)
			}
			find(names, x.Values)
		}
		return expr == nil
	})
	return expr, index, count
}
