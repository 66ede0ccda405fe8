// Package cell splits the source of a notebook cell, where declarations and statements may
// stand in any order, into its top-level parts. It knows tokens only, so that it also
// works on cells that do not parse.
//
// # Usage
//
//	parts, err := cell.Split(source)
//
// # Concurrency
//
// Everything is a pure function.
//
// # Testing
//
// Tables of cells; FuzzSplit holds that parts do not overlap and cover all tokens.
package cell

import (
	"fmt"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind says what a part is.
type Kind uint8

// The kinds of parts.
const (
	Package Kind = iota // package clause: allowed, and ignored
	Import
	Const
	Type
	Var
	Func // function or method declaration
	Stmt
)

// Part is one top-level declaration or statement of a cell.
type Part struct {
	Kind       Kind
	Start, End int  // byte offsets; Start includes the comment block right above
	Code       int  // offset of the first token
	Semicolon  bool // ended by an explicit semicolon
}

// Text returns the part's source.
func (p Part) Text(source string) string { return source[p.Start:p.End] }

// Error is a lexical error at a byte offset of the cell.
type Error struct {
	Offset  int
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errors is a list of lexical errors in the order of their offsets.
type Errors []*Error

// Error returns the first message and how many there are.
func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Message
	}
	return fmt.Sprintf("%s (and %d more errors)", e[0].Message, len(e)-1)
}

type tok struct {
	tok      token.Token
	pos, end int
	auto     bool // an automatic semicolon
}

// Split returns the parts of a cell in source order. The error is an Errors; the parts
// found are returned with it.
func Split(source string) ([]Part, error) {
	toks, comments, errs := scan(source)
	if deep := nesting(toks); deep != nil {
		return nil, append(errs, deep)
	}
	var parts []Part
	for i := 0; i < len(toks); {
		if toks[i].tok == token.SEMICOLON {
			i++
			continue
		}
		end, depth := partEnd(toks, i)
		if depth < 0 {
			errs = append(errs, &Error{toks[end].pos, "unexpected " + toks[end].tok.String() + ", nothing is open here"})
			end++
		}
		last := toks[max(end-1, i)]
		p := Part{Kind: kindOf(toks[i:end]), Code: toks[i].pos, End: last.end}
		p.Start = docStart(source, comments, p.Code)
		if len(parts) > 0 {
			p.Start = max(p.Start, parts[len(parts)-1].End)
		}
		p.Semicolon = end < len(toks) && toks[end].tok == token.SEMICOLON && !toks[end].auto
		parts = append(parts, p)
		i = max(end, i+1)
	}
	if len(errs) > 0 {
		return parts, errs
	}
	return parts, nil
}

// scan returns the tokens and the comments of source.
func scan(source string) (toks, comments []tok, errs Errors) {
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), func(pos token.Position, msg string) {
		errs = append(errs, &Error{pos.Offset, msg})
	}, scanner.ScanComments)
	for {
		pos, t, lit := s.Scan()
		if t == token.EOF {
			return toks, comments, errs
		}
		k := tok{tok: t, pos: file.Offset(pos), auto: t == token.SEMICOLON && lit != ";"}
		k.end = k.pos + len(lit)
		if t.IsOperator() && t != token.SEMICOLON {
			k.end = k.pos + len(t.String())
		}
		if t == token.ILLEGAL { // the literal is not the source's bytes where these are not UTF-8
			_, n := utf8.DecodeRuneInString(source[k.pos:])
			k.end = k.pos + n
		}
		k.end = min(k.end, len(source))
		if k.auto {
			k.end = k.pos
		}
		if t == token.COMMENT {
			k.end = commentEnd(source, k.pos)
			comments = append(comments, k)
			continue
		}
		if t == token.STRING && strings.HasPrefix(source[k.pos:], "`") { // the literal lacks carriage returns
			if n := strings.IndexByte(source[k.pos+1:], '`'); n >= 0 {
				k.end = k.pos + n + 2
			}
		}
		toks = append(toks, k)
	}
}

