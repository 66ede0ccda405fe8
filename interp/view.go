package interp

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"sync"

	"mobula/internal/cellio"
	"mobula/interp/complete"
	"mobula/interp/toolchain"
)

// view is what completion and inspection see of a session: a copy, so that they work while
// a cell runs.
type view struct {
	env     declarations // copies
	imports map[string]string
	aliases *aliases
	fset    *token.FileSet

	once sync.Once
	pkg  *types.Package
	imp  types.Importer
	mu   *sync.Mutex // guards imp, which is shared by all views of a session
}

// publish makes the current declarations visible to completion; the queue's token is held.
// ch is what has changed since the last time; nil is everything.
func (s *Session) publish(ch *change) {
	s.mu.Lock()
	last := s.snapshot
	s.mu.Unlock()
	adds := ch != nil && last != nil && len(ch.identity)+len(ch.rebuild)+len(ch.warnings) == 0
	if adds && len(ch.fresh) == 0 && maps.Equal(last.imports, s.imports) {
		return
	}
	v := &view{imports: maps.Clone(s.imports), fset: s.fset, mu: &s.viewImports}
	if adds {
		v.env = last.env.clone()
		for d := range ch.fresh {
			c := *d
			v.env[d.name] = &c
		}
	} else {
		v.env = make(declarations, len(s.env))
		for name, d := range s.env {
			c := *d
			v.env[name] = &c
		}
	}
	v.aliases = &aliases{byPath: maps.Clone(s.aliases.byPath), dots: maps.Clone(s.aliases.dots)}
	if s.base != nil {
		v.pkg = types.NewPackage("main", "main")
		for name := range s.env {
			if o := s.base.pkg.Scope().Lookup(name); o != nil {
				v.pkg.Scope().Insert(o)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snapshot = v
}

// lockedImporter makes an importer safe for several goroutines.
type lockedImporter struct {
	mu  *sync.Mutex
	imp types.Importer
	pkg *toolchain.Packages
}

// Import returns the types of a package that is built; it never builds one.
func (l lockedImporter) Import(path string) (*types.Package, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.pkg.Lookup(path); path != "unsafe" && (k == nil || k.Export == "") {
		return nil, fmt.Errorf("%s is not built yet", path)
	}
	return l.imp.Import(path)
}

// objects returns the session's objects.
func (v *view) objects() *types.Package {
	v.once.Do(func() {
		if v.pkg != nil {
			return
		}
		c := &checker{fset: v.fset, imp: v.imp, aliases: v.aliases, pos: v.fset.AddFile("notebook", -1, 1).Pos(0)}
		res, _ := c.check(v.env.clone(), nil, nil)
		v.pkg = res.pkg
	})
	return v.pkg
}

// variables lists the session variables by name.
func (v *view) variables() (list []Variable) {
	for _, name := range slices.Sorted(maps.Keys(v.env)) {
		if d := v.env[name]; d.kind == kindVar {
			qualify := func(p *types.Package) string {
				if p.Path() == "main" {
					return ""
				}
				return p.Name()
			}
			list = append(list, Variable{Name: name, Type: plainNames(types.TypeString(d.typ, qualify)), Cell: d.cell})
		}
	}
	return list
}

// completionView returns the snapshot for package complete.
func (s *Session) completionView() *complete.Snapshot {
	s.mu.Lock()
	v, packages, goroot, dir := s.snapshot, s.state.packages, s.state.tc.GOROOT, s.dir
	s.mu.Unlock()
	snap := &complete.Snapshot{Dir: dir, Magics: Magics()}
	if packages == nil {
		return snap
	}
	imp := lockedImporter{mu: &s.viewImports, pkg: packages}
	s.viewImports.Lock()
	if s.viewImporter == nil || s.viewPackages != packages {
		s.viewImporter, s.viewPackages = newArchiveImporter(token.NewFileSet(), packages), packages
		s.docs = complete.NewDocs(docDir(goroot, packages))
	}
	imp.imp, snap.Docs = s.viewImporter, s.docs
	s.viewImports.Unlock()
	snap.Importer = imp
	if index, err := complete.Std(goroot); err == nil {
		snap.Std = maps.Clone(index)
		maps.Copy(snap.Std, ownPackages)
	}
	for _, path := range packages.Known() {
		if k := packages.Lookup(path); k != nil && !k.Standard && !strings.Contains(path, "internal/") {
			snap.Modules = append(snap.Modules, path)
		}
	}
	if v == nil {
		return snap
	}
	if v.imp == nil {
		v.imp = imp
	}
	snap.Package, snap.Imports = v.objects(), v.imports
	snap.Source = v.sourceOf
	return snap
}

// sourceOf returns the declaration of a session object as the user wrote it.
func (v *view) sourceOf(o types.Object) string {
	for _, d := range v.env {
		switch {
		case d.fn != nil && d.fn.Name.Pos() == o.Pos():
			return d.src.withDoc(d.fn)
		case d.spec != nil && d.spec.Name.Pos() == o.Pos():
			return "type " + d.src.userText(d.src.span(d.spec))
		}
	}
	return ""
}

// withDoc returns the text of a function with the comment above it.
func (p *parsedCell) withDoc(fn *ast.FuncDecl) string {
	start, end := p.span(fn)
	if fn.Doc != nil {
		start, _ = p.span(fn.Doc)
	}
	return p.userText(start, end)
}

func docDir(goroot string, packages *toolchain.Packages) func(string) string {
	std := complete.GorootDir(goroot)
	return func(path string) string {
		if k := packages.Lookup(path); k != nil && k.Dir != "" {
			return k.Dir
		}
		return std(path)
	}
}

// Complete proposes what may stand at the cursor, a byte offset.
func (s *Session) Complete(ctx context.Context, source string, cursor int) (Completion, error) {
	if err := ctx.Err(); err != nil {
		return Completion{}, err
	}
	got := complete.Complete(s.completionView(), source, cursor)
	c := Completion{Start: got.Start, End: got.End}
	for _, it := range got.Items {
		c.Items = append(c.Items, CompletionItem{Text: it.Text, Kind: it.Kind, Type: it.Type, Doc: it.Doc})
	}
	return c, nil
}

// Inspect tells about what stands at the cursor, a byte offset.
func (s *Session) Inspect(ctx context.Context, source string, cursor, detail int) (Inspection, error) {
	if err := ctx.Err(); err != nil {
		return Inspection{}, err
	}
	got := complete.Inspect(s.completionView(), source, cursor, detail)
	in := Inspection{Found: got.Found, Data: cellio.Data{}}
	for media, text := range got.Data {
		raw, err := json.Marshal(text)
		if err != nil {
			return Inspection{}, fmt.Errorf("inspect: %w", err)
		}
		in.Data[media] = raw
	}
	return in, nil
}

// IsComplete tells whether a cell is ready to run.
func (s *Session) IsComplete(source string) Completeness {
	status, indent := complete.IsComplete(source)
	return Completeness{Status: status, Indent: indent}
}

var magicNames struct {
	sync.Mutex
	list []string
}

// SetMagics tells completion which magics the front end understands.
func SetMagics(names []string) {
	magicNames.Lock()
	defer magicNames.Unlock()
	magicNames.list = slices.Clone(names)
}

// Magics returns what SetMagics has set.
func Magics() []string {
	magicNames.Lock()
	defer magicNames.Unlock()
	return slices.Clone(magicNames.list)
}
