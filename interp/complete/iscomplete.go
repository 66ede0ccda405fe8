package complete

import (
	"go/scanner"
	"go/token"
	"strings"

	"mobula/internal/magicline"

	"mobula/interp/cell"
)

// The answers of IsComplete.
const (
	StatusComplete   = "complete"
	StatusIncomplete = "incomplete"
	StatusInvalid    = "invalid"
)

// IsComplete tells whether a cell can run, lacks its end, or cannot become right by
// adding lines. indent is what the next line of an incomplete cell should start with.
func IsComplete(source string) (status, indent string) {
	lines := magicline.Find(source, goBody)
	if n := len(lines); n > 0 && lines[n-1].Cell && !goBody(lines[n-1].Name) {
		return StatusComplete, ""
	}
	text := goText(source)
	o := outlineOf(text)
	switch {
	case o.invalid:
		return StatusInvalid, ""
	case o.verbatim:
		return StatusIncomplete, ""
	case len(o.open) > 0 || o.trailing:
		return StatusIncomplete, strings.Repeat("\t", o.indent())
	}
	if len(text) > maxSource {
		return StatusComplete, "" // running it tells more
	}
	parts, err := cell.Split(text)
	if err != nil {
		return StatusInvalid, ""
	}
	for _, p := range parts {
		if p.Kind == cell.Package {
			continue
		}
		if _, ok := parsePart(p.Text(text), p.Kind == cell.Stmt); !ok {
			return StatusInvalid, ""
		}
	}
	return StatusComplete, ""
}

// outline is what the tokens of a cell tell.
type outline struct {
	invalid  bool
	verbatim bool  // ends inside a raw string or a comment
	trailing bool  // ends where a statement cannot
	open     []int // lines of the open brackets
}

// indent counts the lines that opened what is still open.
func (o outline) indent() int {
	n, last := 0, -1
	for _, line := range o.open {
		if line != last {
			n++
		}
		last = line
	}
	if o.trailing && n == 0 {
		n = 1
	}
	return n
}

var closing = map[token.Token]token.Token{
	token.RPAREN: token.LPAREN, token.RBRACK: token.LBRACK, token.RBRACE: token.LBRACE,
}

func outlineOf(text string) outline {
	var o outline
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), func(_ token.Position, msg string) {
		switch {
		case strings.Contains(msg, "raw string literal not terminated"), strings.Contains(msg, "comment not terminated"):
			o.verbatim = true
		default:
			o.invalid = true
		}
	}, 0)
	var open []token.Token
	last := token.SEMICOLON
	for {
		pos, t, lit := s.Scan()
		switch t {
		case token.EOF:
			o.trailing = last != token.SEMICOLON
			return o
		case token.LPAREN, token.LBRACK, token.LBRACE:
			open, o.open = append(open, t), append(o.open, file.Line(pos))
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if n := len(open); n == 0 || open[n-1] != closing[t] {
				o.invalid = true
			} else {
				open, o.open = open[:n-1], o.open[:n-1]
			}
		case token.ILLEGAL:
			o.invalid = true
		}
		_ = lit
		last = t
	}
}
