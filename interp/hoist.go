package interp

import (
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"mobula/interp/cell"
)

// A name that a statement of the cell declares (x := 1) is a local variable to the
// type checker, so that order and shadowing are Go's own. Where a function declared in the same
// cell uses the name, it must be a package variable instead: it is hoisted.

// findHoisted fills p.hoisted.
func (p *parsedCell) findHoisted(parts []cell.Part) {
	used := map[string]bool{}
	for _, t := range parts {
		if t.Kind == cell.Func || t.Kind == cell.Type || t.Kind == cell.Const {
			for _, id := range identifiers(p.Source[t.Code:t.End]) {
				used[id] = true
			}
		}
	}
	for again := len(used) > 0; again; {
		again = false
		for _, t := range parts {
			names, rest := declaredNames(t, p.Source)
			if !slices.ContainsFunc(names, func(n string) bool { return used[n] && !p.hoisted[n] && n != "_" }) {
				continue
			}
			again = true
			for _, n := range names {
				p.hoisted[n] = true
			}
			for _, id := range identifiers(rest) { // what it is made from must be visible too
				used[id] = true
			}
		}
	}
}

// assembleHoisted declares the hoisted names as package variables: they get their types
// here, and their values from the statements.
func (p *parsedCell) assembleHoisted(b *fileBuilder, parts []cell.Part) {
	done := map[string]bool{}
	for _, t := range parts {
		names, _ := declaredNames(t, p.Source)
		fresh := false
		for _, n := range names {
			fresh = fresh || p.hoisted[n] && !done[n]
		}
		if !fresh {
			continue
		}
		if t.Kind == cell.Var {
			b.copy(t.Code, t.End)
			for _, n := range names {
				done[n] = true
			}
		} else {
			b.WriteString("var ")
			for i, n := range names {
				if i > 0 {
					b.WriteString(", ")
				}
				if done[n] {
					n = "_"
				}
				done[n] = true
				b.WriteString(n)
			}
			b.WriteString(" = ")
			b.copy(defineAt(t, p.Source)+2, t.End)
		}
		b.WriteString("\n")
	}
}

// assembleStmt copies a statement into the body: a hoisted := becomes an assignment, a
// hoisted var leaves an empty block, where its initialisation goes later.
func (p *parsedCell) assembleStmt(b *fileBuilder, t cell.Part) {
	names, _ := declaredNames(t, p.Source)
	switch {
	case !slices.ContainsFunc(names, func(n string) bool { return p.hoisted[n] }):
		b.copy(t.Code, t.End)
	case t.Kind == cell.Var:
		b.WriteString("{}")
	default:
		at := defineAt(t, p.Source)
		b.copy(t.Code, at)
		b.WriteString(" = ")
		b.copy(at+2, t.End)
	}
	b.WriteString("\n")
}

func defineAt(t cell.Part, source string) int {
	return strings.Index(source[t.Code:t.End], ":=") + t.Code
}

// declaredNames returns the names that a part declares by := or var at its top level, and
// the source of their types and values.
func declaredNames(t cell.Part, source string) (names []string, rest string) {
	text := source[t.Code:t.End]
	switch t.Kind {
	case cell.Stmt:
		left, right, ok := strings.Cut(text, ":=")
		if !ok {
			return nil, ""
		}
		for n := range strings.SplitSeq(left, ",") {
			n = strings.TrimSpace(n)
			if !token.IsIdentifier(n) {
				return nil, ""
			}
			names = append(names, n)
		}
		return names, right
	case cell.Var:
		return varNames(text), text
	}
	return nil, ""
}

// varNames returns the names of a var declaration: the identifiers at the start of each spec.
func varNames(text string) (names []string) {
	expect := true // a name may come
	depth, grouped, first := 0, false, true
	for _, t := range tokens(text) {
		switch {
		case t.tok == token.VAR:
			continue
		case first && t.tok == token.LPAREN:
			grouped = true
		case t.tok == token.LPAREN || t.tok == token.LBRACK || t.tok == token.LBRACE:
			depth++
			expect = false
		case t.tok == token.RPAREN || t.tok == token.RBRACK || t.tok == token.RBRACE:
			depth--
		case depth == 0 && grouped && t.tok == token.SEMICOLON:
			expect = true
		case expect && depth == 0 && t.tok == token.IDENT:
			names = append(names, t.lit)
			expect = false
		case depth == 0 && t.tok == token.COMMA && len(names) > 0 && !t.valued:
			expect = true
		default:
			expect = false
		}
		first = false
	}
	return names
}

type lexeme struct {
	tok    token.Token
	lit    string
	valued bool // an = came before in this spec
}

func tokens(text string) []lexeme {
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(text)), []byte(text), nil, 0)
	var list []lexeme
	valued := false
	for {
		_, t, lit := s.Scan()
		switch t {
		case token.EOF:
			return list
		case token.ASSIGN:
			valued = true
		case token.SEMICOLON:
			valued = false
		}
		list = append(list, lexeme{t, lit, valued})
	}
}

func identifiers(text string) (ids []string) {
	for _, t := range tokens(text) {
		if t.tok == token.IDENT {
			ids = append(ids, t.lit)
		}
	}
	return ids
}
