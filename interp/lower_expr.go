package interp

import (
	"go/ast"
	"go/token"
	"go/types"

	"mobula/interp/direct"
)

func (l *lowering) call(x *ast.CallExpr) direct.Expr {
	info := l.pl.code.res.info
	fun := ast.Unparen(x.Fun)
	tv := info.Types[fun]
	switch {
	case tv.IsType():
		return l.convert(x, tv.Type)
	case tv.IsBuiltin():
		id, ok := fun.(*ast.Ident)
		if ok && len(x.Args) == 1 && (id.Name == "len" || id.Name == "cap") {
			op := direct.OpLen
			if id.Name == "cap" {
				op = direct.OpCap
			}
			return direct.Expr{Op: op, Args: []direct.Expr{l.expr(x.Args[0])}}
		}
		l.fail()
		return direct.Expr{}
	}
	sig, ok := tv.Type.(*types.Signature)
	if !ok || len(x.Args) == 1 && sig.Params().Len() > 1 && !sig.Variadic() {
		l.fail()
		return direct.Expr{}
	}
	l.callee = fun
	e := direct.Expr{Op: direct.OpCall, Args: []direct.Expr{l.expr(fun)}, Spread: x.Ellipsis.IsValid()}
	for _, a := range x.Args {
		if t, ok := l.typeOf(a).(*types.Tuple); ok && t != nil {
			l.fail()
		}
		e.Args = append(e.Args, l.expr(a))
	}
	if f := calledFunc(info, fun); f != nil && blocking[f.FullName()] != "" || f != nil && f.FullName() == "time.Sleep" {
		l.fail()
	}
	return e
}

func calledFunc(info *types.Info, fun ast.Expr) *types.Func {
	switch x := fun.(type) {
	case *ast.Ident:
		f, _ := info.Uses[x].(*types.Func)
		return f
	case *ast.SelectorExpr:
		f, _ := info.Uses[x.Sel].(*types.Func)
		return f
	}
	return nil
}

// convert lowers conversions between basic types.
func (l *lowering) convert(x *ast.CallExpr, to types.Type) direct.Expr {
	from, ok1 := l.typeOf(x.Args[0]).Underlying().(*types.Basic)
	target, ok2 := to.Underlying().(*types.Basic)
	const numeric = types.IsInteger | types.IsFloat
	if !ok1 || !ok2 || (from.Info()&numeric == 0 || target.Info()&numeric == 0) && (from.Info()&types.IsString == 0 || target.Info()&types.IsString == 0) {
		l.fail()
		return direct.Expr{}
	}
	return direct.Expr{Op: direct.OpConvert, Type: l.typeName(to), Args: []direct.Expr{l.expr(x.Args[0])}}
}

func (l *lowering) index(x *ast.IndexExpr) direct.Expr {
	t := l.typeOf(x.X).Underlying()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem().Underlying()
	}
	switch t.(type) {
	case *types.Slice, *types.Array, *types.Map, *types.Basic:
		return direct.Expr{Op: direct.OpIndex, Args: []direct.Expr{l.expr(x.X), l.expr(x.Index)}}
	}
	l.fail()
	return direct.Expr{}
}

func (l *lowering) slice(x *ast.SliceExpr) direct.Expr {
	if x.Slice3 {
		l.fail()
		return direct.Expr{}
	}
	e := direct.Expr{Op: direct.OpSlice, Args: []direct.Expr{l.expr(x.X), {Op: direct.OpNone}, {Op: direct.OpNone}}}
	if x.Low != nil {
		e.Args[1] = l.expr(x.Low)
	}
	if x.High != nil {
		e.Args[2] = l.expr(x.High)
	}
	return e
}

func (l *lowering) unary(x *ast.UnaryExpr) direct.Expr {
	switch x.Op {
	case token.ADD, token.SUB, token.XOR, token.NOT:
		return direct.Expr{Op: direct.OpUnary, Token: int(x.Op), Args: []direct.Expr{l.expr(x.X)}}
	}
	l.fail()
	return direct.Expr{}
}

func (l *lowering) binary(x *ast.BinaryExpr) direct.Expr {
	a, ok1 := l.typeOf(x.X).Underlying().(*types.Basic)
	b, ok2 := l.typeOf(x.Y).Underlying().(*types.Basic)
	if !ok1 || !ok2 || a.Info()&types.IsComplex != 0 || a.Kind() == types.UntypedNil || b.Kind() == types.UntypedNil || a.Kind() == types.UnsafePointer {
		l.fail()
		return direct.Expr{}
	}
	return direct.Expr{Op: direct.OpBinary, Token: int(x.Op), Args: []direct.Expr{l.expr(x.X), l.expr(x.Y)}}
}
