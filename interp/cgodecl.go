package interp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// cChunk is text of a unit that only cgo may write: a function, or what it needs.
type cChunk struct {
	text    string
	imports []string
	types   []string // names of types in the session
}

// cGenerator turns the declarations that cgo made into those of a cell.
type cGenerator struct {
	s    *Session
	id   int
	code *cCode

	decls  map[string]*cDecl // by the name that cgo gave
	order  []*cDecl
	types  map[string]string // new names of types
	chunks map[*cDecl]*cChunk
}

// cDecl is one declaration of cgo's.
type cDecl struct {
	name string
	node ast.Decl
	text string // with its directives
	sig  string // of a function
	refs []string
}

var identifier = regexp.MustCompile(`[_\pL][_\pL\pN]*`)

// read parses cgo's declarations.
func (g *cGenerator) read(text string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	g.decls, g.chunks = map[string]*cDecl{}, map[*cDecl]*cChunk{}
	slice := func(start, end token.Pos) string { return text[fset.Position(start).Offset:fset.Position(end).Offset] }
	for _, n := range f.Decls {
		d := &cDecl{node: n}
		var doc *ast.CommentGroup
		switch n := n.(type) {
		case *ast.FuncDecl:
			d.name, doc, d.sig = n.Name.Name, n.Doc, slice(n.Pos(), n.Type.End())
		case *ast.GenDecl:
			doc = n.Doc
			switch spec := n.Specs[0].(type) {
			case *ast.TypeSpec:
				d.name = spec.Name.Name
			case *ast.ValueSpec:
				d.name = spec.Names[0].Name
			}
		}
		if d.name == "" || d.name == "_" {
			continue
		}
		start := n.Pos()
		if doc != nil {
			start = doc.Pos()
		}
		d.text = slice(start, n.End())
		g.decls[d.name] = d
		g.order = append(g.order, d)
	}
	for _, d := range g.order {
		d.refs = identifier.FindAllString(slice(d.node.Pos(), d.node.End()), -1)
	}
	g.nameTypes()
	return nil
}

func (d *cDecl) isType() bool {
	n, ok := d.node.(*ast.GenDecl)
	return ok && n.Tok == token.TYPE
}

// isAddress reports a variable that holds the address of one of C; it becomes a function.
func (d *cDecl) isAddress() bool {
	return strings.HasPrefix(d.name, "_Cvar_") || strings.HasPrefix(d.name, "_Cfpvar_")
}

var anonymous = regexp.MustCompile(`___\d+$`)

// nameTypes decides what the types are called.
func (g *cGenerator) nameTypes() {
	g.types = map[string]string{}
	if g.s.c.digests == nil {
		g.s.c.digests = map[string]string{}
	}
	for _, d := range g.order {
		if !d.isType() {
			continue
		}
		digest := g.digest(d)
		name := anonymous.ReplaceAllString(d.name, "___") // cgo counts these from 0 in each file
		if owner, ok := g.s.c.digests[name]; !ok {
			g.s.c.digests[name] = digest
		} else if owner != digest {
			name += marker + digest
		}
		g.types[d.name] = name
	}
}

// digest identifies a type by its text and that of all types in it.
func (g *cGenerator) digest(d *cDecl) string {
	h := sha256.New()
	seen := map[string]bool{}
	var visit func(d *cDecl)
	visit = func(d *cDecl) {
		seen[d.name] = true
		var inner []*cDecl
		fmt.Fprintln(h, identifier.ReplaceAllStringFunc(d.text, func(id string) string {
			if t := g.decls[id]; t != nil && t.isType() && !seen[id] {
				seen[id] = true
				inner = append(inner, t)
			}
			return anonymous.ReplaceAllString(id, "___")
		}))
		for _, t := range inner {
			visit(t)
		}
	}
	visit(d)
	return fmt.Sprint(binary.BigEndian.Uint64(h.Sum(nil)))
}

// packages that cgo's files import, by the names that they have there.
var cPackages = map[string]string{"unsafe": "unsafe", "syscall": "syscall", "_cgopackage": "runtime/cgo"}

var qualifier = regexp.MustCompile(`\b(?:unsafe|syscall|_cgopackage)\.`)

