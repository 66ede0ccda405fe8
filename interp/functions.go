package interp

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"mobula/interp/hostrpc"
)

// functions lists the functions and func literals of a cell: what literals capture, as the compiler sees it, and which session
// variables each assigns to itself. All are listed, as the host tells them by their lines.
func (s *Session) functions(code *cellCode) (list []hostrpc.Function) {
	shipped := code.shippedLiterals()
	for _, d := range code.p.file.Decls {
		fn, isFunc := d.(*ast.FuncDecl)
		if isFunc && fn != code.p.body && fn.Body != nil {
			list = append(list, code.describeFunc(fn, fn.Body))
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if lit, ok := n.(*ast.FuncLit); ok && code.p.copied(lit.Pos()) {
				x := code.describeFunc(lit, lit.Body)
				x.Captures = code.captures(lit, shipped)
				list = append(list, x)
			}
			return true
		})
	}
	return list
}

// describeFunc describes one function, without the literals in it.
func (c *cellCode) describeFunc(fn ast.Node, body *ast.BlockStmt) hostrpc.Function {
	x := hostrpc.Function{File: cellFile(c.p.Number)}
	x.Line, _ = position(c.p.Source, c.p.offset(fn.Pos()))
	var inner [][2]token.Pos
	ast.Inspect(body, func(n ast.Node) bool {
		if lit, ok := n.(*ast.FuncLit); ok {
			inner = append(inner, [2]token.Pos{lit.Pos(), lit.End()})
			return false
		}
		return true
	})
	for _, a := range assignments(body, c.p, c.res, c.locals) {
		own := true
		for _, r := range inner {
			own = own && (a.pos < r[0] || a.pos >= r[1])
		}
		if own {
			x.Assigns = append(x.Assigns, c.mention(a.name, a.pos))
		}
	}
	return x
}

func (c *cellCode) mention(name string, pos token.Pos) hostrpc.Mention {
	line, col := position(c.p.Source, c.p.offset(pos))
	return hostrpc.Mention{Name: name, Line: line, Col: col}
}

// captures lists the variables of functions around a literal that it mentions, in the order of their first mention; in a literal that is shipped
// session variables, too.
func (c *cellCode) captures(lit *ast.FuncLit, shipped [][2]token.Pos) (list []hostrpc.Mention) {
	inShipped := slices.ContainsFunc(shipped, func(r [2]token.Pos) bool { return r[0] <= lit.Pos() && lit.Pos() < r[1] })
	seen := map[types.Object]bool{}
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if v, ok := c.res.info.Uses[id].(*types.Var); ok && !seen[v] && (c.captured(v, lit) || inShipped && isSessionVariable(v, c.res, c.locals)) {
			seen[v] = true
			list = append(list, c.mention(v.Name(), id.Pos()))
		}
		return true
	})
	return list
}

// captured reports whether a variable is one of a function around the literal.
func (c *cellCode) captured(v *types.Var, lit *ast.FuncLit) bool {
	if v.IsField() || v.Pkg() != c.res.pkg || v.Parent() == c.res.pkg.Scope() || c.locals[v] != nil {
		return false
	}
	return v.Pos() < lit.Pos() || v.Pos() >= lit.End()
}
