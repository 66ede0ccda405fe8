package complete

import (
	"go/ast"
	"go/token"
	"go/types"
)

// target returns the selector whose name is asked for, or the struct literal in which a
// field's name may stand.
func (v *view) target() (*ast.SelectorExpr, *ast.CompositeLit) {
	if len(v.path) < 2 {
		return nil, nil
	}
	id := v.path[0]
	switch p := v.path[1].(type) {
	case *ast.SelectorExpr:
		if p.Sel == id {
			return p, nil
		}
	case *ast.CompositeLit:
		if p.Type != id {
			return nil, p
		}
	case *ast.KeyValueExpr:
		if p.Key == id && len(v.path) > 2 {
			lit, _ := v.path[2].(*ast.CompositeLit)
			return nil, lit
		}
	}
	return nil, nil
}

// members proposes what may follow the period of sel.
func (v *view) members(s *Snapshot, m matcher, sel *ast.SelectorExpr) []Item {
	if id, ok := sel.X.(*ast.Ident); ok {
		if p, ok := v.info.Uses[id].(*types.PkgName); ok {
			return v.packageMembers(s, m, p.Imported(), 0)
		}
		if v.info.Uses[id] == nil && s.Imports[id.Name] == "" {
			return v.ambiguous(s, m, id.Name)
		}
	}
	tv, ok := v.info.Types[sel.X]
	if !ok || tv.Type == nil {
		return nil
	}
	var items []Item
	for _, obj := range membersOf(tv.Type, v.pkg, tv.IsType()) {
		items = m.add(items, rankField, v.item(s, obj))
	}
	return items
}

func (v *view) packageMembers(s *Snapshot, m matcher, p *types.Package, rank int) []Item {
	var items []Item
	for _, name := range p.Scope().Names() {
		if obj := p.Scope().Lookup(name); obj.Exported() {
			items = m.add(items, rank, v.item(s, obj))
		}
	}
	return items
}

// ambiguous proposes the members of all standard packages of one name.
func (v *view) ambiguous(s *Snapshot, m matcher, name string) []Item {
	var items []Item
	for i, path := range s.Std[name] {
		p, err := orNone(s.Importer).Import(path)
		if err != nil {
			continue
		}
		found := v.packageMembers(s, m, p, i)
		for j := range found {
			found[j].Type = path + ": " + found[j].Type
		}
		items = append(items, found...)
	}
	return unique(items)
}

// membersOf returns the fields and methods of t that pkg may use, promoted ones included.
func membersOf(t types.Type, pkg *types.Package, isType bool) []types.Object {
	c := collector{pkg: pkg, root: t, seen: map[types.Type]bool{}, names: map[string]bool{}}
	if !isType {
		c.fields(t)
	}
	mt := t
	if _, ptr := t.Underlying().(*types.Pointer); !ptr && !types.IsInterface(t) && !isType {
		mt = types.NewPointer(t)
	}
	set := types.NewMethodSet(mt)
	for method := range set.Methods() {
		c.add(method.Obj())
	}
	return c.found
}

// collector gathers members, each name once, as the selector rules resolve it.
type collector struct {
	pkg   *types.Package
	root  types.Type
	seen  map[types.Type]bool
	names map[string]bool
	found []types.Object
}

func (c *collector) add(obj types.Object) {
	if c.names[obj.Name()] || !obj.Exported() && (obj.Pkg() == nil || obj.Pkg().Path() != c.pkg.Path()) {
		return
	}
	got, _, _ := types.LookupFieldOrMethod(c.root, true, obj.Pkg(), obj.Name())
	if got == nil {
		return
	}
	c.names[obj.Name()] = true
	c.found = append(c.found, got)
}

func (c *collector) fields(t types.Type) {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	if c.seen[t] {
		return
	}
	c.seen[t] = true
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return
	}
	for f := range st.Fields() {
		c.add(f)
	}
	for f := range st.Fields() {
		if f.Embedded() {
			c.fields(f.Type())
		}
	}
}

// fields proposes the fields of a struct literal that are not set yet.
func (v *view) fields(m matcher, lit *ast.CompositeLit) []Item {
	t := v.info.Types[lit].Type
	if t == nil {
		return nil
	}
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	st, ok := t.Underlying().(*types.Struct)
	if !ok {
		return nil
	}
	set := map[string]bool{}
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				set[id.Name] = true
			}
		}
	}
	var items []Item
	for f := range st.Fields() {
		if !set[f.Name()] && (f.Exported() || f.Pkg() != nil && f.Pkg().Path() == v.pkg.Path()) {
			items = m.add(items, rankField, Item{Text: f.Name(), Kind: "field", Type: v.typeOf(f)})
		}
	}
	return items
}

// names proposes identifiers in scope at pos, keywords and packages. v may be nil: then
// the cell is not understood and only the session's names are known.
func (v *view) names(s *Snapshot, m matcher, pos token.Pos) []Item {
	var items []Item
	if v == nil {
		v = &view{pkg: types.NewPackage("main", "main")}
		if s.Package != nil {
			v.pkg = s.Package
		}
	}
	for scope := v.pkg.Scope().Innermost(pos); scope != nil && scope != v.pkg.Scope(); scope = scope.Parent() {
		for _, name := range scope.Names() {
			obj := scope.Lookup(name)
			if _, pkg := obj.(*types.PkgName); pkg || obj.Pos() >= pos {
				continue
			}
			items = m.add(items, rankLocal, v.item(s, obj))
		}
	}
	for _, name := range v.pkg.Scope().Names() {
		items = m.add(items, rankSession, v.item(s, v.pkg.Scope().Lookup(name)))
	}
	if m.prefix != "" || len(items) == 0 {
		items = append(items, v.universe(s, m)...)
	}
	return unique(append(items, v.packages(s, m)...))
}

func (v *view) universe(s *Snapshot, m matcher) []Item {
	var items []Item
	for _, name := range types.Universe.Names() {
		items = m.add(items, rankUniverse, v.item(s, types.Universe.Lookup(name)))
	}
	for _, k := range keywords {
		items = m.add(items, rankKeyword, Item{Text: k, Kind: "keyword"})
	}
	return items
}

// packages proposes names of packages: the session's and the file's imports, and, once
// something was typed, those of the standard library.
func (v *view) packages(s *Snapshot, m matcher) []Item {
	var items []Item
	for name, path := range s.Imports {
		items = m.add(items, rankPackage, Item{Text: name, Kind: "package", Type: path, Doc: s.Docs.packageSynopsis(path)})
	}
	if v.file != nil {
		for _, d := range v.file.Decls {
			g, ok := d.(*ast.GenDecl)
			for i := 0; ok && g.Tok == token.IMPORT && i < len(g.Specs); i++ {
				if spec, ok := g.Specs[i].(*ast.ImportSpec); ok && spec.Path != nil {
					items = m.add(items, rankPackage, Item{Text: importName(spec), Kind: "package", Type: unquote(spec.Path.Value)})
				}
			}
		}
	}
	if m.prefix == "" {
		return items
	}
	for name, paths := range s.Std {
		for i, path := range paths {
			items = m.add(items, rankStd+i, Item{Text: name, Kind: "package", Type: path, Doc: s.Docs.packageSynopsis(path)})
		}
	}
	return items
}
