package interp

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"mobula/interp/direct"
)

// runsDirectly reports whether a cell is of the kind that may run without the compiler:
// simple statements that change no declaration but variables.
func (s *Session) runsDirectly(pl *plan) bool {
	p, ch := pl.code.p, pl.change
	if p.program || p.body == nil || len(pl.code.inits) > 0 || len(p.hoisted) > 0 || len(p.imports) > 0 || len(ch.rebuild) > 0 || len(ch.moved) > 0 || len(ch.warnings) > 0 {
		return false
	}
	for d := range ch.fresh {
		if _, ok := pl.code.localOf(d); !ok || d.witness != nil {
			return false
		}
	}
	return len(p.body.Body.List) <= 50
}

func (c *cellCode) localOf(d *decl) (types.Object, bool) {
	for o, l := range c.locals {
		if l == d {
			return o, true
		}
	}
	return nil, false
}

// lowering turns checked syntax into a direct program; ok is false as soon as something
// is not certain to behave as compiled.
type lowering struct {
	s     *Session
	pl    *plan
	scope declarations
	ok    bool
	stmts []direct.Stmt
	// callee is what the call that is lowered last calls.
	callee ast.Expr
	made   map[*decl]bool // variables that earlier statements of the cell have defined
}

func (s *Session) lower(pl *plan, scope declarations) *direct.Program {
	l := &lowering{s: s, pl: pl, scope: scope, ok: true, made: map[*decl]bool{}}
	for _, st := range pl.code.p.body.Body.List {
		if l.stmt(st); !l.ok {
			return nil
		}
	}
	return &direct.Program{File: cellFile(pl.code.p.Number), Stmts: l.stmts}
}

func (l *lowering) fail() { l.ok = false }

func (l *lowering) place(n ast.Node) (line, col int) {
	p := l.pl.code.p
	return position(p.Source, p.offset(n.Pos()))
}

func (l *lowering) emit(n ast.Node, st direct.Stmt) {
	st.Line, st.Col = l.place(n)
	l.stmts = append(l.stmts, st)
}

func (l *lowering) stmt(st ast.Stmt) {
	switch x := st.(type) {
	case *ast.ExprStmt:
		l.exprStmt(x)
	case *ast.AssignStmt:
		l.assign(x)
	case *ast.IncDecStmt:
		one := direct.Expr{Op: direct.OpConst, Const: "1"}
		l.update(x, x.X, one, map[token.Token]token.Token{token.INC: token.ADD, token.DEC: token.SUB}[x.Tok])
	case *ast.EmptyStmt:
	default:
		l.fail()
	}
}

func (l *lowering) exprStmt(x *ast.ExprStmt) {
	tv := l.pl.code.res.info.Types[x.X]
	e := l.expr(x.X)
	op := direct.StmtExpr
	if x == l.pl.code.p.last && showable(tv) && !isPrint(l.pl.code.res, x.X) {
		op = direct.StmtShow
	}
	l.emit(x, direct.Stmt{Op: op, Right: []direct.Expr{e}})
}

func (l *lowering) assign(x *ast.AssignStmt) {
	switch x.Tok {
	case token.ASSIGN, token.DEFINE:
	default:
		op := x.Tok - token.ADD_ASSIGN + token.ADD
		l.update(x, x.Lhs[0], l.expr(x.Rhs[0]), op)
		return
	}
	if len(x.Rhs) == 1 && len(x.Lhs) == 2 {
		if _, isIndex := ast.Unparen(x.Rhs[0]).(*ast.IndexExpr); isIndex {
			l.fail()
			return
		}
	}
	var right []direct.Expr
	for _, e := range x.Rhs {
		right = append(right, l.expr(e))
	}
	if x.Tok == token.DEFINE {
		l.define(x, right)
		return
	}
	st := direct.Stmt{Op: direct.StmtAssign, Right: right}
	for _, e := range x.Lhs {
		st.Left = append(st.Left, l.target(e))
	}
	l.emit(x, st)
}

// target lowers the left side of an assignment.
func (l *lowering) target(e ast.Expr) direct.Expr {
	if id, ok := e.(*ast.Ident); ok && id.Name == "_" {
		return direct.Expr{Op: direct.OpNone}
	}
	return l.expr(e)
}

func (l *lowering) define(x *ast.AssignStmt, right []direct.Expr) {
	st := direct.Stmt{Op: direct.StmtDefine, Right: right}
	for _, lhs := range x.Lhs {
		id := lhs.(*ast.Ident)
		name := ""
		if id.Name != "_" {
			obj := l.pl.code.res.info.Defs[id]
			if obj == nil {
				obj = l.pl.code.res.info.Uses[id]
			}
			d := l.pl.code.locals[obj]
			if d == nil {
				l.fail()
				return
			}
			name = d.link
			l.made[d] = true
		}
		st.Names = append(st.Names, name)
	}
	l.emit(x, st)
}

// update lowers x op= y for basic types.
func (l *lowering) update(st ast.Stmt, x ast.Expr, y direct.Expr, op token.Token) {
	if _, ok := ast.Unparen(x).(*ast.Ident); !ok { // the operand would be evaluated twice
		l.fail()
		return
	}
	_, ok := l.typeOf(x).Underlying().(*types.Basic)
	if !ok || op == token.ILLEGAL {
		l.fail()
		return
	}
	if y.Op == direct.OpConst && y.Type == "" {
		y.Type = l.typeName(l.typeOf(x))
	}
	left := l.expr(x)
	l.emit(st, direct.Stmt{Op: direct.StmtAssign, Left: []direct.Expr{left}, Right: []direct.Expr{{Op: direct.OpBinary, Token: int(op), Args: []direct.Expr{left, y}}}})
}

