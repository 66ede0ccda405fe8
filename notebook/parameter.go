package notebook

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"sync"

	"mobula/internal/magicline"
	"mobula/interp/cell"
)

// Parameter is a variable or constant that the cell tagged parameters declares.
type Parameter struct {
	Name    string
	Type    string // as Go writes it: float64, []string, time.Duration; "" where it needs packages other than time, and so is known to the engine only
	Default string // the expression, "" for that of the zero value
	Help    string // the comment behind it, or above
	Const   bool

	typ  types.Type // nil with Type
	line int
}

// parameterFile is the name of the cell in positions of errors.
const parameterFile = "the parameters cell"

// Parameters returns what the cell tagged parameters declares, in its order; none where there is no such cell.
func (nb *Notebook) Parameters() ([]Parameter, error) {
	at := nb.Tagged(TagParameters)
	if at < 0 {
		return nil, nil
	}
	return readParameters(nb.Cells[at].Source)
}

func readParameters(source string) ([]Parameter, error) {
	source = magicline.Blank(source, magicline.Find(source, func(string) bool { return true }))
	f, err := assembleParameters(source)
	if err != nil {
		return nil, err
	}
	f.check()
	var list []Parameter
	add := func(p Parameter, declared bool) {
		at := slices.IndexFunc(list, func(q Parameter) bool { return q.Name == p.Name })
		switch {
		case at >= 0 && !declared: // it is assigned to: the type stays
			list[at].Default = p.Default
		case at >= 0:
			list[at] = p
		case declared && p.Name != "_":
			list = append(list, p)
		}
	}
	for _, d := range f.file.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			f.general(d, add)
		case *ast.FuncDecl:
			if d.Name.Name == bodyName {
				f.body(d, add)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Parameter) int { return a.line - b.line })
	return list, nil
}

// bodyName is no identifier that a cell would use.
const bodyName = "parameters۰"

// parameterCell is the cell as one file: its declarations, then a function with its statements.
type parameterCell struct {
	fset     *token.FileSet
	file     *ast.File
	text     string
	info     *types.Info
	comments map[int]string // by the line that they end on
}

func assembleParameters(source string) (*parameterCell, error) {
	parts, err := cell.Split(source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", parameterFile, err)
	}
	var decls, body strings.Builder
	for _, p := range parts {
		to := &decls
		if p.Kind == cell.Stmt || p.Kind == cell.Var {
			to = &body
		}
		end := p.End // with the comment behind it
		if n := strings.IndexByte(source[end:], '\n'); n >= 0 {
			end += n
		} else {
			end = len(source)
		}
		if rest := strings.TrimSpace(source[p.End:end]); !strings.HasPrefix(rest, "//") && !strings.HasPrefix(rest, "/*") {
			end = p.End
		}
		if p.Kind != cell.Package && p.Kind != cell.Import {
			fmt.Fprintf(to, "//line %s:%d\n%s\n", parameterFile, 1+strings.Count(source[:p.Start], "\n"), source[p.Start:end])
		}
	}
	f := &parameterCell{fset: token.NewFileSet()}
	f.text = "package main\nimport \"time\"\n" + decls.String() + "func " + bodyName + "() {\n" + body.String() + "}\n"
	f.file, err = parser.ParseFile(f.fset, parameterFile, f.text, parser.ParseComments|parser.SkipObjectResolution)
	if list, ok := errors.AsType[scanner.ErrorList](err); ok {
		line := min(list[0].Pos.Line, 1+strings.Count(strings.TrimRight(source, "\n"), "\n"))
		return nil, fmt.Errorf("%s, line %d: %s", parameterFile, line, strings.ReplaceAll(list[0].Msg, "found '}'", "found the end"))
	}
	if err != nil {
		return nil, err
	}
	f.findComments()
	return f, nil
}

func (f *parameterCell) findComments() {
	f.comments = map[int]string{}
	for _, g := range f.file.Comments {
		if text := strings.TrimSpace(g.Text()); text != "" {
			f.comments[f.line(g.End())] = strings.Join(strings.Fields(text), " ")
		}
	}
}

// line is the line of the assembled file.
func (f *parameterCell) line(pos token.Pos) int { return f.fset.PositionFor(pos, false).Line }