// imports lists the packages that the declarations may mention.
func (g *cGenerator) imports() []string { return slices.Sorted(maps.Values(cPackages)) }

// rename returns the name in the session of an identifier of cgo's.
func (g *cGenerator) rename(id string) string {
	d := g.decls[id]
	switch {
	case d == nil:
		return id
	case d.isType():
		return g.types[id]
	case d.isAddress():
		return id + g.suffix() + "()"
	case d.helper() || strings.HasPrefix(id, "_cgo_") && strings.Contains(d.text, "unsafe.Pointer(&__cgofn_") || strings.HasPrefix(id, "__cgofn_"):
		return id
	}
	return id + g.suffix()
}

func (g *cGenerator) suffix() string { return fmt.Sprintf("%s%d", marker, g.id) }

// helper reports what is the same in every file of cgo's: names for parts of the runtime.
func (d *cDecl) helper() bool {
	switch n := d.node.(type) {
	case *ast.FuncDecl:
		return n.Body == nil || d.name == "_Cgo_ptr"
	case *ast.GenDecl:
		return n.Tok == token.VAR && strings.Contains(d.text, "//go:linkname") && !strings.Contains(d.text, "cgo_import_static")
	}
	return false
}

// declarations returns the source of what the cell's text mentions, and of all types.
func (g *cGenerator) declarations(mentioned map[string]bool) string {
	var b strings.Builder
	b.WriteString("\n")
	for _, d := range g.order {
		name := g.rename(d.name)
		n, isGen := d.node.(*ast.GenDecl)
		switch {
		case d.isType():
			if g.s.env[name] == nil {
				b.WriteString(g.renamed(d.text) + "\n")
			}
		case !mentioned[d.name]:
		case isGen && n.Tok == token.CONST:
			b.WriteString(g.renamed(d.text) + "\n")
		case d.isAddress() || !isGen:
			name = strings.TrimSuffix(name, "()")
			if d.helper() && g.s.env[name] != nil {
				continue
			}
			f := &cFunc{chunks: g.chunksOf(d), helper: d.helper()}
			if !f.helper {
				f.library = g.code.library
			}
			g.code.funcs[name] = f
			b.WriteString(g.renamed(d.signature()) + "\n")
		}
	}
	return b.String()
}

// signature is a function without its body.
func (d *cDecl) signature() string {
	if !d.isAddress() {
		return d.sig
	}
	head, _, _ := strings.Cut(d.text, " = ")
	_, typ, _ := strings.Cut(head, d.name+" ")
	return "func " + d.name + " " + typ
}

// function is the text of a declaration in a unit.
func (d *cDecl) function() string {
	if !d.isAddress() {
		return d.text
	}
	_, value, _ := strings.Cut(d.text, " = ")
	return d.signature() + " { return " + value + " }"
}

func (g *cGenerator) renamed(text string) string {
	text = identifier.ReplaceAllStringFunc(text, g.rename)
	return qualifier.ReplaceAllStringFunc(text, func(q string) string { return g.s.aliases.of(cPackages[q[:len(q)-1]]) + "." })
}

// chunksOf returns the text of a function and of all that it needs, but for types.
func (g *cGenerator) chunksOf(d *cDecl) (list []*cChunk) {
	seen := map[*cDecl]bool{}
	var visit func(d *cDecl)
	visit = func(d *cDecl) {
		seen[d] = true
		for _, id := range d.refs {
			if r := g.decls[id]; r != nil && !seen[r] && !r.isType() {
				visit(r)
			}
		}
		list = append(list, g.chunk(d))
	}
	visit(d)
	return list
}

func (g *cGenerator) chunk(d *cDecl) *cChunk {
	if c := g.chunks[d]; c != nil {
		return c
	}
	c := &cChunk{text: g.renamed(d.function())}
	for name, path := range cPackages {
		if slices.Contains(d.refs, name) {
			c.imports = append(c.imports, path)
		}
	}
	for _, id := range d.refs {
		if t := g.types[id]; t != "" {
			c.types = append(c.types, t)
		}
	}
	g.chunks[d] = c
	return c
}
