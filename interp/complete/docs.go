package complete

import (
	"cmp"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// maxInline bounds the source text, in bytes, that a completion parses to show docs;
// larger packages have docs in completions once they were inspected.
const maxInline = 400 << 10

// Docs finds the documentation of packages in their source. A nil *Docs knows nothing.
type Docs struct {
	dir func(path string) string

	mu    sync.Mutex // guards cache; held while a package is parsed
	cache map[string]*pkgDoc
}

// NewDocs returns Docs that find the source folder of a package by dir, which returns ""
// where it knows none. GorootDir is one for the standard library.
func NewDocs(dir func(importPath string) string) *Docs {
	return &Docs{dir: dir, cache: map[string]*pkgDoc{}}
}

// GorootDir finds packages of the standard library.
func GorootDir(goroot string) func(string) string {
	return func(path string) string { return filepath.Join(goroot, "src", filepath.FromSlash(path)) }
}

// pkgDoc is a parsed package: Name, Type.Method, Type.Field to documentation.
type pkgDoc struct {
	text  string // of the package
	decls map[string]declDoc
}

// declDoc is the documentation of one name.
type declDoc struct {
	doc    string
	source string // of the declaration
}

// load returns the package; nil where it has no source or, with inline, is too large.
func (d *Docs) load(path string, inline bool) *pkgDoc {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.cache[path]; ok {
		return p
	}
	dir := d.dir(path)
	if dir == "" {
		return nil
	}
	files, size := sources(dir)
	if inline && size > maxInline {
		return nil
	}
	var p *pkgDoc
	if len(files) > 0 {
		p = parseDocs(files)
	}
	d.cache[path] = p
	return p
}

// sources lists the files of a package that build on this machine, and their size.
func sources(dir string) (files []string, size int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0
	}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := build.Default.MatchFile(dir, name); err != nil || !ok {
			continue
		}
		if info, err := e.Info(); err == nil {
			size += info.Size()
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files, size
}

func parseDocs(files []string) *pkgDoc {
	p := &pkgDoc{decls: map[string]declDoc{}}
	fset := token.NewFileSet()
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			continue
		}
		if t := f.Doc.Text(); t != "" && (p.text == "" || filepath.Base(name) == "doc.go") {
			p.text = t
		}
		c := docCollector{p: p, src: src, base: int(f.FileStart)}
		for _, d := range f.Decls {
			c.decl(d)
		}
	}
	return p
}

// docCollector reads the declarations of one file.
type docCollector struct {
	p    *pkgDoc
	src  []byte
	base int // position of the file's first byte
}

func (c *docCollector) text(doc *ast.CommentGroup, n ast.Node) string {
	from := n.Pos()
	if doc != nil {
		from = min(from, doc.Pos())
	}
	return string(c.src[int(from)-c.base : min(int(n.End())-c.base, len(c.src))])
}

func (c *docCollector) put(name string, doc *ast.CommentGroup, source string) {
	c.p.decls[name] = declDoc{doc: doc.Text(), source: source}
}

func (c *docCollector) decl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if base, _ := receiver(d); base != "" {
			name = base + "." + name
		}
		c.put(name, d.Doc, c.text(d.Doc, d))
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				source := "type " + c.text(nil, spec)
				c.put(spec.Name.Name, cmp.Or(spec.Doc, d.Doc), source)
				c.members(spec)
			case *ast.ValueSpec:
				group := cmp.Or(spec.Doc, spec.Comment, d.Doc)
				for _, id := range spec.Names {
					c.put(id.Name, group, d.Tok.String()+" "+c.text(nil, spec))
				}
			}
		}
	}
}

// members reads the fields of a struct and the methods of an interface.
func (c *docCollector) members(t *ast.TypeSpec) {
	var list *ast.FieldList
	switch x := t.Type.(type) {
	case *ast.StructType:
		list = x.Fields
	case *ast.InterfaceType:
		list = x.Methods
	default:
		return
	}
	for _, f := range list.List {
		for _, id := range f.Names {
			c.put(t.Name.Name+"."+id.Name, cmp.Or(f.Doc, f.Comment), c.text(f.Doc, f))
		}
	}
}

// lookup returns the documentation of an object of a package other than the session's.
func (d *Docs) lookup(obj types.Object, inline bool) (declDoc, bool) {
	path := "builtin"
	if obj.Pkg() != nil {
		path = obj.Pkg().Path()
	}
	if path == "main" {
		return declDoc{}, false
	}
	p := d.load(path, inline)
	if p == nil {
		return declDoc{}, false
	}
	if name := ownedName(obj); name != "" {
		dd, ok := p.decls[name]
		return dd, ok
	}
	// A field does not know its struct: its name must be unambiguous.
	var found []declDoc
	for name, dd := range p.decls {
		if strings.HasSuffix(name, "."+obj.Name()) {
			found = append(found, dd)
		}
	}
	if len(found) == 1 {
		return found[0], true
	}
	return declDoc{}, false
}

// ownedName is the key of an object in pkgDoc; "" for fields.
func ownedName(obj types.Object) string {
	switch obj := obj.(type) {
	case *types.Func:
		if recv := obj.Signature().Recv(); recv != nil {
			t := recv.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			if n, ok := t.(*types.Named); ok {
				return n.Obj().Name() + "." + obj.Name()
			}
			if obj.Name() == "Error" && obj.Pkg() == nil {
				return "error.Error"
			}
			return ""
		}
	case *types.Var:
		if obj.IsField() {
			return ""
		}
	}
	return obj.Name()
}

// synopsis is the first sentence about obj, as far as it can be had at once.
func (d *Docs) synopsis(obj types.Object) string {
	dd, ok := d.lookup(obj, true)
	if !ok {
		return ""
	}
	return synopsisOf(dd.doc)
}

// packageSynopsis is the first sentence about a package, if it was read before: lists of
// packages are long.
func (d *Docs) packageSynopsis(path string) string {
	if d == nil {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.cache[path]; p != nil {
		return synopsisOf(p.text)
	}
	return ""
}

func synopsisOf(text string) string { return new(doc.Package).Synopsis(text) }

// names lists the exported names of a package, for the list under its documentation.
func (p *pkgDoc) names() []string {
	var names []string
	for name := range p.decls {
		if ast.IsExported(name) && !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
