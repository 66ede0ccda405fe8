package interp

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// checked is what the type checker found.
type checked struct {
	pkg    *types.Package
	info   *types.Info
	broken map[*decl]string // earlier declarations that no longer compile, and why
	whole  bool             // all declarations were checked, not only the cell
	unused []types.Object   // local variables that nothing uses; Go forbids them, cells do not
}

// checker checks a package made of current declarations and, perhaps, one cell.
type checker struct {
	fset    *token.FileSet
	imp     types.Importer
	aliases *aliases
	pos     token.Pos // of everything that has no source
}

// check checks env and the cell together. Of env only signatures are read, and the bodies of
// those in bodies. Declarations of env with errors are dropped from env and reported as broken.
func (c *checker) check(env declarations, cell *parsedCell, bodies map[*decl]bool) (*checked, []problem) {
	broken := map[*decl]string{}
	for {
		res, problems, bad := c.once(env, cell, bodies)
		if len(bad) == 0 {
			res.broken = broken
			return res, problems
		}
		for d, why := range bad {
			broken[d] = why
			delete(env, d.name)
		}
	}
}

func (c *checker) once(env declarations, cell *parsedCell, bodies map[*decl]bool) (*checked, []problem, map[*decl]string) {
	res := newChecked()
	res.whole, res.pkg = true, types.NewPackage("main", "main")
	files := []*ast.File{c.envFile(env, bodies)}
	if cell != nil {
		files = append(files, cell.file)
	}
	problems, bad := c.sortErrors(c.files(res, files), env, cell, res)
	return res, problems, bad
}

func newChecked() *checked {
	return &checked{info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Instances: map[*ast.Ident]types.Instance{},
		Scopes: map[ast.Node]*types.Scope{}, Implicits: map[ast.Node]types.Object{},
	}}
}

// files checks files into res.pkg and returns all errors.
func (c *checker) files(res *checked, files []*ast.File) (errs []types.Error) {
	conf := types.Config{
		Importer: c.imp, GoVersion: "go1.26", DisableUnusedImportCheck: true, FakeImportC: true,
		Sizes: types.SizesFor("gc", "amd64"),
		Error: func(err error) {
			if e, ok := err.(types.Error); ok {
				errs = append(errs, e)
			}
		},
	}
	// Errors come through conf.Error, all of them.
	_ = types.NewChecker(&conf, c.fset, res.pkg, res.info).Files(files)
	return errs
}

// envFile makes a file of declarations without bodies.
func (c *checker) envFile(env declarations, bodies map[*decl]bool) *ast.File {
	f := &ast.File{Name: &ast.Ident{Name: "main", NamePos: c.pos}, Package: c.pos, FileStart: c.pos, FileEnd: c.pos}
	f.Decls = append(f.Decls, c.aliases.importDecl(c.pos))
	for _, d := range env.sorted() {
		if d.fn != nil && !bodies[d] {
			fn := *d.fn
			fn.Body = nil
			f.Decls = append(f.Decls, &fn)
			continue
		}
		f.Decls = append(f.Decls, d.node)
	}
	return f
}

// sortErrors tells the cell's own errors from those of earlier declarations, and leaves out
// what cells may do and Go files may not.
func (c *checker) sortErrors(errs []types.Error, env declarations, cell *parsedCell, res *checked) (problems []problem, bad map[*decl]string) {
	bad = map[*decl]string{}
	seen := map[string]bool{}
	for _, e := range errs {
		if e.Soft && strings.HasPrefix(e.Msg, "declared and not used") {
			res.noteUnused(e.Pos)
			continue
		}
		if cell != nil && cell.owns(e.Pos) {
			if cell.tolerates(e) {
				continue
			}
			p := problem{offset: cell.offset(e.Pos), msg: strings.TrimPrefix(e.Msg, "\t")}
			if key := fmt.Sprint(p.offset, p.msg); !seen[key] {
				seen[key] = true
				problems = append(problems, p)
			}
			continue
		}
		if d := env.at(e.Pos); d != nil && !strings.Contains(e.Msg, "missing function body") && bad[d] == "" {
			bad[d] = e.Msg
		}
	}
	return problems, bad
}

// at returns the declaration whose source holds pos.
func (ds declarations) at(pos token.Pos) *decl {
	for _, d := range ds {
		if d.node != nil && d.node.Pos() <= pos && pos < d.node.End() {
			return d
		}
	}
	return nil
}

func (r *checked) noteUnused(pos token.Pos) {
	for id, obj := range r.info.Defs {
		if obj != nil && id.Pos() == pos {
			r.unused = append(r.unused, obj)
			return
		}
	}
}

// tolerates reports errors that are none in a cell: the value of the last expression is shown,
// and hoisted variables are initialised by statements.
func (p *parsedCell) tolerates(e types.Error) bool {
	if strings.HasPrefix(e.Msg, "initialization cycle") && len(p.hoisted) > 0 {
		return true
	}
	if p.last == nil || !strings.Contains(e.Msg, "is not used") || e.Pos < p.last.Pos() || e.Pos >= p.last.End() {
		return false
	}
	inside := false
	ast.Inspect(p.last, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncLit); ok && f.Body.Pos() <= e.Pos && e.Pos < f.Body.End() {
			inside = true
		}
		return !inside
	})
	return !inside
}

// aliases gives each import path one identifier that no cell can use, for all units and checks.
type aliases struct {
	byPath map[string]string
	dots   map[string]bool // paths imported with a dot
}

func newAliases() *aliases { return &aliases{byPath: map[string]string{}, dots: map[string]bool{}} }

func (a *aliases) of(path string) string {
	if s, ok := a.byPath[path]; ok {
		return s
	}
	base := path[strings.LastIndexByte(path, '/')+1:]
	base = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' {
			return r
		}
		return -1
	}, base)
	s := base + marker + "p" + strconv.Itoa(len(a.byPath))
	a.byPath[path] = s
	return s
}

// importDecl imports everything that has an alias.
func (a *aliases) importDecl(pos token.Pos) *ast.GenDecl {
	g := &ast.GenDecl{Tok: token.IMPORT, TokPos: pos, Lparen: pos, Rparen: pos}
	for _, path := range slices.Sorted(maps.Keys(a.byPath)) {
		g.Specs = append(g.Specs, importSpec(a.byPath[path], path, pos))
	}
	for _, path := range slices.Sorted(maps.Keys(a.dots)) {
		g.Specs = append(g.Specs, importSpec(".", path, pos))
	}
	return g
}

func importSpec(name, path string, pos token.Pos) *ast.ImportSpec {
	return &ast.ImportSpec{
		Name: &ast.Ident{Name: name, NamePos: pos},
		Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(path), ValuePos: pos},
	}
}
