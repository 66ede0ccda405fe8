package interp

import (
	"go/ast"
	"go/types"
)

// A base is the checked package of all current declarations. Most cells only add to it: they
// are checked against it alone, in time that does not grow with the notebook. It is dropped
// when a cell changes what a name means, and made again from the declarations' syntax.
type base struct{ pkg *types.Package }

// addsOnly reports whether a cell can be checked against the base: it declares new names
// only, no method of an earlier type, and no type that go/types would look up the declaration of.
func (b *base) addsOnly(p *parsedCell, imports map[string]string) bool {
	own := map[string]bool{}
	for _, name := range declaredByCell(p, imports) {
		own[name] = true
	}
	for _, d := range p.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if r := receiver(d); d.Recv != nil && !own[r] {
				return false
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					if _, named := t.Type.(*ast.Ident); named || t.Assign.IsValid() {
						return false
					}
				}
			}
		}
	}
	for name := range own {
		if name != "_" && name != "init" && b.pkg.Scope().Lookup(name) != nil {
			return false
		}
	}
	return true
}

// quickCheck checks a cell against the base. ok is false where the whole package must be checked.
func (s *Session) quickCheck(p *parsedCell, imports map[string]string) (res *checked, problems []problem, ok bool) {
	if s.base == nil || !s.base.addsOnly(p, imports) {
		return nil, nil, false
	}
	c := s.checker()
	res = newChecked()
	res.pkg = s.base.pkg
	errs := c.files(res, []*ast.File{p.file})
	problems, _ = c.sortErrors(errs, nil, p, res)
	res.broken = map[*decl]string{}
	return res, problems, true
}

// refuse drops the base where it may hold names of a cell that was not accepted after all.
func (s *Session) refuse(p *parsedCell) {
	for _, name := range declaredByCell(p, nil) {
		if name != bodyName(p.seq) {
			s.base = nil
			return
		}
	}
}

// extendBase adds what a cell has declared, or drops the base where names have changed their meaning.
func (s *Session) extendBase(pl *plan) {
	ch := pl.change
	switch {
	case ch.pkg != nil:
		s.base = &base{ch.pkg}
		return
	case len(ch.identity)+len(ch.rebuild)+len(ch.warnings) > 0:
		s.base = nil
		return
	case pl.code.res.whole:
		s.base = &base{pl.code.res.pkg}
	}
	if s.base == nil {
		return
	}
	scope := s.base.pkg.Scope()
	for obj, d := range pl.code.locals {
		if s.env[d.name] == d && scope.Lookup(d.name) == nil {
			scope.Insert(types.NewVar(d.pos, s.base.pkg, d.name, obj.Type()))
		}
	}
}
