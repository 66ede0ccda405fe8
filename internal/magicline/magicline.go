// Package magicline finds the lines of a cell that are not Go but commands to the kernel:
// magics (%name, %%name) and shell lines (!command).
//
// A line is a command only where a Go statement could start: not inside a raw string,
// a comment or brackets, and not where an expression goes on. Text that no Go statement
// starts with is needed for that: % never starts one; ! does (`!done`), so a shell line
// must have its ! in the first column.
//
// # Usage
//
//	for _, l := range magicline.Find(source, isGo) { ... }
//	rest := magicline.Blank(source, lines)
//
// # Concurrency
//
// Everything is a pure function.
//
// # Testing
//
// Tables of cells; FuzzFind holds that lines are whole, in order and blanked in place.
package magicline

import (
	"bytes"
	"go/scanner"
	"go/token"
	"strings"
)

// Line is one command. A line that ends in a backslash goes on in the next.
type Line struct {
	Start, End int    // byte offsets, without the newline; of a cell magic only its line
	Name       string // word after % or %%; "!" for a shell line
	Args       string // what follows, trimmed, continuation lines joined
	Double     bool   // begins with %%
	Cell       bool   // begins with %% and rules the rest of the cell: is its first thing, or a bare %%
	Body       int    // offset behind the line
}

// Find returns the commands of a cell. goBody says of the name of a cell magic whether
// the rest of the cell is Go; where it is not, nothing is looked for behind it.
func Find(source string, goBody func(name string) bool) []Line {
	var lines []Line
	src := []byte(source)
	for off := 0; off < len(source); {
		pos, ok := nextStart(src, off)
		if !ok {
			break
		}
		l := parse(source, pos)
		l.Cell = l.Double && (l.Name == "" || strings.TrimSpace(source[:l.Start]) == "")
		lines = append(lines, l)
		if l.Cell && !goBody(l.Name) {
			break
		}
		off = l.Body
	}
	return lines
}

// nextStart scans Go from off, where a statement may start, for the next command.
func nextStart(src []byte, off int) (int, bool) {
	file := token.NewFileSet().AddFile("", -1, len(src)-off)
	var s scanner.Scanner
	s.Init(file, src[off:], func(token.Position, string) {}, 0)
	atStart, depth := true, 0
	for {
		pos, t, lit := s.Scan()
		at := off + file.Offset(pos)
		switch t {
		case token.EOF:
			return 0, false
		case token.LPAREN, token.LBRACK, token.LBRACE:
			depth++
		case token.RPAREN, token.RBRACK, token.RBRACE:
			depth = max(depth-1, 0)
		case token.SEMICOLON:
			atStart = lit == "\n" && depth == 0
			continue
		}
		if atStart && depth == 0 && isCommand(src, at) {
			return at, true
		}
		atStart = false
	}
}

func isCommand(src []byte, at int) bool {
	start := bytes.LastIndexByte(src[:at], '\n') + 1
	switch src[at] {
	case '!':
		return at == start
	case '%':
		return len(bytes.TrimLeft(src[start:at], " \t")) == 0
	}
	return false
}

func parse(source string, at int) Line {
	l := Line{Start: strings.LastIndexByte(source[:at], '\n') + 1}
	var text strings.Builder
	for end := at; ; {
		n := strings.IndexByte(source[end:], '\n')
		if n < 0 {
			l.End, l.Body = len(source), len(source)
		} else {
			l.End, l.Body = end+n, end+n+1
		}
		line, more := strings.CutSuffix(strings.TrimSuffix(source[end:l.End], "\r"), "\\")
		text.WriteString(line)
		if !more || l.Body == len(source) {
			break
		}
		end = l.Body
	}
	rest := text.String()
	if rest[0] == '!' {
		l.Name, l.Args = "!", strings.TrimSpace(rest[1:])
		return l
	}
	rest = rest[1:]
	if strings.HasPrefix(rest, "%") {
		rest, l.Double = rest[1:], true
	}
	n := strings.IndexAny(rest, " \t")
	if n < 0 {
		n = len(rest)
	}
	l.Name, l.Args = strings.TrimSpace(rest[:n]), strings.TrimSpace(rest[n:])
	return l
}

// Blank returns source with the lines replaced by spaces, so that offsets stay.
func Blank(source string, lines []Line) string {
	if len(lines) == 0 {
		return source
	}
	b := []byte(source)
	for _, l := range lines {
		for i := l.Start; i < l.End; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	return string(b)
}
