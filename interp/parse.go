package interp

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"mobula/interp/cell"
)

// marker is the rune that link names carry before a version number; the linker strips both
// from all that users can see. Cells may not use it.
const marker = "۰"

// parsedCell is a cell as one Go file: its declarations, then one function with its statements.
type parsedCell struct {
	Cell
	seq  int // counts the cells of a session; numbers may come twice
	fset *token.FileSet
	file *ast.File
	text string    // the file's text
	segs []segment // how text maps to the cell, ascending in text
	body *ast.FuncDecl
	// program is set where the cell has declarations only: variables are initialised in
	// dependency order, then init functions and main run.
	program bool
	hoisted map[string]bool // names that := or var declares and functions of the cell use
	imports []*ast.ImportSpec
	last    *ast.ExprStmt // the last statement, where its value may be shown
	base    int           // fset base of text
	c       *cCode        // where it imports "C"
}

// segment says that text[out:out+n] is a copy of the cell's source[in:in+n].
type segment struct{ out, in, n int }

// bodyName is the link name of a cell's statements; seq counts the cells of a session.
func bodyName(seq int) string { return fmt.Sprintf("cell%s%d", marker, seq) }

type fileBuilder struct {
	strings.Builder
	source string
	segs   []segment
}

func (b *fileBuilder) copy(start, end int) {
	b.segs = append(b.segs, segment{b.Len(), start, end - start})
	b.WriteString(b.source[start:end])
}

// parseCell splits and parses a cell. Errors are an *Error with every position.
func parseCell(fset *token.FileSet, c Cell, seq int) (*parsedCell, *Error) {
	if i := strings.Index(c.Source, marker); i >= 0 {
		return nil, compileError(c, []problem{{offset: i, msg: "the character " + marker + " (U+06F0) is reserved"}})
	}
	parts, err := cell.Split(c.Source)
	if err != nil {
		var ps []problem
		for _, e := range err.(cell.Errors) {
			ps = append(ps, problem{offset: e.Offset, msg: e.Message})
		}
		return nil, compileError(c, ps)
	}
	for _, t := range parts {
		if t.Kind == cell.Package && strings.Join(strings.Fields(c.Source[t.Code:t.End]), " ") != "package main" {
			return nil, compileError(c, []problem{{offset: t.Code, msg: "a notebook is one package, main: leave the package clause out"}})
		}
	}
	p := &parsedCell{Cell: c, seq: seq, fset: fset, hoisted: map[string]bool{}}
	p.program = !slices.ContainsFunc(parts, func(t cell.Part) bool { return t.Kind == cell.Stmt })
	if !p.program {
		p.findHoisted(parts)
	}
	b := p.assemble(parts)
	p.text, p.segs = b.String(), b.segs
	p.base = fset.Base()
	p.file, err = parser.ParseFile(fset, fmt.Sprintf("cell[%d]", c.Number), p.text, parser.ParseComments|parser.AllErrors|parser.SkipObjectResolution)
	if err != nil {
		return nil, compileError(c, p.syntaxProblems(err))
	}
	p.finish(parts)
	return p, nil
}

// assemble writes the file: imports, declarations, the function with the statements.
func (p *parsedCell) assemble(parts []cell.Part) *fileBuilder {
	b := &fileBuilder{source: p.Source}
	b.WriteString("package main\n")
	for _, wantImport := range []bool{true, false} {
		for _, t := range parts {
			isDecl := t.Kind != cell.Stmt && t.Kind != cell.Package && (t.Kind != cell.Var || p.program)
			if isDecl && (t.Kind == cell.Import) == wantImport {
				b.copy(t.Start, t.End)
				b.WriteString("\n")
			}
		}
	}
	p.assembleHoisted(b, parts)
	if p.program {
		return b
	}
	b.WriteString("func " + bodyName(p.seq) + "() {\n")
	for _, t := range parts {
		if t.Kind == cell.Stmt || t.Kind == cell.Var {
			p.assembleStmt(b, t)
		}
	}
	b.WriteString("}\n")
	return b
}

func (p *parsedCell) finish(parts []cell.Part) {
	for _, d := range p.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == bodyName(p.seq) {
			p.body = f
		}
	}
	p.imports = p.file.Imports
	if p.body == nil || len(p.body.Body.List) == 0 || p.Quiet {
		return
	}
	lastPart := parts[len(parts)-1]
	last := p.body.Body.List[len(p.body.Body.List)-1]
	if e, ok := last.(*ast.ExprStmt); ok && lastPart.Kind == cell.Stmt && !lastPart.Semicolon {
		p.last = e
	}
}

// offset returns the place in the cell of a position in the file; between copies it is
// the end of the copy before.
func (p *parsedCell) offset(pos token.Pos) int {
	out := int(pos) - p.base
	at := 0
	for _, s := range p.segs {
		if out < s.out {
			break
		}
		at = s.in + min(out-s.out, s.n)
	}
	return at
}

// owns reports whether pos lies in this cell's file.
func (p *parsedCell) owns(pos token.Pos) bool {
	return int(pos) >= p.base && int(pos) <= p.base+len(p.text)
}

// copied reports whether the byte at pos was copied from the cell.
func (p *parsedCell) copied(pos token.Pos) bool {
	out := int(pos) - p.base
	for _, s := range p.segs {
		if out >= s.out && out < s.out+s.n {
			return true
		}
	}
	return false
}

// identEnd returns where the identifier at text[start:] ends. (The syntax tree may hold
// another name by now: package names are replaced by aliases.)
func (p *parsedCell) identEnd(start int) int {
	end := strings.IndexFunc(p.text[start:], func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		return len(p.text)
	}
	return start + end
}

// textOf returns the file's text of a node.
func (p *parsedCell) textOf(n ast.Node) string {
	return p.text[int(n.Pos())-p.base : int(n.End())-p.base]
}

func (p *parsedCell) syntaxProblems(err error) []problem {
	list, ok := err.(scanner.ErrorList)
	if !ok {
		return []problem{{msg: err.Error()}}
	}
	var ps []problem
	for _, e := range list {
		pos := token.Pos(p.base + e.Pos.Offset)
		pr := problem{offset: p.offset(pos), msg: "syntax error: " + e.Msg}
		if !p.copied(pos) { // what was put around the cell's parts is not the user's
			pr.msg = strings.ReplaceAll(strings.ReplaceAll(pr.msg, "found '}'", "found the end of the statement"), "found newline", "found the end of the statement")
		}
		if len(ps) > 0 && ps[len(ps)-1].line(p.Source) == pr.line(p.Source) {
			continue // one per line: the rest are echoes
		}
		ps = append(ps, pr)
	}
	return ps
}
