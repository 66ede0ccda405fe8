package interp

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mobula/interp/cell"
	"mobula/interp/toolchain"
)

// A cell that imports "C" is translated by the cgo tool: C.f becomes _Cfunc_f, C.int becomes _Ctype_int. What these
// names mean joins the cell's own declarations, each under a name that says which C it is, since each cell
// has its own preamble: functions, constants and variables carry the number of the translation, and types a
// digest of what they are made of where an earlier cell has another type of that name. So equal types are the same type in all cells.

// cState is what a session knows of the C in its cells.
type cState struct {
	count   int               // translations so far
	digests map[string]string // of the type that has a name without a digest
	libs    []*os.File        // open while a host may have loaded them
}

// close forgets the libraries.
func (c *cState) close() {
	for _, f := range c.libs {
		f.Close()
	}
	*c = cState{}
}

// cCode is the C part of a parsed cell.
type cCode struct {
	funcs   map[string]*cFunc // by name in the cell
	library *os.File
}

// cFunc is a function that is made by cgo. The type checker sees its signature; its text is for the compiler alone.
type cFunc struct {
	chunks  []*cChunk // what the text needs; the last is its own
	helper  bool      // linked by name to the runtime, so that every unit has it in full
	library *os.File
}

// cFunc returns what cgo made of a function of this name, or nil.
func (p *parsedCell) cFunc(name string) *cFunc {
	if p.c == nil {
		return nil
	}
	return p.c.funcs[name]
}

// importOfC returns the import of "C".
func (p *parsedCell) importOfC() *ast.ImportSpec {
	i := slices.IndexFunc(p.imports, func(s *ast.ImportSpec) bool { return s.Path.Value == `"C"` })
	if i < 0 {
		return nil
	}
	return p.imports[i]
}

var exportLine = regexp.MustCompile(`(?m)^//export `)

// translateC replaces C in a cell that imports it.
func (s *Session) translateC(ctx context.Context, p *parsedCell) *Error {
	imp := p.importOfC()
	if imp == nil {
		return nil
	}
	at := p.offset(imp.Pos())
	if loc := exportLine.FindStringIndex(p.Source); loc != nil {
		return compileError(p.Cell, []problem{{offset: loc[0], msg: "//export is not supported in cells: C cannot call Go functions by name here"}})
	}
	s.c.count++
	tr, err := s.toolchain().TranslateC(ctx, toolchain.CFile{Text: p.text, ID: s.c.count, Dir: s.Dir(), Env: s.Environ()})
	if ce, ok := errors.AsType[*toolchain.CError](err); ok {
		return compileError(p.Cell, p.problemsOfC(ce.Output, at))
	} else if err != nil {
		return compileError(p.Cell, []problem{{offset: at, msg: err.Error()}})
	}
	s.c.libs = append(s.c.libs, tr.Library)
	g := &cGenerator{s: s, id: s.c.count, code: &cCode{funcs: map[string]*cFunc{}, library: tr.Library}}
	if err := g.read(tr.Types); err != nil {
		return internalError(fmt.Errorf("read the declarations that cgo made: %w", err))
	}
	if err := p.adopt(g, tr.Text); err != nil {
		return internalError(fmt.Errorf("read the cell that cgo made: %w", err))
	}
	if err := s.packages().Resolve(ctx, g.imports()...); err != nil {
		return compileError(p.Cell, []problem{{offset: at, msg: err.Error()}})
	}
	return nil
}

