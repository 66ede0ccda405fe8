package interp

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"mobula"
)

// TestShippersAreAll: each function of the SDK that runs a func argument elsewhere is known to the engine.
func TestShippersAreAll(t *testing.T) {
	files, err := fs.Glob(mobula.Source, "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(mobula.Source, name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.IsExported() && takesFunc(fn) {
				found = append(found, fn.Name.Name)
			}
		}
	}
	here := []string{"RetryIf"} // its function runs where the task was submitted
	want := slices.Sorted(slices.Values(slices.Concat(shippers, here)))
	if slices.Sort(found); !slices.Equal(found, want) {
		t.Errorf("package mobula has %q, the engine knows %q", found, want)
	}
}

func takesFunc(fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(f *ast.Field) bool {
		_, ok := f.Type.(*ast.FuncType)
		return ok
	})
}
