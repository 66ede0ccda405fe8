package export

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"mobula/notebook"
)

// cutSpec splits an import spec with a name of its own.
func cutSpec(spec string) (name, path string, ok bool) {
	name, path, ok = strings.Cut(spec, " ")
	path, err := strconv.Unquote(path)
	return name, path, ok && err == nil && name != "_" && name != "."
}

// writer writes the program.
type writer struct {
	p          *program
	t          *table
	parameters []notebook.Parameter
	title      string // of the notebook's file
	name       string // of the program
	shell, try bool   // helpers that are used
	placed     map[*variable]bool
}

func (w *writer) write() string {
	w.shell, w.try, w.placed = false, false, map[*variable]bool{}
	var decls, main strings.Builder
	for _, u := range w.p.units {
		w.decls(&decls, u)
	}
	flags := false
	for _, first := range []bool{true, false} { // parameters come first
		for _, u := range w.p.units {
			if u.parameters == first {
				w.unit(&main, u)
				flags = flags || first
			}
		}
		if first && flags {
			w.flags(&main)
		}
	}
	text := fmt.Sprintf("// Command %s is the notebook %s as a program, written by  mobula notebook export .\n", w.name, w.title)
	if flags {
		text += "// Its flags are the notebook's parameters: -h shows them.\n"
	}
	text += "package main\n\n" + w.p.importBlock() + "\n" + decls.String() + "func main() {\n"
	if w.shows() {
		text += "\tdefer display.PrintTo(os.Stdout)() // what the notebook shows is printed\n\n"
	}
	text += strings.TrimPrefix(main.String(), "\n") + "}\n"
	if w.shell {
		text += "\n" + shellHelper
	}
	if w.try {
		text += "\n" + tryHelper
	}
	return text
}

const shellHelper = `// shell runs a line of the notebook that is for the shell.
func shell(command string) {
	cmd := exec.Command("bash", "-c", command)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		log.Fatalf("%s: %v", command, err)
	}
}
`

const tryHelper = `// try runs a cell that may panic.
func try(cell string, run func()) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", cell, p)
		}
	}()
	run()
}
`

// shows reports whether the program shows anything by package display.
func (w *writer) shows() bool {
	for spec := range w.p.imports {
		if strings.HasSuffix(spec, `"mobula/display"`) || strings.Contains(spec, `"mobula/widgets`) {
			return true
		}
	}
	return false
}

// label names a cell.
func label(u *unit) string {
	if u.heading != "" {
		return fmt.Sprintf("Cell %d: %s", u.number, strings.TrimSuffix(u.heading, "."))
	}
	return fmt.Sprintf("Cell %d", u.number)
}

// decls writes what a cell declares, and the variables that its statements declare for functions.
func (w *writer) decls(b *strings.Builder, u *unit) {
	var text strings.Builder
	renames := w.t.renames(u)
	for _, d := range u.decls {
		switch {
		case d.dropped != nil:
			fmt.Fprintf(&text, "// (Here the notebook declares %s, which cell %d declares anew.)\n\n", strings.Join(d.names, ", "), d.dropped.number)
			continue
		case d.version == 1:
			fmt.Fprintf(&text, "// %s is what the cell that ran last declares.\nvar %s %s\n\n", d.names[0], d.names[0], d.signature)
		}
		edits := slices.Clone(renames)
		if name := d.emitted(); name != "" {
			edits = append(edits, edit{d.start + d.ident, d.start + d.ident + len(d.names[0]), name})
		}
		text.WriteString(apply(u.source, d.start, d.end, edits) + "\n\n")
	}
	for _, s := range u.stmts {
		names, values := defines(s)
		for i, id := range names {
			v := w.t.of(u, id)
			if v == nil || !v.hoisted || w.placed[v] {
				continue
			}
			w.placed[v] = true
			if len(names) == len(values) && w.allStatic(u, names, values) {
				fmt.Fprintf(&text, "var %s %s= %s\n\n", v.name, w.typeOf(u, s), u.text(values[i]))
			} else {
				fmt.Fprintf(&text, "var %s %s\n\n", v.name, w.p.typeText(v.typ))
			}
		}
	}
	for _, d := range u.decls {
		if d.version > 1 && w.lastVersion(d) {
			fmt.Fprintf(&text, "func init() { %s = %s }\n\n", d.names[0], d.emitted())
		}
	}
	if text.Len() > 0 {
		b.WriteString(text.String())
	}
}

