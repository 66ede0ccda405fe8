package interp

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// change is what a cell does to the notebook's declarations, decided before anything is
// compiled: pure bookkeeping over names.
type change struct {
	env       declarations // afterwards
	old       declarations // before
	fresh     map[*decl]bool
	identity  map[string]bool // names that now mean another thing: new link name
	touched   map[string]bool // functions with the same identity whose body changed and may be inlined elsewhere
	rebuild   map[*decl]bool  // earlier functions to compile again
	grown     map[string]bool // types that got methods, and types that embed them
	moved     []movedVar
	typePairs [][2]string // old and new link names of types with a new identity
	saved     map[*decl]decl
	warnings  []string
	pkg       *types.Package // of env, where it was checked as a whole afterwards
}

type movedVar struct {
	d       *decl
	oldLink string
}

// newChange applies fresh declarations to old. versions counts link names ever used, by name.
func newChange(old declarations, fresh []*decl, versions map[string]int) *change {
	c := &change{env: old.clone(), old: old, fresh: map[*decl]bool{}, identity: map[string]bool{}, touched: map[string]bool{},
		rebuild: map[*decl]bool{}, grown: map[string]bool{}, saved: map[*decl]decl{}}
	for _, d := range fresh {
		if before := c.env[d.name]; before != nil && c.fresh[before] {
			delete(c.fresh, before) // x := 1; var x ... in one cell: the last one stays
		}
		c.fresh[d] = true
		c.env[d.name] = d
	}
	for d := range c.fresh {
		c.compare(d)
	}
	for len(c.identity)+len(c.touched) > 0 && c.propagate() {
	}
	c.assignLinks(versions)
	c.findGrown()
	return c
}

// compare decides whether a redeclared name keeps its identity.
func (c *change) compare(d *decl) {
	old := c.old[d.name]
	if old == nil {
		return
	}
	if old.kind != d.kind || old.generic != d.generic {
		c.identity[d.name] = true
		return
	}
	same := d.kind == kindType || types.TypeString(old.typ, nil) == types.TypeString(d.typ, nil)
	switch d.kind {
	case kindConst:
		same = same && constText(old.value) == constText(d.value)
	case kindType:
		same = sourceOf(old) == sourceOf(d)
	case kindVar:
		same = same && d.embed == "" && old.embed == "" && d.witness == nil
	case kindFunc, kindMethod:
		if d.generic {
			same = same && sourceOf(old) == sourceOf(d)
		}
		if sourceOf(old) != sourceOf(d) && (old.mayInline || d.mayInline) {
			c.touched[d.name] = true
		}
	}
	if same {
		return
	}
	if d.kind == kindMethod { // the method set of its type changes incompatibly
		c.identity[d.recv] = true
		return
	}
	c.identity[d.name] = true
}

// sourceOf returns a declaration's text with its package names resolved.
func sourceOf(d *decl) string {
	var n ast.Node = d.fn
	if d.fn == nil {
		n = d.spec
	}
	var s strings.Builder
	s.WriteString(d.src.textOf(n))
	for _, e := range d.edits {
		if e.pkg != "" {
			s.WriteString("\x00" + e.pkg)
		}
	}
	return s.String()
}

// propagate carries changes one step on to what mentions them.
func (c *change) propagate() (more bool) {
	mark := func(set map[string]bool, name string) {
		if !set[name] {
			set[name] = true
			more = true
		}
	}
	for _, d := range c.env {
		known := c.old[d.name] != nil
		switch d.kind {
		case kindType, kindVar:
			if known && c.hits(d.sigRefs, c.identity, "") {
				mark(c.identity, d.name)
			}
		case kindFunc:
			if known && (c.hits(d.sigRefs, c.identity, "") || d.generic && c.affected(d)) {
				mark(c.identity, d.name)
			}
			more = c.maybeRebuild(d) || more
		case kindMethod:
			if known && (c.hits(d.sigRefs, c.identity, d.recv) || d.generic && c.affected(d)) {
				mark(c.identity, d.recv)
			}
			more = c.maybeRebuild(d) || more
		}
	}
	return more
}

func (c *change) maybeRebuild(d *decl) bool {
	if c.fresh[d] || c.rebuild[d] || !(c.affected(d) || c.identity[d.name] || c.identity[d.recv]) {
		return false
	}
	c.rebuild[d] = true
	if d.mayInline {
		c.touched[d.name] = true
	}
	return true
}

