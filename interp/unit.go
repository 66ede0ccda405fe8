package interp

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

const cellrtPath = "mobula/interp/cellrt"

// unitWriter writes the source of one unit: what is new or must be rebuilt in full, and of
// the rest of the notebook what that mentions: types whole, small and generic functions whole (to
// be inlined and instantiated), other functions without bodies.
type unitWriter struct {
	env     declarations
	aliases *aliases
	full    map[*decl]bool  // to define
	alive   map[string]bool // functions that live closures call: not to be inlined
	pkgs    map[string]bool
	blank   map[string]bool // imported for their effects
	seen    map[*decl]bool
	queue   []*decl
	out     strings.Builder

	bodyless  []string
	embeds    []*decl
	chunks    map[string]bool // texts of cgo that are written
	libraries []string        // of C
}

func newUnitWriter(env declarations, a *aliases) *unitWriter {
	return &unitWriter{env: env, aliases: a, full: map[*decl]bool{}, pkgs: map[string]bool{}, blank: map[string]bool{}, seen: map[*decl]bool{}, chunks: map[string]bool{}}
}

// need queues a declaration for the unit.
func (w *unitWriter) need(d *decl) {
	if cur := w.env[d.name]; cur != nil && cur.link == d.link && cur.kind == d.kind {
		d = cur
	}
	if !w.seen[d] {
		w.seen[d] = true
		w.queue = append(w.queue, d)
	}
}

func (w *unitWriter) alias(path string) string {
	w.pkgs[path] = true
	return w.aliases.of(path)
}

// runtime returns the identifier of package cellrt.
func (w *unitWriter) runtime() { w.pkgs[cellrtPath] = true }

// flush writes everything that is queued, and what that needs.
func (w *unitWriter) flush() {
	for len(w.queue) > 0 {
		d := w.queue[0]
		w.queue = w.queue[1:]
		w.declare(d)
	}
}

// line starts code that comes from a cell.
func (w *unitWriter) line(src *parsedCell, at int) {
	line, _ := position(src.Source, src.offset(token.Pos(src.base+at)))
	fmt.Fprintf(&w.out, "\n//line cell[%d]:%d\n", src.Number, line)
}

func (w *unitWriter) declare(d *decl) {
	switch d.kind {
	case kindConst:
		fmt.Fprintf(&w.out, "\nconst %s%s = %s\n", d.link, w.constType(d), constText(d.value))
	case kindVar:
		w.variable(d)
	case kindType:
		start, end := d.src.span(d.spec)
		w.line(d.src, start)
		w.out.WriteString("type " + w.render(d.src, start, end, d.edits) + "\n")
		for _, m := range w.env.methodsOf(d.name) {
			w.need(m)
		}
	case kindFunc, kindMethod:
		w.function(d)
	}
}

func (w *unitWriter) constType(d *decl) string {
	if b, ok := d.typ.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		return ""
	}
	return " " + w.typeOf(d)
}

// typeOf renders the type of a constant or variable.
func (w *unitWriter) typeOf(d *decl) string {
	var b strings.Builder
	for _, e := range d.text {
		b.WriteString(w.resolve(e))
	}
	return b.String()
}

func (w *unitWriter) variable(d *decl) {
	switch {
	case d.embed != "":
		w.embeds = append(w.embeds, d)
		fmt.Fprintf(&w.out, "\n%s\nvar %s %s\n", d.embed, d.link, w.typeOf(d))
		w.blank["embed"] = true
	case d.witness != nil:
		t := d.witness
		start, end := t.src.span(t.expr)
		names := slices.Repeat([]string{"_"}, t.count)
		names[t.index] = d.link
		fmt.Fprintf(&w.out, "\nvar %s = %s\n", strings.Join(names, ", "), w.render(t.src, start, end, t.edits))
	default:
		fmt.Fprintf(&w.out, "\nvar %s %s\n", d.link, w.typeOf(d))
	}
}

func (w *unitWriter) function(d *decl) {
	start, end := d.src.span(d.fn)
	if d.c != nil && (w.full[d] || d.c.helper) {
		w.cFunction(d.c)
		return
	}
	if w.full[d] || d.small && !w.alive[d.name] || d.generic {
		w.directives(d.fn.Doc)
		if w.alive[d.name] && !d.generic {
			w.out.WriteString("\n//go:noinline")
		}
		w.line(d.src, start)
		w.out.WriteString(w.render(d.src, start, end, d.edits) + "\n")
		return
	}
	_, end = d.src.span(d.fn.Type)
	w.line(d.src, start)
	w.out.WriteString(w.render(d.src, start, end, d.edits) + "\n")
	w.bodyless = append(w.bodyless, d.bodySymbol(w.env))
}

// directives keeps //go: comments of a function.
func (w *unitWriter) directives(doc *ast.CommentGroup) {
	if doc == nil {
		return
	}
	for _, c := range doc.List {
		if strings.HasPrefix(c.Text, "//go:") {
			w.out.WriteString("\n" + c.Text)
		}
	}
}

// span returns the text offsets of a node.
func (p *parsedCell) span(n ast.Node) (start, end int) {
	return int(n.Pos()) - p.base, int(n.End()) - p.base
}

// source returns the whole unit.
func (w *unitWriter) source() string {
	var b strings.Builder
	b.WriteString("package main\n\n")
	for _, path := range slices.Sorted(maps.Keys(w.pkgs)) {
		if path == cellrtPath {
			fmt.Fprintf(&b, "import %s %q\n", rt, path)
		} else {
			fmt.Fprintf(&b, "import %s %q\n", w.aliases.of(path), path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(w.blank)) {
		if !w.pkgs[path] {
			fmt.Fprintf(&b, "import _ %q\n", path)
		}
	}
	b.WriteString(w.out.String())
	return b.String()
}

// imports returns the import paths of the unit.
func (w *unitWriter) imports() []string {
	all := maps.Clone(w.pkgs)
	maps.Copy(all, w.blank)
	return slices.Sorted(maps.Keys(all))
}

// constText writes a constant value exactly.
func constText(v constant.Value) string {
	switch v.Kind() {
	case constant.Float:
		if r := constant.ToInt(v); r.Kind() == constant.Int {
			return r.ExactString() + ".0"
		}
		num, den := constant.Num(v), constant.Denom(v)
		if num.Kind() == constant.Int && den.Kind() == constant.Int {
			return "(" + num.ExactString() + ".0 / " + den.ExactString() + ".0)"
		}
		return v.ExactString()
	case constant.Complex:
		return "(" + constText(constant.ToFloat(constant.Real(v))) + " + " + constText(constant.ToFloat(constant.Imag(v))) + "*1i)"
	default:
		return v.ExactString()
	}
}
