package complete

import (
	"go/scanner"
	"go/token"
	"strings"
	"unicode/utf8"
)

// where says what the cursor stands in.
type where uint8

const (
	inCode where = iota
	inString
	inComment
	inNumber
)

// word is what stands before the cursor.
type word struct {
	where    where
	start    int  // of the identifier, or of the string's contents
	selector bool // the identifier follows a period
	imports  bool // the string is in an import declaration
	depth    int  // brackets open, at most
}

// lex scans text, which ends at the cursor.
func lex(text string) word {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(token.Position, string) {}, scanner.ScanComments)
	w := word{start: len(text)}
	var last, before token.Token
	var lastAt, lastEnd, depth int
	group := false // inside import ( ... )
	for {
		pos, t, lit := s.Scan()
		if t == token.EOF || t == token.SEMICOLON && file.Offset(pos) >= len(text) {
			break
		}
		switch t {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			group = group || t == token.LPAREN && last == token.IMPORT
			depth++
			w.depth = max(w.depth, depth)
		case token.RPAREN, token.RBRACK, token.RBRACE:
			group = false
			depth--
		}
		before, last, lastAt = last, t, file.Offset(pos)
		lastEnd = tokenEnd(text, lastAt, t, lit)
		if t == token.IMPORT || last == token.STRING && (before == token.IMPORT || group) {
			w.imports = t == token.STRING
		} else if t == token.SEMICOLON {
			w.imports = false
		}
		w.imports = w.imports || group
	}
	w.finish(text, last, before, lastAt, lastEnd)
	return w
}

func (w *word) finish(text string, last, before token.Token, at, end int) {
	switch {
	case last == token.COMMENT && inside(text, at, end):
		w.where = inComment
	case (last == token.STRING || last == token.CHAR) && inside(text, at, end):
		w.where, w.start = inString, at+1
		w.imports = w.imports || before == token.IMPORT
	case (last == token.INT || last == token.FLOAT || last == token.IMAG) && end == len(text):
		w.where = inNumber
	case (last == token.IDENT || last.IsKeyword()) && end == len(text):
		w.start, w.selector = at, before == token.PERIOD
	case last == token.PERIOD:
		w.selector = true
	}
}

// inside reports whether a comment, string or rune literal that reaches the end of text
// is still open there.
func inside(text string, at, end int) bool {
	if end < len(text) {
		return false
	}
	lit := text[at:end]
	switch {
	case strings.HasPrefix(lit, "//"):
		return true
	case strings.HasPrefix(lit, "/*"):
		return len(lit) < 4 || !strings.HasSuffix(lit, "*/")
	case lit[0] == '`':
		return len(lit) < 2 || !strings.HasSuffix(lit, "`")
	}
	return !closed(lit)
}

// closed reports whether a quoted literal ends in its quote, unescaped.
func closed(lit string) bool {
	for i := 1; i < len(lit); i++ {
		switch lit[i] {
		case '\\':
			i++
		case lit[0]:
			return i == len(lit)-1
		}
	}
	return false
}

// tokenEnd is the offset behind a token; literals lack carriage returns, so their length
// in the source may be greater.
func tokenEnd(text string, at int, t token.Token, lit string) int {
	switch {
	case t == token.SEMICOLON:
		return at
	case t == token.ILLEGAL:
		_, n := utf8.DecodeRuneInString(text[at:])
		return at + n
	case t == token.COMMENT && strings.HasPrefix(lit, "/*"):
		if n := strings.Index(text[at+2:], "*/"); n >= 0 {
			return at + 2 + n + 2
		}
		return len(text)
	case t == token.COMMENT:
		if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
			return at + n
		}
		return len(text)
	case t == token.STRING && text[at] == '`':
		if n := strings.IndexByte(text[at+1:], '`'); n >= 0 {
			return at + 1 + n + 1
		}
		return len(text)
	case t.IsOperator():
		return at + len(t.String())
	}
	return min(at+len(lit), len(text))
}
