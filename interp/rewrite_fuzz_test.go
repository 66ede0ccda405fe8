package interp

import (
	"context"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"mobula/internal/cellio"
	"mobula/interp/toolchain"
)

// cellMark separates the cells of a fuzzed notebook: no Go source holds it.
const cellMark = "\x00"

// bench is what all notebooks of the fuzz target share, for archives of packages are slow to read.
var bench struct {
	sync.Mutex
	state   hostState
	session *Session
	uses    int
}

// renewal bounds how many notebooks share one file set, which only grows.
const renewal = 300

// unhosted returns an empty session that can plan cells and write units, and has no host to run them.
func unhosted(tb testing.TB) *Session {
	tb.Helper()
	b := &bench
	if b.state.packages == nil {
		tc, host, err := prepare(context.Background(), func(string) {})
		if err != nil {
			tb.Fatal(err)
		}
		// Nothing is imported from the folder: only packages that are known count.
		packages := toolchain.NewPackages(tc, os.TempDir(), os.Environ(), host.Flags, host.Packages)
		b.state = hostState{tc: tc, host: host, packages: packages}
	}
	if b.session == nil || b.uses == renewal {
		b.session = &Session{sink: discardSink{}, dir: os.TempDir(), mode: ModeNative, state: b.state, captures: map[int]cellio.Data{}}
		b.session.forget()
		b.uses = 0
	}
	b.uses++
	s, fset, imp := b.session, b.session.fset, b.session.importer
	s.forget()
	s.fset, s.importer = fset, imp
	return s
}

// FuzzRewrite holds that a cell that the checker accepts becomes a unit that parses and
// type-checks, and whose lines are the cell's.
func FuzzRewrite(f *testing.F) {
	for _, seed := range rewriteSeeds(f) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, notebook string) {
		cells := strings.Split(notebook, cellMark)
		if len(notebook) > 1<<13 || len(cells) > 12 {
			t.Skip("too long to be worth the time")
		}
		bench.Lock()
		defer bench.Unlock()
		s := unhosted(t)
		for i, source := range cells {
			rewriteCell(t, s, Cell{Number: i + 1, Source: source})
		}
	})
}

// rewriteSeeds returns the notebooks of the session tests, shapes that they lack, and Go's own
// small test programs where the toolchain comes with them.
func rewriteSeeds(f *testing.F) []string {
	f.Helper()
	paths, err := filepath.Glob("../tests/session/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatalf("%d session programs: %v", len(paths), err)
	}
	var seeds []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var cells []string
		for _, part := range txtar.Parse(text).Files {
			if part.Name == "cell" {
				cells = append(cells, string(part.Data))
			}
		}
		seeds = append(seeds, strings.Join(cells, cellMark))
	}
	return slices.Concat(seeds, rewriteShapes, testPrograms())
}

// maxTestProgram bounds the programs that are seeds: large ones mutate into little else.
const maxTestProgram = 1500

// testPrograms returns Go's test programs that are run, as notebooks of one cell.
func testPrograms() (programs []string) {
	for _, folder := range []string{"", "typeparam", "ken", "chan", "interface", "fixedbugs"} {
		// Some distributions leave the tests out: the other seeds do.
		paths, _ := filepath.Glob(filepath.Join(build.Default.GOROOT, "test", folder, "*.go"))
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err == nil && len(text) <= maxTestProgram && strings.HasPrefix(string(text), "// run\n") {
				programs = append(programs, string(text))
			}
		}
	}
	return programs
}

// rewriteShapes are cells that each exercise one rewrite.
var rewriteShapes = []string{
	"var (\n\ta, b int\n\tc = 3\n\t_ = a\n)\nc",
	"ch := make(chan int, 1)\nch <- 1\nv, ok := <-ch\nselect {\ncase ch <- v:\ncase w := <-ch:\n\t_ = w\n}\nfor range ch {\n\tbreak\n}\nok",
	"type L[T any] struct {\n\tsync.Mutex\n\tv T\n}\nfunc (l *L[T]) Set(v T) {\n\tl.Lock()\n\tdefer l.Unlock()\n\tl.v = v\n}\nx := &L[int]{}\nx.Set(3)\nx.v",
	"func f() int { return n }\nn := 4\nf()" + cellMark + "n := \"s\"\nn",
	"x := struct{ a, b int }{1, 2}\ny, z := func() (int, error) { return x.a, nil }()\ny",
	"const (\n\tA = iota\n\tB\n)\nvar t [B]struct{ E }\ntype E interface{ ~int }",
	"type A = []B\ntype B struct{ A }\nvar b B\nb.A = append(b.A, b)\nlen(b.A)",
	"if x := 1; x > 0 {\n\tswitch y := any(x).(type) {\n\tcase int:\n\t}\n}\nL:\nfor i := 0; i < 3; i++ {\n\tcontinue L\n}",
	"func init() { println(\"i\") }\nvar g = h()\nfunc h() (n int) {\n\tdefer func() { n++ }()\n\treturn\n}\nfunc main() { println(g) }",
	"import . \"strings\"\nimport j \"encoding/json\"\nvar _ j.Marshaler = nil\nToUpper(`a\nb`)",
}

