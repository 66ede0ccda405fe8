package complete

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/scanner"
	"go/token"
	"go/types"
	"html"
	"path"
	"slices"
	"strings"
)

// Inspect describes the name at cursor, or else the function in whose arguments the cursor
// is. With detail above 0 it adds the source.
func Inspect(s *Snapshot, source string, cursor, detail int) Inspection {
	cursor = clamp(source, cursor)
	if len(source) > maxSource || lex(source[:cursor]).depth > maxNesting {
		return Inspection{}
	}
	source = goText(source)
	for _, n := range namesAt(source, cursor) {
		if name := source[n.start:n.end]; token.IsKeyword(name) {
			return inspection(description{signature: name, doc: "A keyword of Go: see go.dev/ref/spec."})
		}
		for _, m := range []mode{whole, head} {
			v := newView(s, source, n.start, n.end, m)
			if v == nil {
				continue
			}
			if d, ok := v.describe(s, detail); ok {
				return inspection(d)
			}
		}
	}
	return Inspection{}
}

// span is a name in the source.
type span struct{ start, end int }

// namesAt finds the identifier at the cursor and the functions called around it, from the
// inside out.
func namesAt(source string, cursor int) (names []span) {
	file := token.NewFileSet().AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), func(token.Position, string) {}, 0)
	var open []span // what stands before each open bracket
	var last span
scan:
	for {
		pos, t, lit := s.Scan()
		at := file.Offset(pos)
		switch {
		case t == token.EOF || at > cursor:
			break scan
		case (t == token.IDENT || t.IsKeyword()) && cursor <= at+len(lit):
			names = append(names, span{at, at + len(lit)})
		case at == cursor:
			break scan
		case t == token.LPAREN:
			open = append(open, last)
		case t == token.LBRACK || t == token.LBRACE:
			open = append(open, span{})
		case (t == token.RPAREN || t == token.RBRACK || t == token.RBRACE) && len(open) > 0:
			open = open[:len(open)-1]
		}
		last = span{}
		if t == token.IDENT {
			last = span{at, at + len(lit)}
		}
	}
	for _, c := range slices.Backward(open) {
		if c.end > 0 {
			names = append(names, c)
		}
	}
	return names
}

// description is what is known about a name.
type description struct {
	signature string
	doc       string
	source    string
	members   []string // methods of a type, names of a package
}

// describe describes the object at v.pos.
func (v *view) describe(s *Snapshot, detail int) (description, bool) {
	id, ok := v.path[0].(*ast.Ident)
	if !ok {
		return description{}, false
	}
	obj := v.info.ObjectOf(id)
	if obj == nil {
		return v.describeUnused(s, id.Name)
	}
	if p, ok := obj.(*types.PkgName); ok {
		return s.describePackage(p.Imported().Path()), true
	}
	d := description{signature: v.signature(obj)}
	if dd, ok := s.Docs.lookup(obj, false); ok {
		d.doc, d.source = dd.doc, dd.source
	} else if s.Source != nil && obj.Pkg() != nil && obj.Pkg().Path() == v.pkg.Path() {
		d.source = s.Source(obj)
		d.doc = leadingComment(d.source)
		if d.source != "" && detail == 0 && !v.local(obj) {
			detail = 1 // a notebook's own declarations are short
		}
	}
	if t, ok := obj.(*types.TypeName); ok {
		d.members = v.methods(t)
	}
	if detail == 0 {
		d.source = ""
	}
	return d, true
}

// describeUnused describes a package that is named but neither imported nor used.
func (v *view) describeUnused(s *Snapshot, name string) (description, bool) {
	p := s.packagePath(name)
	if p == "" && len(s.Std[name]) > 0 {
		p = s.Std[name][0]
	}
	if p == "" {
		return description{}, false
	}
	return s.describePackage(p), true
}

func (s *Snapshot) describePackage(importPath string) description {
	d := description{signature: fmt.Sprintf("package %s // import %q", path.Base(packageName(importPath)), importPath)}
	if p := s.Docs.load(importPath, false); p != nil {
		d.doc, d.members = p.text, p.names()
	}
	return d
}

// local reports whether obj was declared inside a function of this cell.
func (v *view) local(obj types.Object) bool { return obj.Parent() != v.pkg.Scope() }

func (v *view) signature(obj types.Object) string {
	if b, ok := obj.(*types.Builtin); ok {
		return "func " + b.Name()
	}
	text := types.ObjectString(obj, v.qualifier)
	if c, ok := obj.(*types.Const); ok && c.Val() != nil && !strings.Contains(text, "=") {
		text += " = " + c.Val().String()
	}
	return text
}

// methods lists the methods of a type that may be called.
func (v *view) methods(t *types.TypeName) []string {
	var list []string
	for _, m := range membersOf(t.Type(), v.pkg, false) {
		if f, ok := m.(*types.Func); ok {
			list = append(list, "func ("+t.Name()+") "+f.Name()+strings.TrimPrefix(types.TypeString(f.Type(), v.qualifier), "func"))
		}
	}
	return list
}

// leadingComment is the comment above a declaration, as text.
func leadingComment(source string) string {
	var b strings.Builder
	for line := range strings.Lines(source) {
		text, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		b.WriteString(strings.TrimPrefix(text, " "))
	}
	return b.String()
}

// inspection renders a description in three media types.
func inspection(d description) Inspection {
	pkg := new(doc.Package)
	text, md, h := d.signature, "```go\n"+d.signature+"\n```\n", "<pre>"+html.EscapeString(d.signature)+"</pre>\n"
	if d.doc != "" {
		text += "\n\n" + strings.TrimRight(string(pkg.Text(d.doc)), "\n")
		md += "\n" + string(pkg.Markdown(d.doc))
		h += string(pkg.HTML(d.doc))
	}
	for _, block := range []string{strings.Join(d.members, "\n"), d.source} {
		if block == "" {
			continue
		}
		text += "\n\n" + block
		md += "\n```go\n" + block + "\n```\n"
		h += "<pre>" + html.EscapeString(block) + "</pre>\n"
	}
	return Inspection{Found: true, Data: map[string]string{
		"text/plain": text, "text/markdown": md, "text/html": h,
	}}
}
