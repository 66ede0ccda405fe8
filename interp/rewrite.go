package interp

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// rt is the identifier of package cellrt in units.
const rt = "r" + marker

// rewriter turns checked source into unit text: names become link names, package names become
// aliases, and operations that can block for ever become ones that an interrupt ends.
type rewriter struct {
	editList
	res     *checked
	locals  map[types.Object]*decl // top-level variables of the cell's statements
	scope   declarations           // what package-level names mean here; nil: by name at emission
	change  *change                // of the cell whose statements these are
	refs    map[string]bool
	sigRefs map[string]bool
	raw     map[ast.Node]bool // channel operations to leave alone
	unused  map[types.Object]bool
	parents []ast.Node
	pkgs    map[string]map[string]bool // package path -> functions mentioned
	// alive holds what function literals mention: they may outlive the bodies of the functions
	// they call, so these must not be inlined into them.
	alive map[string]bool
}

func newRewriter(src *parsedCell, res *checked) *rewriter {
	r := &rewriter{editList: editList{src: src}, res: res, refs: map[string]bool{}, sigRefs: map[string]bool{},
		raw: map[ast.Node]bool{}, unused: map[types.Object]bool{}, pkgs: map[string]map[string]bool{}, alive: map[string]bool{}}
	for _, o := range res.unused {
		r.unused[o] = true
	}
	return r
}

// walk adds the edits of a syntax tree.
func (r *rewriter) walk(n ast.Node) {
	if n == nil {
		return
	}
	ast.PreorderStack(n, nil, func(n ast.Node, stack []ast.Node) bool {
		r.parents = stack
		switch x := n.(type) {
		case *ast.Ident:
			r.ident(x)
		case *ast.UnaryExpr:
			r.receive(x)
		case *ast.SendStmt:
			r.send(x)
		case *ast.SelectStmt:
			r.selectStmt(x)
		case *ast.RangeStmt:
			r.rangeStmt(x)
		case *ast.CallExpr:
			r.call(x)
		case *ast.AssignStmt:
			r.commaOK(x.Lhs, x.Rhs)
		case *ast.ValueSpec:
			if len(x.Names) == 2 && len(x.Values) == 1 {
				r.commaOK(make([]ast.Expr, 2), x.Values)
			}
		}
		return true
	})
}

func (r *rewriter) ident(id *ast.Ident) {
	obj := r.res.info.Uses[id]
	if obj == nil {
		obj = r.res.info.Defs[id]
		if obj == nil {
			return
		}
		if r.unused[obj] && r.locals[obj] == nil {
			r.useUnused(obj)
		}
	}
	if !r.src.owns(id.Pos()) {
		return
	}
	start := r.at(id)
	end := r.src.identEnd(start)
	switch o := obj.(type) {
	case *types.PkgName:
		r.add(edit{start: start, end: end, pkg: o.Imported().Path()})
		r.notePackage(id, o)
		return
	case *types.Func:
		if sig := o.Signature(); sig.Recv() != nil {
			r.noteMethod(sig.Recv().Type(), o.Name())
			return
		}
	case *types.Var:
		if o.IsField() {
			r.embeddedField(o, start, end)
			return
		}
	}
	if d := r.locals[obj]; d != nil {
		r.add(edit{start: start, end: end, d: d})
		r.ref(d.name)
		return
	}
	if obj.Parent() == r.res.pkg.Scope() {
		r.sessionName(obj.Name(), start, end)
	} else if obj.Pkg() != nil && obj.Pkg() != r.res.pkg && obj.Parent() == obj.Pkg().Scope() && !r.isSelected(id) {
		r.add(edit{start: start, end: end, pkg: obj.Pkg().Path(), tail: "." + obj.Name()}) // through a dot import
	}
}

func (r *rewriter) sessionName(name string, start, end int) {
	r.ref(name)
	if r.scope == nil {
		r.add(edit{start: start, end: end, name: name})
	} else if d := r.scope[name]; d != nil {
		r.add(edit{start: start, end: end, d: d})
	}
}

func (r *rewriter) ref(name string) {
	r.refs[name] = true
	for _, n := range r.parents {
		if _, ok := n.(*ast.FuncLit); ok {
			r.alive[name] = true
		}
		if g, ok := n.(*ast.GoStmt); ok && g != nil {
			r.alive[name] = true
		}
	}
}

