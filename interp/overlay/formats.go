package overlay

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
)

// The linker reads object files by numbers that the toolchain's own sources count with
// iota. orders lists those that it relies on: name and value.
var orders = map[string]map[string]int{
	"src/cmd/internal/objabi/reloctype.go": {
		"R_ADDR": 1, "R_ADDROFF": 5, "R_SIZE": 6, "R_CALL": 7, "R_CALLIND": 10, "R_PCREL": 14, "R_TLS_LE": 15,
		"R_USEFIELD": 21, "R_USETYPE": 22, "R_USEIFACE": 23, "R_USEIFACEMETHOD": 24, "R_USENAMEDMETHOD": 25,
		"R_METHODOFF": 26, "R_KEEP": 27, "R_INITORDER": 99,
	},
	"src/cmd/internal/objabi/symkind.go": {
		"STEXT": 1, "STEXTFIPS": 2, "SRODATA": 3, "SRODATAFIPS": 4, "SNOPTRDATA": 5, "SNOPTRDATAFIPS": 6,
		"SDATA": 7, "SDATAFIPS": 8, "SBSS": 9, "SNOPTRBSS": 10, "STLSBSS": 11,
	},
	"src/cmd/internal/goobj/objfile.go": {
		"BlkAutolib": 0, "BlkRefName": 17, "NBlk": 19,
		"AuxGotype": 0, "AuxFuncInfo": 1, "AuxFuncdata": 2, "AuxPcsp": 7, "AuxPcdata": 11,
	},
}

// checkFormats compares the toolchain's sources with what the linker knows.
func checkFormats(goroot, version string) error {
	for path, want := range orders {
		got, err := iotas(filepath.Join(goroot, filepath.FromSlash(path)))
		if err != nil {
			return fmt.Errorf("%w %s: %w", ErrUnknownToolchain, version, err)
		}
		for name, value := range want {
			if g, ok := got[name]; !ok || g != value {
				return fmt.Errorf("%w %s: in %s the constant %s is %d, the linker knows %d", ErrUnknownToolchain, version, path, name, g, value)
			}
		}
	}
	return nil
}

// iotas returns the positions of names in constant groups of a file that count with iota.
func iotas(file string) (map[string]int, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		first := 0
		for i, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			if i == 0 && len(v.Values) == 1 {
				first = start(v.Values[0])
			}
			if name := v.Names[0].Name; name != "_" {
				out[name] = first + i
			}
		}
	}
	return out, nil
}

// start returns the first value of a group: 1 for `1 + iota`, else 0.
func start(e ast.Expr) int {
	if b, ok := e.(*ast.BinaryExpr); ok {
		if l, ok := b.X.(*ast.BasicLit); ok && b.Op == token.ADD && l.Value == "1" {
			return 1
		}
	}
	return 0
}
