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

type declKind uint8

const (
	kindConst declKind = iota
	kindType
	kindVar
	kindFunc
	kindMethod
)

// decl is a current declaration of the notebook package. It is replaced, not changed,
// when the user declares the name again; only link, edits and what refs tells are updated
// when something that it uses has changed.
type decl struct {
	kind    declKind
	name    string // the user's; a method's is T.m
	link    string // its identifier in units: name, or name۰2 for a second, incompatible one
	version int
	recv    string // a method's type
	method  string // a method's own name
	cell    int
	src     *parsedCell
	fn      *ast.FuncDecl
	spec    *ast.TypeSpec
	value   constant.Value // of a constant
	text    typeText       // the type of a constant or variable
	typ     types.Type     // of a constant, variable or type; of a func its signature
	pos     token.Pos
	node    ast.Decl // what the type checker sees

	refs    map[string]bool // session names that it mentions anywhere
	sigRefs map[string]bool // those in its type or signature
	edits   []edit          // from the source text to the unit's text
	assigns []assignment    // to session variables, in a function
	generic bool
	alias   bool
	small   bool // its body goes into every unit that calls it, to be inlined
	// mayInline: a caller compiled together with it may have a copy of its body.
	mayInline bool
	embed     string   // go:embed patterns of a variable, as written
	witness   *witness // a variable whose type cannot be written down
	c         *cFunc   // a function that cgo made
}

// witness is an expression whose type is that of a variable.
type witness struct {
	src   *parsedCell
	expr  ast.Expr
	index int // of its results
	count int
	edits []edit
	refs  map[string]bool
}

// linkName returns the name of a func or method symbol.
func (d *decl) linkNames(types map[string]*decl) []string {
	if d.kind != kindMethod {
		return []string{"main." + d.link}
	}
	t := d.recv
	if r := types[d.recv]; r != nil {
		t = r.link
	}
	if _, ok := ast.Unparen(d.fn.Recv.List[0].Type).(*ast.StarExpr); ok {
		return []string{"main.(*" + t + ")." + d.method}
	}
	return []string{"main." + t + "." + d.method, "main.(*" + t + ")." + d.method}
}

// bodySymbol is the symbol that holds a func's own code.
func (d *decl) bodySymbol(types map[string]*decl) string { return d.linkNames(types)[0] }

func versionedLink(name string, version int) string {
	if version > 1 || types.Universe.Lookup(name) != nil {
		return fmt.Sprintf("%s%s%d", name, marker, max(version, 1))
	}
	return name
}

// declarations are the current declarations of a notebook by name.
type declarations map[string]*decl

func (ds declarations) clone() declarations {
	c := make(declarations, len(ds))
	maps.Copy(c, ds)
	return c
}

// sorted returns the declarations in the order of cells and positions.
func (ds declarations) sorted() []*decl {
	list := make([]*decl, 0, len(ds))
	for _, d := range ds {
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b *decl) int {
		if a.pos != b.pos {
			return int(a.pos) - int(b.pos)
		}
		return strings.Compare(a.name, b.name)
	})
	return list
}

// methodsOf returns the methods of a type.
func (ds declarations) methodsOf(name string) []*decl {
	var list []*decl
	for k, d := range ds {
		if d.kind == kindMethod && strings.HasPrefix(k, name+".") && d.recv == name {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *decl) int { return strings.Compare(a.name, b.name) })
	return list
}

// receiver returns the base type name of a method declaration.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	for t := fn.Recv.List[0].Type; ; {
		switch x := t.(type) {
		case *ast.ParenExpr:
			t = x.X
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// nodeCount counts the syntax nodes of a function body; loud reports constructs that
// keep the compiler from inlining it, and local types.
func nodeCount(fn *ast.FuncDecl) (n int, loud bool) {
	if fn.Body == nil {
		return 0, true
	}
	ast.Inspect(fn.Body, func(node ast.Node) bool {
		if node != nil {
			n++
		}
		switch x := node.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.DeferStmt, *ast.FuncLit, *ast.LabeledStmt:
			loud = true
		case *ast.GenDecl:
			loud = loud || x.Tok == token.TYPE
		}
		return true
	})
	return n, loud
}

const (
	smallNodes  = 60  // includes what the compiler's budget of 80 of its own nodes lets inline
	inlineNodes = 250 // surely more than that budget
)

func (d *decl) measure() {
	if d.fn == nil {
		return
	}
	n, loud := nodeCount(d.fn)
	d.mayInline = n <= inlineNodes
	noinline := d.fn.Doc != nil && slices.ContainsFunc(d.fn.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:noinline") })
	d.small = n <= smallNodes && !loud && !noinline
}