// isSelected reports whether id is the right side of a selector.
func (r *rewriter) isSelected(id *ast.Ident) bool {
	s, ok := r.parent().(*ast.SelectorExpr)
	return ok && s.Sel == id
}

func (r *rewriter) parent() ast.Node {
	if len(r.parents) == 0 {
		return nil
	}
	return r.parents[len(r.parents)-1]
}

// notePackage remembers functions of other packages that the unit mentions: they are
// registered, so that later cells can call them directly.
func (r *rewriter) notePackage(id *ast.Ident, p *types.PkgName) {
	s, ok := r.parent().(*ast.SelectorExpr)
	if !ok || s.X != id {
		return
	}
	f, ok := r.res.info.Uses[s.Sel].(*types.Func)
	if !ok || f.Signature().TypeParams() != nil || p.Imported().Path() == "C" {
		return
	}
	path := p.Imported().Path()
	if r.pkgs[path] == nil {
		r.pkgs[path] = map[string]bool{}
	}
	r.pkgs[path][f.Name()] = true
}

// noteMethod adds T.m to the references where T is a session type.
func (r *rewriter) noteMethod(recv types.Type, method string) {
	if p, ok := types.Unalias(recv).(*types.Pointer); ok {
		recv = p.Elem()
	}
	if n, ok := types.Unalias(recv).(*types.Named); ok && n.Obj().Pkg() == r.res.pkg {
		r.ref(n.Obj().Name() + "." + method)
	}
}

// embeddedField renames the mention of an embedded field, whose name is its type's.
func (r *rewriter) embeddedField(v *types.Var, start, end int) {
	if !v.Embedded() {
		return
	}
	t := v.Type()
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	var tn *types.TypeName
	switch n := t.(type) {
	case *types.Named:
		tn = n.Obj()
	case *types.Alias:
		tn = n.Obj()
	}
	if tn != nil && tn.Parent() == r.res.pkg.Scope() {
		r.sessionName(tn.Name(), start, end)
	}
}

// useUnused makes Go accept a local variable that nothing uses.
func (r *rewriter) useUnused(obj types.Object) {
	use := "_ = " + obj.Name()
	for i, parent := range slices.Backward(r.parents) {
		var up ast.Node
		if i > 0 {
			up = r.parents[i-1]
		}
		switch p := parent.(type) {
		case *ast.RangeStmt:
			r.insert(int(p.Body.Lbrace)+1-r.src.base, " "+use+"; ")
			return
		case *ast.AssignStmt, *ast.DeclStmt:
			switch u := up.(type) {
			case *ast.IfStmt:
				r.insert(int(u.Body.Lbrace)+1-r.src.base, " "+use+"; ")
			case *ast.ForStmt:
				r.insert(int(u.Body.Lbrace)+1-r.src.base, " "+use+"; ")
			case *ast.CommClause:
				if u.Comm == p {
					r.insert(int(u.Colon)+1-r.src.base, " "+use+"; ")
				} else {
					r.insert(int(p.End())-r.src.base, "; "+use)
				}
			case *ast.TypeSwitchStmt:
				if a, ok := p.(*ast.AssignStmt); ok && u.Assign == p {
					r.replace(r.at(a), r.at(a.Rhs[0]), "")
				}
			case *ast.SwitchStmt:
			default:
				r.insert(int(p.End())-r.src.base, "; "+use)
			}
			return
		}
	}
}

// receive rewrites <-ch.
func (r *rewriter) receive(x *ast.UnaryExpr) {
	if x.Op != token.ARROW || r.raw[x] || !r.plainChannel(x.X) {
		return
	}
	r.replace(r.at(x), r.at(x)+2, rt+".Recv(")
	r.insert(int(x.End())-r.src.base, ")")
}

// commaOK rewrites v, ok = <-ch.
func (r *rewriter) commaOK(left, right []ast.Expr) {
	if len(left) != 2 || len(right) != 1 {
		return
	}
	x, ok := ast.Unparen(right[0]).(*ast.UnaryExpr)
	if !ok || x.Op != token.ARROW || r.raw[x] || !r.plainChannel(x.X) {
		return
	}
	r.raw[x] = true
	r.replace(r.at(x), r.at(x)+2, rt+".Recv2(")
	r.insert(int(x.End())-r.src.base, ")")
}

