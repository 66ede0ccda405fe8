package interp

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// shippers are the functions of package mobula that run their func arguments in other processes.
var shippers = []string{"Go", "Try", "Run", "Map", "TryMap", "Stream", "NewActor", "TryActor", "Call", "TryCall", "Send"}

// assignment is a place where code assigns to a session variable.
type assignment struct {
	name string
	src  *parsedCell
	pos  token.Pos
}

// assignments finds where code assigns to session variables, or to their fields and elements that are no memory of their own.
func assignments(code ast.Node, src *parsedCell, res *checked, locals map[types.Object]*decl) (list []assignment) {
	target := func(e ast.Expr) {
		if v := rootVariable(e, res); v != nil && (v.Parent() == res.pkg.Scope() || locals[v] != nil) {
			list = append(list, assignment{v.Name(), src, e.Pos()})
		}
	}
	ast.Inspect(code, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.AssignStmt:
			for _, e := range x.Lhs {
				target(e) // a variable that := declares is none of the session's inside of a function
			}
		case *ast.IncDecStmt:
			target(x.X)
		case *ast.RangeStmt:
			if x.Tok == token.ASSIGN {
				for _, e := range []ast.Expr{x.Key, x.Value} {
					if e != nil {
						target(e)
					}
				}
			}
		}
		return true
	})
	return list
}

// rootVariable returns the variable that an expression is, or is a part of.
func rootVariable(e ast.Expr, res *checked) *types.Var {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ := res.info.Uses[x].(*types.Var)
		return v
	case *ast.SelectorExpr:
		s := res.info.Selections[x]
		if s == nil || s.Kind() != types.FieldVal || s.Indirect() {
			return nil
		}
		return rootVariable(x.X, res)
	case *ast.IndexExpr:
		if t := res.info.TypeOf(x.X); t != nil {
			if _, ok := t.Underlying().(*types.Array); ok {
				return rootVariable(x.X, res)
			}
		}
	}
	return nil
}

// checkShipped reports assignments to session variables in functions that the cell gives to tasks and actors: they would
// change the copy of another process. Functions that come in variables are looked at when they are submitted.
func (s *Session) checkShipped(code *cellCode, known declarations) *Error {
	all := known.clone()
	for _, d := range code.decls {
		all[d.name] = d
	}
	var problems []problem
	told := map[token.Pos]bool{}
	for _, n := range code.p.file.Decls {
		ast.Inspect(n, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isShipper(code.res, call) {
				return true
			}
			for _, arg := range call.Args {
				for _, a := range code.shippedAssignments(arg, all) {
					if !told[a.pos] {
						told[a.pos] = true
						problems = append(problems, code.assignmentProblem(a, arg))
					}
				}
			}
			return true
		})
	}
	if len(problems) > 0 {
		return compileError(code.p.Cell, problems)
	}
	return nil
}

func (c *cellCode) assignmentProblem(a assignment, arg ast.Expr) problem {
	p := problem{
		offset: c.p.offset(a.pos),
		msg:    fmt.Sprintf("a task has its own copy of the session variable %s: to assign to it changes nothing here; return the value, or keep it in an actor", a.name),
	}
	if a.src != c.p {
		line, col := position(a.src.Source, a.src.offset(a.pos))
		p.offset = c.p.offset(arg.Pos())
		p.where = fmt.Sprintf("cell[%d]:%d:%d", a.src.Number, line, col)
	}
	return p
}

func isShipper(res *checked, call *ast.CallExpr) bool {
	fun := ast.Unparen(call.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	f := calledFunc(res.info, ast.Unparen(fun))
	return f != nil && f.Pkg() != nil && f.Pkg().Path() == "mobula" && f.Signature().Recv() == nil && slices.Contains(shippers, f.Name())
}

// shippedAssignments finds the assignments in a function that is written where it is used, and in those that it calls.
func (c *cellCode) shippedAssignments(arg ast.Expr, all declarations) (list []assignment) {
	arg = ast.Unparen(arg)
	if lit, ok := arg.(*ast.FuncLit); ok {
		list = assignments(lit.Body, c.p, c.res, c.locals)
	} else if t := c.res.info.TypeOf(arg); t == nil || !isFunc(t) {
		return nil
	}
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		d := all[name]
		if seen[name] || d == nil || d.kind != kindFunc && d.kind != kindMethod {
			return
		}
		seen[name] = true
		list = append(list, d.assigns...)
		for ref := range d.refs {
			follow(ref)
		}
	}
	ast.Inspect(arg, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if f, ok := c.res.info.Uses[id].(*types.Func); ok && f.Pkg() == c.res.pkg {
				follow(declName(f))
			}
		}
		return true
	})
	return list
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// declName is the name of the declaration of a function or method of the notebook.
func declName(f *types.Func) string {
	recv := f.Signature().Recv()
	if recv == nil {
		return f.Name()
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name() + "." + f.Name()
	}
	return f.Name()
}
