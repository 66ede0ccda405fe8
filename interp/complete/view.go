package complete

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"iter"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// mode says what becomes of the text behind the name in question.
type mode uint8

const (
	cut   mode = iota // it is cut off, and the name is replaced by a placeholder
	whole             // it stays
	head              // it is cut off, the name stays
)

// placeholder stands for the name that is being typed; nothing else is called so.
const placeholder = "ᐊ"

// view is a cell as a checked file of its own: declarations at the top level, and the
// statements in the body of a function.
type view struct {
	fset *token.FileSet
	file *ast.File
	pkg  *types.Package
	info *types.Info
	pos  token.Pos  // of the name in question
	path []ast.Node // from the name outwards
}

// newView checks the cell as far as it can be understood; nil where the part with the
// name cannot be parsed at all.
func newView(s *Snapshot, source string, start, end int, m mode) *view {
	text, at := assemble(source, start, end, m)
	if at < 0 {
		return nil
	}
	v := &view{fset: token.NewFileSet(), pkg: types.NewPackage("main", "main")}
	var err error
	v.file, err = parser.ParseFile(v.fset, "", text, parser.ParseComments|parser.SkipObjectResolution)
	if v.file == nil || (err != nil && m == whole) {
		return nil
	}
	v.pos = v.fset.File(v.file.FileStart).Pos(at)
	v.path = enclosing(v.file, v.pos)
	if len(v.path) == 0 {
		return nil
	}
	v.addImports(s)
	if !v.check(s) {
		return nil
	}
	return v
}

// enclosing returns the nodes around the identifier at pos, from the inside out; nil
// where there is none.
func enclosing(file *ast.File, pos token.Pos) []ast.Node {
	var path, found []ast.Node
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		path = append(path, n)
		if id, ok := n.(*ast.Ident); ok && id.Pos() == pos && found == nil {
			found = slices.Clone(path)
			slices.Reverse(found)
		}
		return true
	})
	return found
}

// check runs go/types over the file with the session's objects around it.
func (v *view) check(s *Snapshot) (ok bool) {
	v.info = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{},
		Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{},
		Implicits: map[ast.Node]types.Object{}, Scopes: map[ast.Node]*types.Scope{},
	}
	declared := v.declared()
	if s.Package != nil {
		v.pkg = types.NewPackage(s.Package.Path(), s.Package.Name())
		for _, name := range s.Package.Scope().Names() {
			if !declared[name] {
				v.pkg.Scope().Insert(s.Package.Scope().Lookup(name))
			}
		}
	}
	v.detach(declared)
	conf := types.Config{
		Importer: orNone(s.Importer), Error: func(error) {}, FakeImportC: true, DisableUnusedImportCheck: true,
	}
	// go/types is made for what the parser accepts; on a guess at half a cell it has paniced
	// before, and no proposal is worth a kernel.
	defer func() { ok = recover() == nil }()
	_ = types.NewChecker(&conf, v.fset, v.pkg, v.info).Files([]*ast.File{v.file})
	return true
}

// declared returns the package-level names of the file.
func (v *view) declared() map[string]bool {
	names := map[string]bool{}
	for _, d := range v.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				names[d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names[spec.Name.Name] = true
				case *ast.ValueSpec:
					for _, id := range spec.Names {
						names[id.Name] = true
					}
				}
			}
		}
	}
	return names
}

// detach rewrites declarations that go/types takes to depend on declarations in this very
// file: a method of a session type, or of an alias that may be one, becomes a function, and
// `type A B` becomes `type A (B)`.
func (v *view) detach(declared map[string]bool) {
	alias := map[string]bool{}
	for t := range typeSpecs(v.file) {
		if t.Assign.IsValid() {
			alias[t.Name.Name] = true
		}
		if id, ok := t.Type.(*ast.Ident); ok && !declared[id.Name] {
			t.Type = &ast.ParenExpr{Lparen: id.Pos(), X: id, Rparen: id.End()}
		}
	}
	for _, d := range v.file.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			if base, params := receiver(d); base != "" && (!declared[base] || alias[base]) {
				d.Type.Params.List = append(d.Recv.List, d.Type.Params.List...)
				d.Type.TypeParams = params
				d.Recv, d.Name = nil, &ast.Ident{NamePos: d.Name.Pos(), Name: "_"}
			}
		}
	}
}

