package export

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"mobula/internal/magicline"
	"mobula/interp/cell"
	"mobula/notebook"
)

// unit is a cell that becomes a part of the program.
type unit struct {
	number  int // among the code cells, from 1
	heading string
	source  string // with the names of line magics before Go taken off
	body    string // the statements of source, everything else blanked: offsets are the same
	rest    string // body without what is checked before main
	magics  []magic
	decls   []*decl
	imports []*ast.ImportSpec
	stmts   []ast.Stmt // of body; see offset
	names   []string   // that body mentions and does not declare inside
	last    ast.Expr   // the expression that the cell shows

	parameters, guarded, function bool // guarded: may panic; function: its statements need a function of their own
}

// decl is a declaration at the level of the package.
type decl struct {
	unit       *unit
	kind       token.Token // TYPE, CONST or FUNC
	names      []string    // of a method Type.Method
	start, end int         // in the unit's source, with comments
	text       string
	signature  string // of a function
	ident      int    // offset of a function's name
	generic    bool
	mentions   []string
	version    int   // of a function that is declared several times: 1, 2...; 0: declared once
	dropped    *unit // declares it anew
}

// magic is a command that stands among the statements.
type magic struct {
	magicline.Line
	body string // of a cell magic
}

// bodyPrefix precedes the body of a unit where it is parsed.
const bodyPrefix = "package p;func _() {"

func goBody(name string) bool { return name == "time" || name == "" }

// read makes units of the cells.
func read(nb *notebook.Notebook) ([]*unit, error) {
	var units []*unit
	var errs []error
	number, heading := 0, ""
	for _, c := range nb.Cells {
		heading = cmp.Or(c.Heading(), heading)
		if c.Kind != notebook.Code {
			continue
		}
		number++
		if c.HasTag(notebook.TagNoExport) || c.HasTag(notebook.TagSkipExecution) || strings.TrimSpace(c.Source) == "" {
			continue
		}
		u := &unit{number: number, heading: heading, source: c.Source, guarded: c.HasTag(notebook.TagRaisesException)}
		u.parameters = c.HasTag(notebook.TagParameters) || c.HasTag(notebook.TagInjected)
		heading = ""
		if err := u.read(); err != nil {
			errs = append(errs, fmt.Errorf("cell %d: %w", number, err))
		}
		units = append(units, u)
	}
	return units, errors.Join(errs...)
}

func (u *unit) read() error {
	if help.MatchString(strings.TrimSpace(u.source)) {
		u.magics, u.source = []magic{{Line: magicline.Line{Name: "?", Args: strings.TrimSpace(u.source), End: len(u.source)}}}, blank(u.source)
		u.body = u.source
		return nil
	}
	u.readMagics()
	parts, err := cell.Split(u.body)
	if err != nil {
		return err
	}
	shown := false
	for i, p := range parts {
		if p.Kind == cell.Stmt || p.Kind == cell.Var {
			shown = i == len(parts)-1 && p.Kind == cell.Stmt && !p.Semicolon
			continue
		}
		if err := u.take(p); err != nil {
			return err
		}
	}
	return u.parse(shown)
}

var help = regexp.MustCompile(`^(\?{1,2}\s*[\pL_][\pL\pN_.]*|[\pL_][\pL\pN_.]*\s*\?{1,2})$`)

// readMagics takes the magics out of the source. What is Go behind %time stays.
func (u *unit) readMagics() {
	u.body = u.source
	for _, l := range magicline.Find(u.source, goBody) {
		m := magic{Line: l}
		end := l.End
		switch {
		case l.Name == "time" && !l.Double:
			end = l.Start + strings.Index(u.source[l.Start:], "time") + len("time")
		case l.Cell && l.Name == "":
			u.function = true
		case l.Cell && !goBody(l.Name):
			m.body, end = u.source[l.Body:], len(u.source)
		}
		m.End = end
		u.body = u.body[:l.Start] + blank(u.body[l.Start:end]) + u.body[end:]
		u.magics = append(u.magics, m)
	}
}

// blank keeps newlines and turns everything else into spaces, byte by byte.
func blank(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return string(b)
}

// take moves a declaration out of the body.
func (u *unit) take(p cell.Part) error {
	end := p.End
	rest, _, _ := strings.Cut(u.body[end:], "\n")
	if s := strings.TrimSpace(rest); strings.HasPrefix(s, "//") {
		end += len(rest)
	} else if p.Semicolon {
		end += strings.IndexByte(u.body[end:], ';') + 1
	}
	text := u.body[p.Start:end]
	defer func() { u.body = u.body[:p.Start] + blank(text) + u.body[end:] }()
	if p.Kind == cell.Package {
		return nil
	}
	const prefix = "package p;"
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", prefix+text, parser.ParseComments)
	if err != nil {
		return u.syntax(err, p.Start)
	}
	u.imports = append(u.imports, f.Imports...)
	var mentions []string
	for _, id := range f.Unresolved {
		mentions = append(mentions, id.Name)
	}
	for _, n := range f.Decls {
		d := &decl{unit: u, start: p.Start, end: end, text: text, mentions: mentions}
		switch n := n.(type) {
		case *ast.GenDecl:
			d.general(n)
		case *ast.FuncDecl:
			d.function(n, prefix, fset)
		}
		if len(d.names) > 0 {
			u.decls = append(u.decls, d)
		}
	}
	return nil
}

