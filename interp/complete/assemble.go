package complete

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// assembler collects the parts of a cell into a file: imports, declarations, and a
// function with the statements.
type assembler struct {
	start   int // offset of the name in the cell
	imports strings.Builder
	decls   strings.Builder
	stmts   strings.Builder
	in      *strings.Builder // the one that holds the name
	at      int              // offset of the name there; -1 before it was met
}

const (
	fileHead = "package main\n"
	bodyHead = "func _() {\n"
)

// add takes a part; here says that the name is in it. Parts that do not parse are left out,
// but for the one with the name, which is repaired.
func (a *assembler) add(p cell.Part, text string, here bool, m mode) {
	to := &a.decls
	shift := 0
	switch p.Kind {
	case cell.Package:
		return
	case cell.Import:
		to = &a.imports
	case cell.Stmt:
		to = &a.stmts
	}
	stmt := p.Kind == cell.Stmt
	f, ok := parsePart(text, stmt)
	if here && m != whole {
		text = repair(text, stmt)
	} else if !ok {
		return
	} else if stmt {
		if at := define(f); at >= 0 {
			// A variable of the notebook: functions of the same cell see it too.
			text = "var " + text[:at] + " =" + text[at+len(":="):]
			to, shift = &a.decls, len("var ")
		}
	}
	if here {
		a.in, a.at = to, to.Len()+shift+a.start-p.Start
	}
	to.WriteString(text)
	to.WriteString("\n")
}

func (a *assembler) file() (string, int) {
	at := a.at
	switch a.in {
	case nil:
		return "", -1
	case &a.imports:
		at += len(fileHead)
	case &a.decls:
		at += len(fileHead) + a.imports.Len()
	case &a.stmts:
		at += len(fileHead) + a.imports.Len() + a.decls.Len() + len(bodyHead)
	}
	return fileHead + a.imports.String() + a.decls.String() + bodyHead + a.stmts.String() + "}\n", at
}

// parsePart parses one declaration or statement alone.
func parsePart(text string, stmt bool) (*ast.File, bool) {
	src := fileHead + text + "\n"
	if stmt {
		src = fileHead + bodyHead + text + "\n}\n"
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.SkipObjectResolution)
	return f, err == nil
}

// define returns the offset of := in the part that f was parsed from, if the part is a
// definition of variables; else -1.
func define(f *ast.File) int {
	if len(f.Decls) != 1 {
		return -1
	}
	d, ok := f.Decls[0].(*ast.FuncDecl)
	if !ok || d.Body == nil || len(d.Body.List) != 1 {
		return -1
	}
	s, ok := d.Body.List[0].(*ast.AssignStmt)
	if !ok || s.Tok != token.DEFINE {
		return -1
	}
	return int(s.TokPos-f.FileStart) - len(fileHead) - len(bodyHead)
}

// headers are what may be missing between a header and the end of its block.
var headers = []string{"", " {}", ":", "()", " _() {}", " = 0", " := 0 {}", " in {}", "; {}", "; ; {}"}

// repair closes what is open in text, which ends with the name, such that it parses if it can.
func repair(text string, stmt bool) string {
	inner, outer := closers(text)
	for _, h := range headers {
		fixed := text + inner + h + outer
		if _, ok := parsePart(fixed, stmt); ok {
			return fixed
		}
	}
	return text + inner + outer
}

// closers returns the brackets that end text: up to the innermost open block, and the
// rest.
func closers(text string) (inner, outer string) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	var open []token.Token
	for {
		_, t, _ := s.Scan()
		switch t {
		case token.EOF:
			var in, out strings.Builder
			to := &in
			for _, bracket := range slices.Backward(open) {
				switch bracket {
				case token.LPAREN:
					to.WriteString(")")
				case token.LBRACK:
					to.WriteString("]")
				case token.LBRACE:
					to = &out
					to.WriteString("}")
				}
			}
			return in.String(), out.String()
		case token.LPAREN, token.LBRACK, token.LBRACE:
			open = append(open, t)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
}