// typeSpecs yields the package-level type declarations of a file.
func typeSpecs(f *ast.File) iter.Seq[*ast.TypeSpec] {
	return func(yield func(*ast.TypeSpec) bool) {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			for i := 0; ok && i < len(g.Specs); i++ {
				if t, ok := g.Specs[i].(*ast.TypeSpec); ok && !yield(t) {
					return
				}
			}
		}
	}
}

// receiver returns the name of a method's base type and its type parameters.
func receiver(d *ast.FuncDecl) (string, *ast.FieldList) {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return "", nil
	}
	t := ast.Unparen(d.Recv.List[0].Type)
	if star, ok := t.(*ast.StarExpr); ok {
		t = ast.Unparen(star.X)
	}
	var args []ast.Expr
	switch x := t.(type) {
	case *ast.IndexExpr:
		t, args = x.X, []ast.Expr{x.Index}
	case *ast.IndexListExpr:
		t, args = x.X, x.Indices
	}
	id, ok := t.(*ast.Ident)
	if !ok {
		return "", nil
	}
	var params *ast.FieldList
	for _, a := range args {
		if p, ok := a.(*ast.Ident); ok {
			if params == nil {
				params = &ast.FieldList{}
			}
			params.List = append(params.List, &ast.Field{Names: []*ast.Ident{{NamePos: p.Pos(), Name: p.Name}},
				Type: &ast.Ident{NamePos: p.Pos(), Name: "any"}})
		}
	}
	return id.Name, params
}

// addImports imports what the file uses as a package and does not declare itself: the
// session's imports, and packages of the standard library.
func (v *view) addImports(s *Snapshot) {
	have := v.declared()
	for _, d := range v.file.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			for _, spec := range g.Specs {
				if i, ok := spec.(*ast.ImportSpec); ok {
					have[importName(i)] = true
				}
			}
		}
	}
	var specs []ast.Spec
	ast.Inspect(v.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok || have[id.Name] {
			return true
		}
		if path := s.packagePath(id.Name); path != "" {
			have[id.Name] = true
			specs = append(specs, &ast.ImportSpec{
				Name: ast.NewIdent(id.Name),
				Path: &ast.BasicLit{Kind: token.STRING, Value: `"` + path + `"`},
			})
		}
		return true
	})
	if len(specs) > 0 {
		v.file.Decls = append([]ast.Decl{&ast.GenDecl{Tok: token.IMPORT, Specs: specs}}, v.file.Decls...)
	}
}

func importName(i *ast.ImportSpec) string {
	if i.Name != nil {
		return i.Name.Name
	}
	path := strings.Trim(i.Path.Value, "\"`")
	return packageName(path)
}

// packagePath is the path behind a package's name: of a session import, or of the one
// standard package of that name, where the session has no object of that name.
func (s *Snapshot) packagePath(name string) string {
	if path, ok := s.Imports[name]; ok {
		return path
	}
	if s.Package != nil && s.Package.Scope().Lookup(name) != nil {
		return ""
	}
	if paths := s.Std[name]; len(paths) == 1 {
		return paths[0]
	}
	return ""
}

// packageName guesses the name of a package from its path.
func packageName(path string) string {
	parts := strings.Split(path, "/")
	last := parts[len(parts)-1]
	if len(parts) > 1 && len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" {
		last = parts[len(parts)-2]
	}
	last, _, _ = strings.Cut(last, ".v")
	last = strings.TrimPrefix(last, "go-")
	return last
}

// none reads no package.
type none struct{}

func (none) Import(path string) (*types.Package, error) {
	return nil, types.Error{Msg: "no packages can be read: " + path}
}

func orNone(i types.Importer) types.Importer {
	if i == nil {
		return none{}
	}
	return i
}

// assemble writes the cell as a file. It returns the offset of the name in it, or -1.
func assemble(source string, start, end int, m mode) (string, int) {
	a := assembler{start: start, at: -1}
	all := source
	switch m {
	case cut:
		source = source[:start] + placeholder
	case head:
		source = source[:end]
	}
	text := source
	if m != whole {
		text += " {}" // so that the header of a block is seen as one
	}
	parts, _ := cell.Split(text)
	for _, p := range parts {
		p.End = min(p.End, len(source))
		here := p.Start <= start && start < p.End
		a.add(p, p.Text(source), here, m)
	}
	if m != whole {
		rest, _ := cell.Split(all)
		for _, p := range rest {
			if p.Start > start && p.Kind > cell.Import && p.Kind < cell.Stmt {
				a.add(p, p.Text(all), false, m)
			}
		}
	}
	return a.file()
}