func (l *lowering) typeOf(e ast.Expr) types.Type {
	if t := l.pl.code.res.info.TypeOf(e); t != nil {
		return t
	}
	l.fail()
	return types.Typ[types.Invalid]
}

// typeName names a type as direct's registry knows it.
func (l *lowering) typeName(t types.Type) string {
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() == types.UntypedNil || t.Kind() == types.Invalid || t.Kind() == types.UnsafePointer {
			l.fail()
		}
		return types.Default(t).String()
	case *types.Named:
		if t.TypeArgs().Len() > 0 || t.Obj().Pkg() == nil {
			break
		}
		if t.Obj().Parent() == l.pl.code.res.pkg.Scope() {
			if d := l.scope[t.Obj().Name()]; d != nil {
				return "main." + d.link
			}
		}
		return t.Obj().Pkg().Path() + "." + t.Obj().Name()
	case *types.Alias:
		return l.typeName(types.Unalias(t))
	case *types.Slice:
		return "[]" + l.typeName(t.Elem())
	case *types.Pointer:
		return "*" + l.typeName(t.Elem())
	}
	l.fail()
	return ""
}

func (l *lowering) expr(e ast.Expr) direct.Expr {
	out := l.lowerExpr(e)
	out.Line, out.Col = l.place(e)
	return out
}

func (l *lowering) lowerExpr(e ast.Expr) direct.Expr {
	tv := l.pl.code.res.info.Types[e]
	if tv.Value != nil {
		return l.constant(tv)
	}
	switch x := e.(type) {
	case *ast.ParenExpr:
		return l.lowerExpr(x.X)
	case *ast.Ident:
		return l.ident(x)
	case *ast.SelectorExpr:
		return l.selector(x)
	case *ast.CallExpr:
		return l.call(x)
	case *ast.IndexExpr:
		return l.index(x)
	case *ast.SliceExpr:
		return l.slice(x)
	case *ast.StarExpr:
		return direct.Expr{Op: direct.OpDeref, Args: []direct.Expr{l.expr(x.X)}}
	case *ast.UnaryExpr:
		return l.unary(x)
	case *ast.BinaryExpr:
		return l.binary(x)
	}
	l.fail()
	return direct.Expr{}
}

func (l *lowering) constant(tv types.TypeAndValue) direct.Expr {
	t := tv.Type
	if b, ok := t.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		t = types.Default(t)
		if b, ok := t.(*types.Basic); ok && b.Info()&types.IsInteger != 0 {
			if i, exact := constant.Int64Val(constant.ToInt(tv.Value)); !exact || b.Kind() == types.Int32 && int64(int32(i)) != i {
				l.fail()
			}
		}
	}
	if b, ok := t.Underlying().(*types.Basic); !ok || b.Info()&types.IsComplex != 0 {
		l.fail()
	}
	return direct.Expr{Op: direct.OpConst, Type: l.typeName(t), Const: direct.EncodeConstant(tv.Value)}
}

func (l *lowering) ident(x *ast.Ident) direct.Expr {
	obj := l.pl.code.res.info.Uses[x]
	if d := l.pl.code.locals[obj]; d != nil {
		return l.variable(d)
	}
	if obj != nil && obj.Parent() == l.pl.code.res.pkg.Scope() {
		d := l.scope[obj.Name()]
		switch {
		case d == nil:
		case d.kind == kindVar && l.s.registered[d.link]:
			return direct.Expr{Op: direct.OpVar, Name: d.link}
		case d.kind == kindFunc && l.s.registered[d.link]:
			return direct.Expr{Op: direct.OpFunc, Name: d.link}
		}
	}
	l.fail()
	return direct.Expr{}
}

func (l *lowering) variable(d *decl) direct.Expr {
	if !l.made[d] {
		l.fail()
	}
	return direct.Expr{Op: direct.OpVar, Name: d.link}
}

func (l *lowering) selector(x *ast.SelectorExpr) direct.Expr {
	info := l.pl.code.res.info
	if sel := info.Selections[x]; sel != nil {
		switch sel.Kind() {
		case types.FieldVal:
			return direct.Expr{Op: direct.OpField, Args: []direct.Expr{l.expr(x.X)}, Index: slices.Clone(sel.Index())}
		case types.MethodVal:
			if !sel.Obj().Exported() || isTypeParam(sel.Recv()) || l.callee != ast.Expr(x) {
				break // a method value that reflection makes cannot be shipped, and prints as what it is
			}
			return direct.Expr{Op: direct.OpMethod, Name: sel.Obj().Name(), Args: []direct.Expr{l.expr(x.X)}}
		}
		l.fail()
		return direct.Expr{}
	}
	if f, ok := info.Uses[x.Sel].(*types.Func); ok && f.Pkg() != nil {
		if name := f.Pkg().Path() + "." + f.Name(); l.s.registered[name] {
			return direct.Expr{Op: direct.OpFunc, Name: name}
		}
	}
	l.fail()
	return direct.Expr{}
}

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}
