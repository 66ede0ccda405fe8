package interp

import (
	"fmt"
	"go/scanner"
	"go/token"
	"strings"
)

// cText writes the text that cgo made of a cell, renaming as it goes, and finds again where each token comes from.
type cText struct {
	from      *parsedCell // with the text that cgo read
	rename    func(string) string
	out       strings.Builder
	segs      []segment
	mentioned map[string]bool // identifiers, as cgo wrote them

	lines []int // starts of the lines of from.text
	end   int   // in the text read
	same  int   // offset in from.text of what follows where it goes on unchanged, or -1
}

// write copies text.
func (b *cText) write(text string) error {
	b.lines, b.mentioned, b.same = lineStarts(b.from.text), map[string]bool{}, -1
	fset := token.NewFileSet()
	file := fset.AddFile("", -1, len(text))
	var errs scanner.ErrorList
	var sc scanner.Scanner
	sc.Init(file, []byte(text), errs.Add, scanner.ScanComments)
	for {
		pos, tok, lit := sc.Scan()
		if tok == token.EOF {
			b.out.WriteString(text[b.end:])
			return errs.Err()
		}
		if tok == token.SEMICOLON && lit != ";" {
			continue
		}
		start := file.Offset(pos)
		end := start + len(lit)
		if tok.IsOperator() {
			end = start + len(tok.String())
		}
		if tok == token.COMMENT && strings.HasPrefix(lit, "/*line :") {
			b.gap(text, start)
			b.lineComment(lit)
			b.end = end
			continue
		}
		at := file.PositionFor(pos, true)
		b.token(text, start, end, tok == token.IDENT, b.offset(at.Line, at.Column))
	}
}

func lineStarts(text string) []int {
	starts := []int{0}
	for i := range len(text) {
		if text[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

// offset returns the place in from.text of a line and column.
func (b *cText) offset(line, col int) int {
	if line < 1 || line > len(b.lines) {
		return len(b.from.text)
	}
	return min(b.lines[line-1]+max(col, 1)-1, len(b.from.text))
}

// gap copies what lies before the next token.
func (b *cText) gap(text string, start int) {
	b.out.WriteString(text[b.end:start])
	b.end = start
}

// lineComment writes a position for the compiler, as one of the user's source.
func (b *cText) lineComment(lit string) {
	var line, col int
	if _, err := fmt.Sscanf(lit, "/*line :%d:%d*/", &line, &col); err != nil {
		return
	}
	line, col = position(b.from.Source, b.from.offset(token.Pos(b.from.base+b.offset(line, col))))
	fmt.Fprintf(&b.out, "/*line :%d:%d*/", line, col)
	b.same = -1
}

// token copies one token, which stands at offset at of the text that cgo read if it was there at all.
func (b *cText) token(text string, start, end int, ident bool, at int) {
	lit, gap := text[start:end], text[b.end:start]
	src := b.from.text
	found := strings.HasPrefix(src[at:], lit)
	goesOn := found && b.same >= 0 && b.same+len(gap) == at && strings.HasSuffix(src[:at], gap)
	b.gap(text, start)
	b.end = end
	name := lit
	if ident {
		b.mentioned[lit] = true
		name = b.rename(lit)
	}
	switch {
	case !found || name != lit:
		b.segs = append(b.segs, segment{b.out.Len(), b.from.offset(token.Pos(b.from.base + at)), 0})
		b.same = -1
	case goesOn:
		b.copied(b.out.Len()-len(gap), at-len(gap), len(gap)+len(lit))
		b.same = at + len(lit)
	default:
		b.copied(b.out.Len(), at, len(lit))
		b.same = at + len(lit)
	}
	b.out.WriteString(name)
}

// copied notes that n bytes at out are those of from.text at in, as far as these are the user's.
func (b *cText) copied(out, in, n int) {
	user := false
	for _, s := range b.from.segs {
		start, end := max(in, s.out), min(in+n, s.out+s.n)
		if start >= end {
			continue
		}
		user = true
		seg := segment{out + start - in, s.in + start - s.out, end - start}
		if k := len(b.segs) - 1; k >= 0 && b.segs[k].n > 0 && b.segs[k].out+b.segs[k].n == seg.out && b.segs[k].in+b.segs[k].n == seg.in {
			b.segs[k].n += seg.n
		} else {
			b.segs = append(b.segs, seg)
		}
	}
	if !user {
		b.segs = append(b.segs, segment{out, b.from.offset(token.Pos(b.from.base + in)), 0})
	}
}
