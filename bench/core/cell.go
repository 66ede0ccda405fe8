package main

import (
	"embed"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// shared is what a cell declares to answer requests as Mobula's side does.
//
//go:embed protocol.go mobula.go mobula_tasks.go mobula_actors.go mobula_objects.go
var shared embed.FS

// cellSource joins the shared files into the text of one cell.
func cellSource() (string, error) {
	names, err := fs.Glob(shared, "*.go")
	if err != nil {
		return "", err
	}
	imports := map[string]bool{}
	var bodies []string
	for _, name := range names {
		text, err := shared.ReadFile(name)
		if err != nil {
			return "", err
		}
		body, err := withoutImports(name, string(text), imports)
		if err != nil {
			return "", err
		}
		bodies = append(bodies, body)
	}
	head := strings.Join(slices.Sorted(maps.Keys(imports)), "\n\t")
	return fmt.Sprintf("import (\n\t%s\n)\n%s", head, strings.Join(bodies, "")), nil
}

// withoutImports returns what follows a file's imports, which it adds to the others.
func withoutImports(name, text string, imports map[string]bool) (string, error) {
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, text, parser.ImportsOnly)
	if err != nil {
		return "", err
	}
	end := f.Name.End()
	for _, i := range f.Imports {
		imports[i.Path.Value] = true
	}
	for _, d := range f.Decls {
		end = d.End()
	}
	return text[files.Position(end).Offset:], nil
}