// typeOf is the type that a declaration of one variable names, with a space, or "".
func (w *writer) typeOf(_ *unit, s ast.Stmt) string {
	if d, ok := s.(*ast.DeclStmt); ok {
		for _, spec := range d.Decl.(*ast.GenDecl).Specs {
			if t := spec.(*ast.ValueSpec).Type; t != nil {
				return types.ExprString(t) + " "
			}
		}
	}
	return ""
}

func (w *writer) lastVersion(d *decl) bool {
	for _, u := range w.p.units {
		for _, other := range u.decls {
			if other.version > d.version && other.names[0] == d.names[0] {
				return false
			}
		}
	}
	return true
}

// allStatic reports whether a definition is the first one of variables of the package, with values that they can have before main.
func (w *writer) allStatic(u *unit, names []*ast.Ident, values []ast.Expr) bool {
	for i, id := range names {
		v := w.t.of(u, id)
		if v == nil || !v.hoisted || !w.t.static(u, values[i]) || !w.first(u, id, v) {
			return false
		}
	}
	return !u.guarded && !u.function && !u.parameters
}

// first reports whether an identifier is where a variable is declared first.
func (w *writer) first(u *unit, id *ast.Ident, v *variable) bool {
	for _, x := range w.p.units {
		for _, s := range x.stmts {
			names, _ := defines(s)
			for _, n := range names {
				if w.t.of(x, n) == v {
					return x == u && n == id
				}
			}
		}
	}
	return false
}

// unit writes the statements of a cell.
func (w *writer) unit(b *strings.Builder, u *unit) {
	edits := w.t.renames(u)
	for _, m := range u.magics {
		text := w.magic(m)
		if rest := u.body[m.End:]; rest == "" || rest[0] == '\n' {
			text = strings.TrimSuffix(text, "\n")
		}
		edits = append(edits, edit{m.Start, m.End, text})
	}
	for _, s := range u.stmts {
		edits = append(edits, w.statement(u, s)...)
	}
	text := apply(u.body, 0, len(u.body), edits)
	for _, d := range u.decls {
		if d.version > 0 {
			text = d.names[0] + " = " + d.emitted() + "\n" + text
		}
		if d.kind == token.FUNC && d.names[0] == "main" && d.dropped == nil {
			text += "\n" + notebookMain + "()"
		}
	}
	text = tidy(text)
	if text == "" {
		return
	}
	switch {
	case u.guarded:
		w.try = true
		text = fmt.Sprintf("try(\"cell %d\", func() {\n%s\n})", u.number, text)
	case u.function:
		text = "func() {\n" + text + "\n}()"
	}
	fmt.Fprintf(b, "\n// %s.\n%s\n", label(u), text)
}

// tidy takes out the empty lines that declarations have left.
func tidy(text string) string {
	lines := strings.Split(text, "\n")
	var kept []string
	for _, line := range lines {
		if strings.TrimSpace(line) == "" && (len(kept) == 0 || strings.TrimSpace(kept[len(kept)-1]) == "") {
			continue
		}
		kept = append(kept, strings.TrimRight(line, " \t"))
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// statement returns the edits that make a statement of the notebook one of the program.
func (w *writer) statement(u *unit, s ast.Stmt) []edit {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return w.define(u, s)
		}
	case *ast.DeclStmt:
		return w.declare(u, s)
	case *ast.ExprStmt:
		return w.expression(u, s)
	}
	return nil
}

func (w *writer) define(u *unit, s *ast.AssignStmt) []edit {
	names, values := defines(s)
	if len(names) == len(values) && w.allStatic(u, names, values) {
		return []edit{{offset(s.Pos()), offset(s.End()), ""}}
	}
	fresh, hoisted := "", false
	for _, id := range names {
		v := w.t.of(u, id)
		switch {
		case v == nil: // _
		case v.hoisted:
			hoisted = true
		case w.first(u, id, v) || u.function || u.guarded:
			fresh += "var " + v.name + " " + w.p.typeText(v.typ) + "\n"
		}
	}
	at := offset(s.TokPos)
	switch {
	case fresh == "":
		return []edit{{at, at + 2, "="}}
	case hoisted:
		return []edit{{offset(s.Pos()), offset(s.Pos()), fresh}, {at, at + 2, "="}}
	}
	return nil
}

