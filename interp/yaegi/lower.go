package yaegi

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// edit replaces source[from:to].
type edit struct {
	from, to int
	text     string
}

// lowering rewrites a checked cell into what yaegi v0.16 knows, and into the pieces that
// it takes: it does not mix declarations and statements.
type lowering struct {
	c       *checked
	edits   []edit
	helpers []string
	made    map[string]string // helper by what it is for
	n       int
}

// mainName is what a function main is called: yaegi would run one named main again with
// each later piece.
const mainName = "main۰"

// lower returns the pieces to interpret, in order. show says that the last expression's
// value is shown, by the helper of that name.
func (n *notebook) lower(c *checked, show string) []string {
	l := &lowering{c: c, made: map[string]string{}}
	for _, d := range c.own {
		ast.Inspect(d, l.node)
	}
	for _, s := range c.body {
		if def, ok := s.(*ast.AssignStmt); !ok || !c.lifted[def] {
			ast.Inspect(s, l.node)
		}
	}
	l.renameMain()
	predeclared := l.predeclare()
	if show != "" {
		l.showLast(show)
	}
	if len(c.problems) > 0 {
		return nil
	}
	var pieces []string
	for name, path := range c.imports {
		if n.imports[name] != path {
			pieces = append(pieces, importText(n, name, path))
		}
	}
	slices.Sort(pieces)
	return append(pieces, l.pieces(predeclared)...)
}

func (l *lowering) problem(pos token.Pos, msg string) {
	l.c.problems = append(l.c.problems, problem{l.c.fset.Position(pos), msg + advice})
}

func (l *lowering) replace(from, to token.Pos, text string) {
	l.edits = append(l.edits, edit{l.c.offset(from), l.c.offset(to), text})
}

func (l *lowering) insert(at token.Pos, text string) { l.replace(at, at, text) }

func (l *lowering) fresh(base string) string {
	l.n++
	return fmt.Sprintf("%s۰%d", base, l.n)
}

func (l *lowering) typeText(t types.Type) string {
	return types.TypeString(types.Default(t), func(p *types.Package) string {
		if p == l.c.pkg {
			return ""
		}
		return p.Name()
	})
}

// node lowers one node; false means that its parts were dealt with.
func (l *lowering) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.RangeStmt:
		l.rangeStmt(n)
	case *ast.ForStmt:
		l.forStmt(n)
	case *ast.CallExpr:
		return l.call(n)
	}
	return true
}

func (l *lowering) rangeStmt(r *ast.RangeStmt) {
	t := l.c.info.Types[r.X].Type
	if t == nil {
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Signature:
		l.problem(r.Pos(), "the interpreter cannot range over a function")
	case *types.Basic:
		if u.Info()&types.IsInteger != 0 {
			l.rangeInt(r, t)
			return
		}
		l.perIteration(r, r.Body, r.Key, r.Value)
	default:
		l.perIteration(r, r.Body, r.Key, r.Value)
	}
}

// rangeInt writes `for i := range n` with three clauses and a variable per iteration.
func (l *lowering) rangeInt(r *ast.RangeStmt, t types.Type) {
	if id, ok := r.Key.(*ast.Ident); ok && r.Tok == token.DEFINE {
		if obj := l.c.info.Defs[id]; obj != nil {
			t = obj.Type()
		}
	}
	typ, i, n := l.typeText(t), l.fresh("i"), l.fresh("n")
	set := ""
	if r.Key != nil && !isBlank(r.Key) {
		set = fmt.Sprintf(" %s %s %s;", l.text(r.Key), r.Tok, i)
	}
	l.replace(r.Pos(), r.X.Pos(), fmt.Sprintf("for %s, %s := %s(0), %s(", i, n, typ, typ))
	l.replace(r.X.End(), r.Body.Lbrace+1, fmt.Sprintf("); %s < %s; %s++ {%s", i, n, i, set))
}

func isBlank(e ast.Expr) bool { id, ok := e.(*ast.Ident); return ok && id.Name == "_" }