func commentEnd(source string, pos int) int {
	open, shut := "//", "\n"
	if strings.HasPrefix(source[pos:], "/*") {
		open, shut = "/*", "*/"
	}
	n := strings.Index(source[pos+len(open):], shut)
	if n < 0 {
		return len(source)
	}
	end := pos + len(open) + n
	if shut == "*/" {
		end += len(shut)
	}
	return end
}

// Limits of nesting, far above what people write: deeper cells would exhaust the parser
// and the type checker.
const (
	maxDepth  = 1000
	maxPrefix = 2000 // operators and brackets in a row: [][][]..., ****...
)

// nesting reports where a cell is nested too deep.
func nesting(toks []tok) *Error {
	depth, row := 0, 0
	for _, t := range toks {
		switch t.tok {
		case token.LPAREN, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACE:
			depth = max(depth-1, 0)
		case token.LBRACK, token.RBRACK, token.MUL, token.ARROW, token.NOT, token.SUB, token.ADD, token.XOR, token.AND, token.FUNC, token.CHAN, token.MAP:
			row++
			if row > maxPrefix {
				return &Error{t.pos, fmt.Sprintf("nested too deep: over %d operators in a row", maxPrefix)}
			}
			continue
		}
		row = 0
		if depth > maxDepth {
			return &Error{t.pos, fmt.Sprintf("nested too deep: over %d open brackets", maxDepth)}
		}
	}
	return nil
}

// partEnd returns the index of the token that ends the part starting at toks[i]: a
// semicolon outside of brackets, a closing bracket too many (depth -1), or the end.
func partEnd(toks []tok, i int) (end, depth int) {
	header, literal := false, false // in the header of for, if or switch; func there, so that its block is not the body
	for ; i < len(toks); i++ {
		switch toks[i].tok {
		case token.FOR, token.IF, token.SWITCH:
			header = header || depth == 0
		case token.FUNC:
			literal = literal || depth == 0
		case token.LBRACE:
			if depth == 0 {
				header, literal = header && literal, false
			}
			depth++
		case token.LPAREN, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth--; depth < 0 {
				return i, depth
			}
		case token.SEMICOLON:
			if depth == 0 && (!header || toks[i].auto) {
				return i, 0
			}
		}
	}
	return i, depth
}

func kindOf(toks []tok) Kind {
	switch toks[0].tok {
	case token.PACKAGE:
		return Package
	case token.IMPORT:
		return Import
	case token.CONST:
		return Const
	case token.TYPE:
		return Type
	case token.VAR:
		return Var
	case token.FUNC:
		if isFuncDecl(toks) {
			return Func
		}
	}
	return Stmt
}

// isFuncDecl tells func f(...) and func (r T) m(...) from a function literal.
func isFuncDecl(toks []tok) bool {
	if len(toks) < 2 || toks[1].tok == token.IDENT {
		return len(toks) >= 2
	}
	depth := 0
	for i := 1; i < len(toks); i++ {
		switch toks[i].tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if depth--; depth == 0 {
				return i+2 < len(toks) && toks[i+1].tok == token.IDENT && toks[i+2].tok == token.LPAREN
			}
		}
	}
	return false
}

// docStart returns where the comments that touch the code at offset code begin: blocks
// that end on the line above, upwards.
func docStart(source string, comments []tok, code int) int {
	start := code
	for _, c := range slices.Backward(comments) {
		if c.end > start {
			continue
		}
		between := source[c.end:start]
		if strings.TrimSpace(between) != "" || strings.Count(between, "\n") > 1 {
			break
		}
		if lineStart := strings.LastIndexByte(source[:c.pos], '\n') + 1; strings.TrimSpace(source[lineStart:c.pos]) != "" {
			break // a comment behind code
		}
		start = c.pos
	}
	return start
}