// declare changes a var statement about variables of the package.
func (w *writer) declare(u *unit, s *ast.DeclStmt) []edit {
	names, values := defines(s)
	if len(names) == 0 {
		return nil
	}
	if v := w.t.of(u, names[0]); v == nil || !v.hoisted {
		return nil
	}
	var text strings.Builder
	if len(names) != len(values) || !w.allStatic(u, names, values) {
		for _, spec := range s.Decl.(*ast.GenDecl).Specs {
			x := spec.(*ast.ValueSpec)
			var left []string
			for _, id := range x.Names {
				if v := w.t.of(u, id); len(x.Values) == 0 && v != nil && !w.first(u, id, v) {
					text.WriteString(v.name + " = *new(" + w.p.typeText(v.typ) + ")\n")
				}
				left = append(left, id.Name)
			}
			if len(x.Values) > 0 {
				text.WriteString(strings.Join(left, ", ") + " = " + apply(u.source, offset(x.Values[0].Pos()), offset(x.Values[len(x.Values)-1].End()), w.t.renames(u)) + "\n")
			}
		}
	}
	return []edit{{offset(s.Pos()), offset(s.End()), strings.TrimSuffix(text.String(), "\n")}}
}

// expression prints what the cell shows, and makes a statement of another expression.
func (w *writer) expression(u *unit, s *ast.ExprStmt) []edit {
	start, end := offset(s.Pos()), offset(s.End())
	tv, known := w.t.results[place{u, start}]
	around := func(before, after string) []edit {
		return []edit{{start, start, before}, {end, end, after}}
	}
	switch {
	case !known || tv.Type == nil || tv.IsVoid() || u.last == s.X && w.prints(u, s.X):
		return nil
	case u.last != s.X:
		if call, ok := ast.Unparen(s.X).(*ast.CallExpr); ok && !w.pure(u, call) || receives(s.X) {
			return nil
		}
		return around("_ = ", "")
	}
	if t, ok := tv.Type.(*types.Tuple); ok {
		if t.Len() == 0 {
			return nil
		}
		return around("display.Show(", ")")
	}
	if b, ok := types.Unalias(tv.Type).(*types.Basic); ok {
		switch {
		case b.Info()&types.IsString != 0:
			return around("fmt.Printf(\"%q\\n\", ", ")")
		case b.Info()&(types.IsBoolean|types.IsInteger|types.IsFloat) != 0 && b.Kind() != types.UntypedRune:
			return around("fmt.Println(", ")")
		}
	}
	return around("display.Show(", ")")
}

// prints reports whether an expression is a call of fmt's printing functions, whose results the notebook does not show.
func (w *writer) prints(u *unit, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	f, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(f.Sel.Name, "Print") && !strings.HasPrefix(f.Sel.Name, "Fprint") {
		return false
	}
	obj := w.t.byPlace[place{u, offset(f.Sel.Pos())}]
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == "fmt"
}

// pure reports whether a call must not be a statement: a conversion, or of a builtin function that only returns a value.
func (w *writer) pure(u *unit, call *ast.CallExpr) bool {
	id, ok := ast.Unparen(call.Fun).(*ast.Ident)
	if !ok {
		return false
	}
	switch obj := w.t.byPlace[place{u, offset(id.Pos())}].(type) {
	case *types.TypeName:
		return true
	case *types.Builtin:
		return !slices.Contains([]string{"copy", "delete", "panic", "print", "println", "recover", "close", "clear"}, obj.Name())
	}
	return false
}

func receives(e ast.Expr) bool {
	x, ok := ast.Unparen(e).(*ast.UnaryExpr)
	return ok && x.Op == token.ARROW
}

// finish formats the program once it has all that Go wants: it uses each of its variables.
func finish(c *checked, text string) (string, error) {
	var edits []edit
	for _, e := range c.errors {
		if name, ok := strings.CutPrefix(e.Msg, "declared and not used: "); ok {
			if at := behind(c, e.Pos); at > 0 {
				edits = append(edits, edit{at, at, "\n_ = " + name})
			}
		}
	}
	out, err := format.Source([]byte(apply(text, 0, len(text), edits)))
	return string(out), err
}

// behind is where the statement ends, in a list of statements, that an identifier is declared by.
func behind(c *checked, pos token.Pos) (at int) {
	ast.Inspect(c.file, func(n ast.Node) bool {
		if n == nil || pos < n.Pos() || pos >= n.End() {
			return false
		}
		var list []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			list = n.List
		case *ast.CaseClause:
			list = n.Body
		case *ast.CommClause:
			list = n.Body
		}
		for _, s := range list {
			switch s.(type) {
			case *ast.AssignStmt, *ast.DeclStmt:
				if s.Pos() <= pos && pos < s.End() {
					at = c.at(s.End())
				}
			}
		}
		return true
	})
	return at
}