func (l *lowering) text(n ast.Node) string {
	return l.c.source[l.c.offset(n.Pos()):l.c.offset(n.End())]
}

// perIteration gives each iteration variables of its own, where something may outlive it:
// the header counts with others.
func (l *lowering) perIteration(loop ast.Node, body *ast.BlockStmt, vars ...ast.Expr) {
	if !escapes(body) {
		return
	}
	fresh := map[types.Object]string{}
	var copies strings.Builder
	for _, v := range vars {
		if id, ok := v.(*ast.Ident); ok && id.Name != "_" && l.c.info.Defs[id] != nil {
			name := l.fresh(id.Name)
			fresh[l.c.info.Defs[id]] = name
			fmt.Fprintf(&copies, " %s := %s;", id.Name, name)
		}
	}
	if len(fresh) == 0 {
		return
	}
	ast.Inspect(loop, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if name := fresh[l.c.info.ObjectOf(id)]; name != "" {
				l.replace(id.Pos(), id.End(), name)
			}
		}
		return n != body
	})
	l.insert(body.Lbrace+1, copies.String())
}

// escapes reports whether a body takes addresses or makes functions.
func escapes(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			found = true
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND
		}
		return !found
	})
	return found
}

// forStmt does the same for a loop with three clauses whose body does not change the variables.
func (l *lowering) forStmt(f *ast.ForStmt) {
	init, ok := f.Init.(*ast.AssignStmt)
	if !ok || !escapes(f.Body) {
		return
	}
	changed := map[types.Object]bool{}
	note := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			changed[l.c.info.Uses[id]] = true
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				note(e)
			}
		case *ast.IncDecStmt:
			note(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X)
			}
		}
		return true
	})
	var vars []ast.Expr
	for _, e := range init.Lhs {
		if id, ok := e.(*ast.Ident); ok && !changed[l.c.info.Defs[id]] {
			vars = append(vars, e)
		}
	}
	l.perIteration(f, f.Body, vars...)
}

// call lowers builtins that are newer than yaegi.
func (l *lowering) call(x *ast.CallExpr) bool {
	id, ok := x.Fun.(*ast.Ident)
	if !ok || len(x.Args) == 0 {
		return true
	}
	b, ok := l.c.info.Uses[id].(*types.Builtin)
	if !ok {
		return true
	}
	tv := l.c.info.Types[x]
	arg := l.c.info.Types[x.Args[0]]
	switch b.Name() {
	case "min", "max":
		if tv.Value != nil {
			l.replace(x.Pos(), x.End(), l.typeText(tv.Type)+"("+tv.Value.ExactString()+")")
			return false
		}
		op := map[string]string{"min": "<", "max": ">"}[b.Name()]
		l.helper(id, b.Name(), tv.Type, "func %[1]s(x %[2]s, ys ...%[2]s) %[2]s {\nfor _, y := range ys {\nif y "+op+" x || y != y {\nx = y\n}\n}\nreturn x\n}")
	case "clear":
		if _, ok := arg.Type.Underlying().(*types.Map); ok {
			l.helper(id, "clear", arg.Type, "func %[1]s(m %[2]s) {\nfor k := range m {\ndelete(m, k)\n}\n}")
		} else if s, ok := arg.Type.Underlying().(*types.Slice); ok {
			l.helper(id, "clear", arg.Type, "func %[1]s(s %[2]s) {\nvar zero "+l.typeText(s.Elem())+"\nfor i := range s {\ns[i] = zero\n}\n}")
		}
	case "new":
		if !arg.IsType() {
			l.helper(id, "new", arg.Type, "func %[1]s(x %[2]s) *%[2]s {\nreturn &x\n}")
		}
	}
	return true
}

// helper calls a function made for one type in place of a builtin.
func (l *lowering) helper(id *ast.Ident, name string, t types.Type, format string) {
	text := l.typeText(t)
	key := name + " " + text
	if l.made[key] == "" {
		l.made[key] = l.fresh(fmt.Sprintf("%s%d", name, l.c.number))
		l.helpers = append(l.helpers, fmt.Sprintf(format, l.made[key], text))
	}
	l.replace(id.Pos(), id.End(), l.made[key])
}

