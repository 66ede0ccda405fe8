package interp

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// captureShipped has the func literals that are arguments of the SDK's functions capture the session variables which they mention:
//
//	mobula.Go(func() int { return x })
//
// becomes mobula.Go(func() func() int { x := x; return func() int { return x } }()). So their values travel with the task,
// and only what named functions read makes tasks need processes of their own.
func (r *rewriter) captureShipped(call *ast.CallExpr) {
	for _, lit := range r.src.shipped(call) {
		names := r.sessionVariables(lit)
		if len(names) == 0 {
			continue
		}
		at := r.at(lit)
		r.insert(at, "func() ")
		r.repeat(lit.Type, at)
		r.insert(at, " { ")
		for _, id := range names {
			r.repeat(id, at)
			r.insert(at, " := ")
			r.repeat(id, at)
			r.insert(at, "; ")
		}
		r.insert(at, "return ")
		r.insert(int(lit.End())-r.src.base, " }()")
	}
}

// shipped returns the literals among a call's arguments that captureShipped changes. A type with a comment cannot be repeated in one line.
func (p *parsedCell) shipped(call *ast.CallExpr) (list []*ast.FuncLit) {
	for _, arg := range call.Args {
		if lit, ok := ast.Unparen(arg).(*ast.FuncLit); ok && p.owns(lit.Pos()) && !strings.Contains(p.textOf(lit.Type), "//") {
			list = append(list, lit)
		}
	}
	return list
}

// sessionVariables returns a mention of each session variable in a literal.
func (r *rewriter) sessionVariables(lit *ast.FuncLit) (list []*ast.Ident) {
	seen := map[types.Object]bool{}
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if v, ok := r.res.info.Uses[id].(*types.Var); ok && !seen[v] && isSessionVariable(v, r.res, r.locals) {
			seen[v] = true
			list = append(list, id)
		}
		return true
	})
	return list
}

func isSessionVariable(v *types.Var, res *checked, locals map[types.Object]*decl) bool {
	return !v.IsField() && (v.Parent() == res.pkg.Scope() || locals[v] != nil)
}

// repeat inserts the unit's text of a type or a name once more, in one line.
func (r *rewriter) repeat(n ast.Node, at int) {
	inner := newRewriter(r.src, r.res)
	inner.locals, inner.scope, inner.change = r.locals, r.scope, r.change
	inner.walk(n)
	slices.SortStableFunc(inner.edits, func(a, b edit) int { return a.start - b.start })
	text := func(from, to int) {
		if from < to {
			r.insert(at, strings.ReplaceAll(r.src.text[from:to], "\n", " "))
		}
	}
	from, to := r.src.span(n)
	for _, e := range inner.edits {
		if e.start < from || e.end > to {
			continue
		}
		text(from, e.start)
		from = e.end
		e.start, e.end = at, at
		r.add(e)
	}
	text(from, to)
}

// shippedLiterals are where the literals are that captureShipped has changed.
func (c *cellCode) shippedLiterals() (list [][2]token.Pos) {
	for _, d := range c.p.file.Decls {
		ast.Inspect(d, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && isShipper(c.res, call) {
				for _, lit := range c.p.shipped(call) {
					list = append(list, [2]token.Pos{lit.Pos(), lit.End()})
				}
			}
			return true
		})
	}
	return list
}
