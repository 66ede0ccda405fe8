package yaegi

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// pieces cuts the cell: all declarations but variables, then the rest in order.
func (l *lowering) pieces(predeclared []string) []string {
	c := l.c
	slices.SortStableFunc(l.edits, func(a, b edit) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	funcs := slices.ContainsFunc(c.parts, func(p cell.Part) bool { return p.Kind == cell.Func })
	var decls, rest strings.Builder
	var pieces []string
	end := func() {
		if rest.Len() > 0 {
			pieces = append(pieces, rest.String())
			rest.Reset()
		}
	}
	program := true
	for _, p := range c.parts {
		text := l.line(p.Code) + l.apply(p.Code, p.End) + "\n"
		switch {
		case p.Kind == cell.Package || p.Kind == cell.Import:
		case p.Kind == cell.Stmt:
			program = false
			if rest.Len() == 0 {
				// A piece that begins with func would be taken for a declaration.
				rest.WriteString(";")
			}
			rest.WriteString(text)
		case p.Kind == cell.Var && !funcs:
			end()
			pieces = append(pieces, text)
		default:
			decls.WriteString(text)
		}
	}
	end()
	if program && slices.ContainsFunc(c.own, func(d ast.Decl) bool { return slices.Contains(declared(d), "main") }) {
		pieces = append(pieces, mainName+"()")
	}
	head := strings.Join(slices.Concat(predeclared, []string{decls.String()}, l.helpers), "\n")
	if strings.TrimSpace(head) != "" {
		pieces = append([]string{head}, pieces...)
	}
	return pieces
}

// pieceFile is the base name of the file of every piece: yaegi knows imports by it.
const pieceFile = "/_.go"

// line is the comment that gives what follows its position in the cell.
func (l *lowering) line(offset int) string {
	p := l.c.position(offset)
	return fmt.Sprintf("/*line %s%s:%d:%d*/", p.Filename, pieceFile, p.Line, p.Column)
}

// apply returns source[from:to] with the edits made; after each, the position is set right.
func (l *lowering) apply(from, to int) string {
	var b strings.Builder
	at := from
	for _, e := range l.edits {
		if e.from < at || e.to > to {
			continue
		}
		b.WriteString(l.c.source[at:e.from] + e.text)
		if e.to < to {
			b.WriteString(l.line(e.to))
		}
		at = e.to
	}
	return b.String() + l.c.source[at:to]
}

// importText names the package only where it must.
func importText(n *notebook, name, path string) string {
	if n.importer.names[path] == name {
		return fmt.Sprintf("import %q", path)
	}
	return fmt.Sprintf("import %s %q", name, path)
}