// rewriteCell plans a cell, checks its unit and keeps its declarations. A cell that is refused
// changes nothing.
func rewriteCell(t *testing.T, s *Session, c Cell) {
	t.Helper()
	if strings.Contains(c.Source, "//line ") || strings.Contains(c.Source, "/*line ") {
		return // asks for other positions
	}
	s.cells++
	p, perr := parseCell(s.fset, c, s.cells)
	if perr != nil || len(p.file.Decls) == 0 {
		return
	}
	for _, spec := range p.imports {
		if path := strings.Trim(spec.Path.Value, "\"`"); s.packages().Lookup(path) == nil {
			return // would run the go command, if not fetch modules
		}
	}
	pl, perr := s.plan(t.Context(), p)
	if perr != nil {
		return
	}
	unit := s.writeUnit(pl)
	for _, path := range unit.Imports {
		if path != "unsafe" && s.packages().Lookup(path) == nil {
			pl.change.undo()
			return
		}
	}
	fset := token.NewFileSet()
	fail := func(format string, args ...any) {
		t.Fatalf("%s\n--- cell %d\n%s\n--- unit\n%s", fmt.Sprintf(format, args...), c.Number, c.Source, unit.Source)
	}
	file, err := parser.ParseFile(fset, "unit.go", unit.Source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		fail("the unit does not parse: %v", err)
	}
	conf := types.Config{Importer: s.importerFor(), GoVersion: "go1.26", Sizes: types.SizesFor("gc", "amd64")}
	if _, err := conf.Check("main", fset, []*ast.File{file}, nil); err != nil {
		fail("the unit does not check: %v", err)
	}
	for _, line := range misplaced(pl, fset, file) {
		fail("%s", line)
	}
	s.commit(pl)
}

// misplaced compares the lines of a unit with those of the cells that it was written from.
func misplaced(pl *plan, fset *token.FileSet, unit *ast.File) []string {
	lines := unitLines{fset: fset, functions: map[string]int{}, literals: map[string]bool{}}
	for _, d := range unit.Decls {
		lines.declaration(d, bodyName(pl.code.p.seq))
	}
	var wrong []string
	for _, d := range pl.code.decls {
		if cur := pl.change.env[d.name]; cur != d || d.fn == nil && d.spec == nil {
			continue
		}
		name, pos := d.link, d.pos
		if d.kind == kindMethod {
			name = pl.change.env[d.recv].link + "." + d.method
		}
		if want := cellLine(d.src, pos); lines.functions[name] != want {
			wrong = append(wrong, fmt.Sprintf("%s is at line %d of the cell and at line %d of the unit", d.name, want, lines.functions[name]))
		}
	}
	wrong = append(wrong, lines.statementsOf(pl.code.p)...)
	known := map[string]bool{}
	sources := map[*parsedCell]bool{pl.code.p: true}
	for _, d := range pl.change.env {
		if d.src != nil {
			sources[d.src] = true
		}
	}
	for p := range sources {
		ast.Inspect(p.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok {
				known[literalAt(cellFile(p.Number), cellLine(p, lit.Pos()), lit.Value)] = true
			}
			return true
		})
	}
	for lit := range lines.literals {
		if !known[lit] {
			wrong = append(wrong, "the unit has "+lit+", no cell has it there")
		}
	}
	return wrong
}

func cellLine(p *parsedCell, pos token.Pos) int {
	line, _ := position(p.Source, p.offset(pos))
	return line
}

func literalAt(file string, line int, value string) string {
	return fmt.Sprintf("%s at %s:%d", value, file, line)
}

// unitLines is where a unit says that its parts come from.
type unitLines struct {
	fset       *token.FileSet
	functions  map[string]int // and types, by link name
	statements []int          // of the cell's own function
	literals   map[string]bool
}

func (u *unitLines) line(n ast.Node) int { return u.fset.Position(n.Pos()).Line }

func (u *unitLines) declaration(d ast.Decl, body string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			name = receiver(d) + "." + name
		}
		u.functions[name] = u.line(d)
		if name == body {
			for _, st := range d.Body.List {
				u.statements = append(u.statements, u.line(st))
			}
		}
	case *ast.GenDecl:
		if d.Tok != token.TYPE {
			return // written from values: they have no lines
		}
		for _, spec := range d.Specs {
			u.functions[spec.(*ast.TypeSpec).Name.Name] = u.line(spec)
		}
	}
	ast.Inspect(d, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok {
			if pos := u.fset.Position(lit.Pos()); strings.HasPrefix(pos.Filename, "cell[") {
				u.literals[literalAt(pos.Filename, pos.Line, lit.Value)] = true
			}
		}
		return true
	})
}

// statementsOf looks for each top-level statement's line among those of the unit, in order.
func (u *unitLines) statementsOf(p *parsedCell) (wrong []string) {
	if p.body == nil {
		return nil
	}
	rest := u.statements
	for _, st := range p.body.Body.List {
		switch st := st.(type) {
		case *ast.EmptyStmt, *ast.DeclStmt:
			continue // may leave nothing to run
		case *ast.BlockStmt:
			if !p.copied(st.Lbrace) {
				continue // a hoisted variable
			}
		}
		want, at := cellLine(p, st.Pos()), 0
		for at < len(rest) && rest[at] != want {
			at++
		}
		if at == len(rest) {
			return append(wrong, fmt.Sprintf("the unit has no statement for line %d of the cell; it has lines %v", want, u.statements))
		}
		rest = rest[at+1:]
	}
	return wrong
}