// renameMain keeps yaegi from running main with each later piece.
func (l *lowering) renameMain() {
	rename := func(id *ast.Ident, obj types.Object) {
		if f, ok := obj.(*types.Func); ok && f.Name() == "main" && f.Parent() == l.c.pkg.Scope() && l.c.fset.Position(id.Pos()).Filename == l.c.name() {
			l.replace(id.Pos(), id.End(), mainName)
		}
	}
	for id, obj := range l.c.info.Defs {
		rename(id, obj)
	}
	for id, obj := range l.c.info.Uses {
		rename(id, obj)
	}
}

// predeclare declares the variables that := defines and functions of the same cell use.
func (l *lowering) predeclare() (vars []string) {
	used := map[types.Object]bool{}
	for _, d := range l.c.own {
		if f, ok := d.(*ast.FuncDecl); ok {
			ast.Inspect(f, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok {
					used[l.c.info.Uses[id]] = true
				}
				return true
			})
		}
	}
	for _, s := range l.c.body {
		def, ok := s.(*ast.AssignStmt)
		if !ok || !l.c.lifted[def] {
			continue
		}
		var objs []types.Object
		any := false
		for _, e := range def.Lhs {
			if id, ok := e.(*ast.Ident); ok && l.c.info.Defs[id] != nil {
				objs = append(objs, l.c.info.Defs[id])
				any = any || used[l.c.info.Defs[id]]
			}
		}
		if !any {
			continue
		}
		for _, o := range objs {
			vars = append(vars, fmt.Sprintf("var %s %s", o.Name(), l.typeText(o.Type())))
		}
		l.replace(def.TokPos, def.TokPos+2, "=")
	}
	return vars
}

// showLast passes the cell's last expression to a helper, unless it has no value that anyone wants.
func (l *lowering) showLast(helper string) {
	if len(l.c.body) == 0 || len(l.c.parts) == 0 {
		return
	}
	last := l.c.parts[len(l.c.parts)-1]
	s, ok := l.c.body[len(l.c.body)-1].(*ast.ExprStmt)
	if !ok || last.Kind != cell.Stmt || last.Semicolon {
		return
	}
	tv := l.c.info.Types[s.X]
	if tv.Type == nil || tv.IsVoid() || tv.IsType() || tv.IsNil() || tv.IsBuiltin() || isPrint(l.c.info, s.X) {
		return
	}
	open, shut := helpersName+"."+helper+"(", ")"
	if m := ownText(tv.Type, l.c.pkg); m != "" {
		open, shut = open+helpersName+"."+m+"((", ")."+m+"()))"
	}
	l.insert(s.X.Pos(), open)
	l.insert(s.X.End(), shut)
}

// isPrint reports a call of fmt.Print and its kin, whose results are noise.
func isPrint(info *types.Info, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := info.Uses[sel.Sel].(*types.Func)
	return ok && f.Pkg() != nil && f.Pkg().Path() == "fmt" && strings.Contains(f.Name(), "rint") && !strings.HasPrefix(f.Name(), "S")
}

// ownText is the method by which a type of the notebook shows itself: compiled code cannot
// see methods of interpreted types.
func ownText(t types.Type, pkg *types.Package) string {
	base := t
	if p, ok := t.(*types.Pointer); ok {
		base = p.Elem()
	}
	if n, ok := base.(*types.Named); !ok || n.Obj().Pkg() != pkg {
		return ""
	}
	for _, m := range []string{"Display", "Error", "String"} {
		obj, _, _ := types.LookupFieldOrMethod(t, false, pkg, m)
		if f, ok := obj.(*types.Func); ok && f.Signature().Params().Len() == 0 && f.Signature().Results().Len() == 1 {
			return m
		}
	}
	return ""
}