func (d *decl) general(n *ast.GenDecl) {
	d.kind = n.Tok
	for _, s := range n.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			d.names = append(d.names, s.Name.Name)
		case *ast.ValueSpec:
			for _, name := range s.Names {
				d.names = append(d.names, name.Name)
			}
		}
	}
}

func (d *decl) function(n *ast.FuncDecl, prefix string, fset *token.FileSet) {
	d.kind = token.FUNC
	at := func(p token.Pos) int { return fset.Position(p).Offset - len(prefix) }
	d.names = []string{n.Name.Name}
	d.ident = at(n.Name.Pos())
	d.generic = n.Type.TypeParams != nil
	d.signature = "func" + d.text[at(n.Type.Params.Pos()):]
	if n.Body != nil {
		d.signature = "func" + strings.TrimSpace(d.text[at(n.Type.Params.Pos()):at(n.Body.Pos())])
	}
	if n.Recv != nil && len(n.Recv.List) == 1 {
		t := n.Recv.List[0].Type
		if s, ok := t.(*ast.StarExpr); ok {
			t = s.X
		}
		if x, ok := t.(*ast.IndexExpr); ok {
			t = x.X
		}
		if id, ok := t.(*ast.Ident); ok {
			d.names = []string{id.Name + "." + n.Name.Name}
		}
	}
}

// syntax says where in the cell an error is that was found in a part of it.
func (u *unit) syntax(err error, start int) error {
	if list, ok := errors.AsType[scanner.ErrorList](err); ok {
		return fmt.Errorf("line %d: %s", strings.Count(u.source[:start], "\n")+list[0].Pos.Line, list[0].Msg)
	}
	return err
}

// parse reads the statements.
func (u *unit) parse(shown bool) error {
	f, err := parser.ParseFile(token.NewFileSet(), "", bodyPrefix+u.body+"\n}", 0)
	if err != nil {
		return u.syntax(err, 0)
	}
	fn, ok := f.Decls[0].(*ast.FuncDecl)
	if !ok || len(f.Decls) != 1 {
		return errors.New("its braces do not match")
	}
	u.stmts = fn.Body.List
	for _, id := range f.Unresolved {
		u.names = append(u.names, id.Name)
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt, *ast.DeferStmt:
			u.function = true
		}
		return true
	})
	if len(u.stmts) > 0 && shown {
		if e, ok := u.stmts[len(u.stmts)-1].(*ast.ExprStmt); ok {
			u.last = e.X
		}
	}
	return nil
}

// offset is where a node is in the source.
func offset(p token.Pos) int { return int(p) - 1 - len(bodyPrefix) }

// text is the source of a node.
func (u *unit) text(n ast.Node) string { return u.source[offset(n.Pos()):offset(n.End())] }

// defines returns the variables that a statement of the notebook declares, each with the expression that gives its value where there is one
// for each.
func defines(s ast.Stmt) (names []*ast.Ident, values []ast.Expr) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			for _, l := range s.Lhs {
				if id, ok := l.(*ast.Ident); ok {
					names = append(names, id)
				}
			}
			values = s.Rhs
		}
	case *ast.DeclStmt:
		if g, ok := s.Decl.(*ast.GenDecl); ok && g.Tok == token.VAR {
			for _, spec := range g.Specs {
				v := spec.(*ast.ValueSpec)
				names, values = append(names, v.Names...), append(values, v.Values...)
			}
		}
	}
	return names, values
}

// versions finds what is declared several times.
func versions(units []*unit) error {
	byName := map[string][]*decl{}
	var order []string
	for _, u := range units {
		for _, d := range u.decls {
			for _, name := range d.names {
				if name == "_" || d.kind == token.FUNC && name == "init" {
					continue
				}
				if !slices.Contains(order, name) {
					order = append(order, name)
				}
				byName[name] = append(byName[name], d)
			}
		}
	}
	for _, name := range order {
		list := byName[name]
		last := list[len(list)-1]
		switchable := last.kind == token.FUNC && !strings.Contains(name, ".") && !last.generic && name != "main"
		for i, d := range list {
			if d.kind != last.kind {
				return fmt.Errorf("cells %d and %d declare %s, once as a %v and once as a %v: rename one of them", d.unit.number, last.unit.number, name, d.kind, last.kind)
			}
			switch {
			case len(list) == 1:
			case switchable && d.signature != last.signature:
				return fmt.Errorf("cells %d and %d declare %s with different parameters or results: rename one of them", d.unit.number, last.unit.number, name)
			case switchable:
				d.version = i + 1
			case d != last:
				d.dropped = last.unit
			}
		}
	}
	return nil
}