func (f *parameterCell) check() {
	f.info = &types.Info{Defs: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: timeOnly{}, Error: func(error) {}, DisableUnusedImportCheck: true}
	// What cannot be known without the packages has no type here.
	_, _ = conf.Check("main", f.fset, []*ast.File{f.file}, f.info)
}

func (f *parameterCell) general(d *ast.GenDecl, add func(Parameter, bool)) {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			var value ast.Expr
			if i < len(v.Values) {
				value = v.Values[i]
			}
			p := f.parameter(name, value, spec)
			if p.Const = d.Tok == token.CONST; p.Const && value == nil {
				p.Default = constText(f.info.Defs[name])
			}
			add(p, true)
		}
	}
}

func constText(obj types.Object) string {
	if c, ok := obj.(*types.Const); ok && c.Val().Kind() != constant.Unknown {
		return c.Val().ExactString()
	}
	return ""
}

func (f *parameterCell) body(d *ast.FuncDecl, add func(Parameter, bool)) {
	for _, st := range d.Body.List {
		switch st := st.(type) {
		case *ast.DeclStmt:
			if g, ok := st.Decl.(*ast.GenDecl); ok {
				f.general(g, add)
			}
		case *ast.AssignStmt:
			for i, left := range st.Lhs {
				name, ok := left.(*ast.Ident)
				if !ok || len(st.Lhs) != len(st.Rhs) || st.Tok != token.DEFINE && st.Tok != token.ASSIGN {
					continue
				}
				p := f.parameter(name, st.Rhs[i], st)
				add(p, f.info.Defs[name] != nil)
			}
		}
	}
}

func (f *parameterCell) parameter(name *ast.Ident, value ast.Expr, node ast.Node) Parameter {
	p := Parameter{Name: name.Name, line: f.fset.Position(name.Pos()).Line}
	if value != nil {
		p.Default = f.text[f.fset.PositionFor(value.Pos(), false).Offset:f.fset.PositionFor(value.End(), false).Offset]
	}
	line, end := f.line(node.Pos()), f.line(node.End())
	if p.Help = f.comments[end]; p.Help == "" {
		p.Help = f.comments[line-1]
	}
	if obj := f.info.Defs[name]; obj != nil {
		if t := types.Default(obj.Type()); known(t, 0) {
			p.typ, p.Type = t, typeText(t)
		}
	}
	return p
}

// typeText writes a type as the notebook does.
func typeText(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == "main" {
			return ""
		}
		return p.Name()
	})
}

// known reports whether a type has no part that could not be found.
func known(t types.Type, depth int) bool {
	if depth > 20 {
		return true
	}
	switch u := types.Unalias(t).(type) {
	case *types.Basic:
		return u.Kind() != types.Invalid && u.Kind() != types.UntypedNil
	case *types.Named:
		return u.Obj().Pkg() == nil || u.Obj().Pkg().Path() == "time" || known(u.Underlying(), depth+1)
	case *types.Slice:
		return known(u.Elem(), depth+1)
	case *types.Array:
		return known(u.Elem(), depth+1)
	case *types.Pointer:
		return known(u.Elem(), depth+1)
	case *types.Map:
		return known(u.Key(), depth+1) && known(u.Elem(), depth+1)
	case *types.Struct:
		for v := range u.Fields() {
			if !known(v.Type(), depth+1) {
				return false
			}
		}
	}
	return true
}

// timeOnly imports what of package time parameters are made of. Others need a toolchain.
type timeOnly struct{}

func (timeOnly) Import(path string) (*types.Package, error) {
	if path == "time" {
		return timePackage()
	}
	return nil, errors.New("not known here")
}

var timePackage = sync.OnceValues(func() (*types.Package, error) {
	const source = `package time
type Duration int64
const (
	Nanosecond  Duration = 1
	Microsecond          = 1000 * Nanosecond
	Millisecond          = 1000 * Microsecond
	Second               = 1000 * Millisecond
	Minute               = 60 * Second
	Hour                 = 60 * Minute
)`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "time.go", source, 0)
	if err != nil {
		return nil, err
	}
	conf := types.Config{}
	return conf.Check("time", fset, []*ast.File{f}, nil)
})