// adopt makes what cgo wrote the text of the cell.
func (p *parsedCell) adopt(g *cGenerator, text string) error {
	b := &cText{from: p, rename: g.rename}
	if err := b.write(text); err != nil {
		return err
	}
	b.out.WriteString(g.declarations(b.mentioned))
	base := p.fset.Base()
	f, err := parser.ParseFile(p.fset, cellFile(p.Number), b.out.String(), parser.ParseComments|parser.AllErrors|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.c, p.file, p.base, p.text, p.segs, p.body, p.last = g.code, f, base, b.out.String(), b.segs, nil, nil
	parts, err := cell.Split(p.Source)
	if err != nil {
		return err
	}
	p.finish(parts)
	p.imports = slices.DeleteFunc(slices.Clone(p.imports), func(i *ast.ImportSpec) bool { return i.Name != nil && i.Name.Name == "_cgo_unsafe" })
	extra := &ast.GenDecl{Tok: token.IMPORT, TokPos: f.Package, Lparen: f.Package, Rparen: f.Package}
	for _, path := range g.imports() {
		extra.Specs = append(extra.Specs, importSpec(g.s.aliases.of(path), path, f.Package))
	}
	f.Decls = append([]ast.Decl{extra}, f.Decls...)
	return nil
}

var toolLine = regexp.MustCompile(`^` + regexp.QuoteMeta(toolchain.CName) + `:(\d+):(?:(\d+):)? (?:error: |fatal error: )?(.*)$`)

// problemsOfC reads the messages of cgo and the C compiler. What has no place in the cell belongs to the import.
func (p *parsedCell) problemsOfC(output string, imp int) (ps []problem) {
	lines := lineStarts(p.text)
	for l := range strings.Lines(output) {
		m := toolLine.FindStringSubmatch(strings.TrimRight(l, "\n"))
		if m == nil || strings.HasPrefix(m[3], "note: ") || strings.HasPrefix(m[3], "warning: ") {
			continue
		}
		line, _ := strconv.Atoi(m[1]) // digits, by the expression
		col, _ := strconv.Atoi(m[2])
		if line > len(lines) {
			continue
		}
		ps = append(ps, problem{offset: p.offset(token.Pos(p.base + lines[max(line, 1)-1] + max(col, 1) - 1)), msg: m[3]})
	}
	if len(ps) > 0 {
		return ps
	}
	if i := strings.LastIndex(output, "#cgo "); i >= 0 { // go/build names the line, and not where it is
		if at := strings.Index(p.Source, output[i:]); at >= 0 {
			return []problem{{offset: at, msg: strings.TrimPrefix(output, toolchain.CName+": ")}}
		}
	}
	return []problem{{offset: imp, msg: "the C part does not compile: " + strings.TrimSpace(output)}}
}

var cName = regexp.MustCompile(`\b_C(?:type|func|2func|iconst|fconst|sconst|var|fpvar_fp|macro)_|` + marker + `\d*`)

// userText returns a piece of the cell's file as the user wrote it, before cgo.
func (p *parsedCell) userText(start, end int) string {
	if p.c == nil {
		return p.text[start:end]
	}
	from, to := p.offset(token.Pos(p.base+start)), p.offset(token.Pos(p.base+end))
	return p.Source[from:max(from, to)]
}

// plainNames writes names in a message as the user does.
func plainNames(msg string) string {
	if msg == "undefined: C" {
		return msg + ` (a cell that mentions C imports it: a comment with the C code, and import "C" below it)`
	}
	return cName.ReplaceAllStringFunc(msg, func(s string) string {
		if strings.HasPrefix(s, marker) {
			return ""
		}
		return "C."
	})
}

// isCVoid reports the result of a C function without one.
func isCVoid(t types.Type) bool {
	n, ok := t.(*types.Named)
	return ok && strings.HasPrefix(n.Obj().Name(), "_Ctype_void")
}

// cFunction writes a function that cgo made, in full.
func (w *unitWriter) cFunction(c *cFunc) {
	for _, k := range c.chunks {
		if w.chunks[k.text] {
			continue
		}
		w.chunks[k.text] = true
		for _, path := range k.imports {
			w.alias(path)
		}
		for _, name := range k.types {
			if t := w.env[name]; t != nil {
				w.need(t)
			}
		}
		fmt.Fprintf(&w.out, "\n//line cgo:1\n%s\n", k.text)
	}
	if c.library != nil && !slices.Contains(w.libraries, toolchain.Path(c.library)) {
		w.libraries = append(w.libraries, toolchain.Path(c.library))
	}
}