// plainChannel reports whether an expression is a channel that generic code can take.
func (r *rewriter) plainChannel(x ast.Expr) bool {
	t := r.res.info.TypeOf(x)
	if t == nil {
		return false
	}
	if _, ok := types.Unalias(t).(*types.TypeParam); ok {
		return false
	}
	_, ok := t.Underlying().(*types.Chan)
	return ok
}

// send rewrites ch <- v.
func (r *rewriter) send(x *ast.SendStmt) {
	if r.raw[x] || !r.plainChannel(x.Chan) {
		return
	}
	r.insert(r.at(x), rt+".SendTo(")
	r.replace(int(x.Chan.End())-r.src.base, r.at(x.Value), ")(")
	r.insert(int(x.End())-r.src.base, ")")
}

// selectStmt adds a case for the interrupt where there is no default.
func (r *rewriter) selectStmt(x *ast.SelectStmt) {
	hasDefault := false
	for _, c := range x.Body.List {
		comm := c.(*ast.CommClause).Comm
		switch s := comm.(type) {
		case nil:
			hasDefault = true
		case *ast.SendStmt:
			r.raw[s] = true
		case *ast.ExprStmt:
			r.raw[ast.Unparen(s.X)] = true
		case *ast.AssignStmt:
			r.raw[ast.Unparen(s.Rhs[0])] = true
		}
	}
	if !hasDefault {
		sep := "; "
		if len(x.Body.List) == 0 {
			sep = " "
		}
		r.insert(int(x.Body.Rbrace)-r.src.base, sep+"case <-"+rt+".StopChan(): panic("+rt+".Interrupt{}); ")
	}
}

// rangeStmt rewrites range over a channel.
func (r *rewriter) rangeStmt(x *ast.RangeStmt) {
	if r.plainChannel(x.X) {
		r.insert(r.at(x.X), rt+".Range(")
		r.insert(int(x.X.End())-r.src.base, ")")
	}
}

// blocking names the methods and functions that cellrt has a variant of, by full name.
var blocking = map[string]string{
	"(*sync.Mutex).Lock":     "Lock",
	"(*sync.RWMutex).Lock":   "RWLock",
	"(*sync.RWMutex).RLock":  "RWRLock",
	"(*sync.WaitGroup).Wait": "Wait",
	"(*sync.Cond).Wait":      "CondWait",
}

// call rewrites time.Sleep and the waiting methods of package sync.
func (r *rewriter) call(x *ast.CallExpr) {
	if isShipper(r.res, x) {
		r.captureShipped(x)
	}
	s, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr)
	if !ok {
		return
	}
	f, ok := r.res.info.Uses[s.Sel].(*types.Func)
	if !ok || f.Pkg() == nil {
		return
	}
	if f.FullName() == "time.Sleep" {
		r.replace(r.at(s), int(s.End())-r.src.base, rt+".Sleep")
		return
	}
	sel, name := r.res.info.Selections[s], blocking[f.FullName()]
	if name == "" || sel == nil || sel.Kind() != types.MethodVal || len(x.Args) > 0 {
		return
	}
	path, pointer, ok := embeddedPath(sel)
	if !ok {
		return
	}
	amp := "&"
	if pointer {
		amp = ""
	}
	r.insert(r.at(s), rt+"."+name+"("+amp)
	r.replace(int(s.X.End())-r.src.base, int(x.End())-r.src.base, path+")")
}

// embeddedPath spells the embedded fields that a promoted method is reached through, and
// whether what they end in is a pointer.
func embeddedPath(sel *types.Selection) (path string, pointer, ok bool) {
	t := sel.Recv()
	index := sel.Index()
	var b strings.Builder
	for _, i := range index[:len(index)-1] {
		if p, isPtr := t.Underlying().(*types.Pointer); isPtr {
			t = p.Elem()
		}
		st, isStruct := t.Underlying().(*types.Struct)
		if !isStruct {
			return "", false, false
		}
		b.WriteString("." + st.Field(i).Name())
		t = st.Field(i).Type()
	}
	_, pointer = t.Underlying().(*types.Pointer)
	return b.String(), pointer, true
}
