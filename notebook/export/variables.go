package export

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// variable is one of the notebook's, in the program.
type variable struct {
	name    string // in the program
	typ     types.Type
	hoisted bool
}

// table says which variable of the program an identifier of the notebook is.
type table struct {
	byPlace map[place]types.Object
	byObj   map[types.Object]*variable
	results map[place]types.TypeAndValue // of expressions that are statements
}

// variablesOf finds the variables of a checked notebook: one that is declared again is the same where its type is.
func (p *program) variablesOf(c *checked) (*table, error) {
	t := &table{byPlace: map[place]types.Object{}, byObj: map[types.Object]*variable{}, results: map[place]types.TypeAndValue{}}
	taken := map[string]bool{}
	for _, idents := range []map[*ast.Ident]types.Object{c.info.Defs, c.info.Uses} {
		for id, obj := range idents {
			taken[id.Name] = true
			if where, ok := p.find(c.at(id.Pos())); ok && obj != nil {
				t.byPlace[where] = obj
			}
		}
	}
	ast.Inspect(c.file, func(n ast.Node) bool {
		if s, ok := n.(*ast.ExprStmt); ok {
			if where, ok := p.find(c.at(s.Pos())); ok {
				t.results[where] = c.info.Types[s.X]
			}
		}
		return true
	})
	newest := map[string]*variable{}
	versions := map[string]int{}
	var errs []error
	for _, u := range p.units {
		for _, s := range u.stmts {
			names, _ := defines(s)
			_, again := s.(*ast.DeclStmt)
			for _, id := range names {
				obj := t.byPlace[place{u, offset(id.Pos())}]
				if obj == nil || t.byObj[obj] != nil {
					continue
				}
				old := newest[id.Name]
				hoisted := p.hoisted[id.Name]
				switch {
				case old != nil && types.Identical(old.typ, obj.Type()) && (!again || hoisted):
					t.byObj[obj] = old
					continue
				case old != nil && hoisted:
					errs = append(errs, fmt.Errorf("cell %d declares %s anew with another type, and functions use it: rename one of them", u.number, id.Name))
				}
				v := &variable{name: id.Name, typ: obj.Type(), hoisted: hoisted}
				for versions[id.Name]++; versions[id.Name] > 1 && taken[v.name]; versions[id.Name]++ {
					v.name = fmt.Sprint(id.Name, versions[id.Name])
				}
				taken[v.name] = true
				newest[id.Name], t.byObj[obj] = v, v
			}
		}
	}
	return t, errors.Join(errs...)
}

// of is the variable that an identifier of a unit stands for, or nil.
func (t *table) of(u *unit, id *ast.Ident) *variable {
	return t.byObj[t.byPlace[place{u, offset(id.Pos())}]]
}

// static reports whether a value can be that of a package's variable: it is made of constants and types alone.
func (t *table) static(u *unit, e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ok = false
		case *ast.UnaryExpr:
			ok = ok && n.Op != token.ARROW
		case *ast.KeyValueExpr: // a field's name is no variable
			ok = ok && t.static(u, n.Value)
			if _, name := n.Key.(*ast.Ident); !name {
				ok = ok && t.static(u, n.Key)
			}
			return false
		case *ast.Ident:
			switch obj := t.byPlace[place{u, offset(n.Pos())}].(type) {
			case *types.Const, *types.TypeName, *types.Nil, *types.PkgName:
			case *types.Builtin:
				ok = ok && (obj.Name() == "make" || obj.Name() == "len" || obj.Name() == "new")
			default:
				ok = false
			}
		}
		return ok
	})
	return ok
}

// edit replaces a part of a cell's text.
type edit struct {
	start, end int
	text       string
}

// apply returns text[from:to] with the edits that lie in it.
func apply(text string, from, to int, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Or(a.start-b.start, a.end-b.end) })
	out, at := "", from
	for _, e := range edits {
		if e.start < at || e.end > to {
			continue
		}
		out += text[at:e.start] + e.text
		at = e.end
	}
	return out + text[at:to]
}

// renames are the edits by which identifiers of a unit get their names in the program.
func (t *table) renames(u *unit) (edits []edit) {
	for where, obj := range t.byPlace {
		if v := t.byObj[obj]; where.unit == u && v != nil && v.name != obj.Name() {
			edits = append(edits, edit{where.offset, where.offset + len(obj.Name()), v.name})
		}
	}
	return edits
}

// typeText writes a type as the program does; the packages that it needs are imported.
func (p *program) typeText(t types.Type) string {
	return types.TypeString(t, func(pkg *types.Package) string {
		if pkg.Name() == "main" {
			return ""
		}
		for spec := range maps.Keys(p.imports) {
			if name, quoted, ok := cutSpec(spec); ok && quoted == pkg.Path() {
				return name
			}
		}
		p.imports[`"`+pkg.Path()+`"`] = true
		return pkg.Name()
	})
}