func (c *change) affected(d *decl) bool {
	return c.hits(d.refs, c.identity, "") || c.hits(d.refs, c.touched, d.name)
}

func (c *change) hits(refs, set map[string]bool, except string) bool {
	for name := range refs {
		if set[name] && name != except {
			return true
		}
	}
	return false
}

// changed returns what this cell brings or changes, in a fixed order.
func (c *change) changed() []*decl {
	list := declarations{}
	for d := range c.fresh {
		list[d.name] = d
	}
	for _, set := range []map[string]bool{c.identity, c.grown} {
		for name := range set {
			if d := c.env[name]; d != nil {
				list[name] = d
			}
		}
	}
	for d := range c.rebuild {
		list[d.name] = d
	}
	return list.sorted()
}

// assignLinks gives link names to what is new or has a new identity.
func (c *change) assignLinks(versions map[string]int) {
	for _, d := range c.changed() {
		if d.kind == kindMethod {
			continue
		}
		old := c.old[d.name]
		switch {
		case c.fresh[d] && old != nil && !c.identity[d.name]:
			d.link, d.version = old.link, old.version
		case c.fresh[d] || c.identity[d.name]:
			c.save(d)
			before := d.link
			if old != nil {
				before = old.link
			}
			d.version = versions[d.name] + 1
			d.link = versionedLink(d.name, d.version)
			if old == nil {
				continue
			}
			if d.kind == kindVar && !c.fresh[d] {
				c.moved = append(c.moved, movedVar{d, before})
			}
			if d.kind == kindType && old.kind == kindType && !d.generic && !old.generic && !d.alias {
				c.typePairs = append(c.typePairs, [2]string{before, d.link})
			}
		}
	}
}

// save remembers a declaration's state, for undo.
func (c *change) save(d *decl) {
	if _, ok := c.saved[d]; !ok {
		c.saved[d] = *d
	}
}

// undo restores earlier declarations after a failed build.
func (c *change) undo() {
	for d, was := range c.saved {
		*d = was
	}
}

// findGrown lists the loaded types whose method tables may differ now.
func (c *change) findGrown() {
	for d := range c.fresh {
		if d.kind == kindMethod && c.env[d.recv] != nil {
			c.grown[d.recv] = true
		}
	}
	for more := len(c.grown) > 0; more; {
		more = false
		for _, d := range c.env {
			if d.kind == kindType && !c.grown[d.name] && slices.ContainsFunc(embeddedNames(d.spec.Type), func(n string) bool { return c.grown[n] }) {
				c.grown[d.name], more = true, true
			}
		}
	}
}

// embeddedNames returns the names of embedded fields and interfaces, and of the type that a
// definition takes over.
func embeddedNames(t ast.Expr) (names []string) {
	st, ok := t.(*ast.StructType)
	if !ok {
		return nil
	}
	for _, f := range st.Fields.List {
		if len(f.Names) > 0 {
			continue
		}
		ft := f.Type
		if p, ok := ft.(*ast.StarExpr); ok {
			ft = p.X
		}
		if ix, ok := ft.(*ast.IndexExpr); ok {
			ft = ix.X
		}
		if id, ok := ft.(*ast.Ident); ok {
			names = append(names, id.Name)
		}
	}
	return names
}

// mayHoldAny reports whether values of a type may hold interface values, and so values of a
// type that nothing in its own type tells.
func mayHoldAny(t types.Type, seen map[types.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch u := t.Underlying().(type) {
	case *types.Interface:
		return true
	case *types.Pointer:
		return mayHoldAny(u.Elem(), seen)
	case *types.Slice:
		return mayHoldAny(u.Elem(), seen)
	case *types.Array:
		return mayHoldAny(u.Elem(), seen)
	case *types.Map:
		return mayHoldAny(u.Key(), seen) || mayHoldAny(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if mayHoldAny(f.Type(), seen) {
				return true
			}
		}
	}
	return false
}

// drop removes declarations that no longer compile, with a warning each.
func (c *change) drop(broken map[*decl]string) {
	var lines []string
	for d, why := range broken {
		delete(c.env, d.name)
		delete(c.rebuild, d)
		what := d.name
		if d.kind == kindFunc || d.kind == kindMethod {
			what += "()"
		}
		lines = append(lines, fmt.Sprintf("%s of cell[%d] no longer compiles and is dropped: %s", what, d.cell, why))
	}
	slices.Sort(lines)
	for _, l := range lines {
		c.warnings = append(c.warnings, strings.ReplaceAll(l, marker, ""))
	}
}
