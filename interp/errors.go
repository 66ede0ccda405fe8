package interp

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"mobula/interp/hostrpc"
)

// Names of errors that front ends show as ename.
const (
	nameCompile     = "compile error"
	nameInterrupted = "interrupted"
	nameHost        = "host exited"
	nameInternal    = "internal error"
	nameBuild       = "build error"
)

// problem is one compile error at a place of a cell.
type problem struct {
	offset int
	msg    string
	where  string // overrides the position: an error in code of another cell
}

func (p problem) line(source string) int {
	return strings.Count(source[:min(p.offset, len(source))], "\n") + 1
}

// position returns line and column (both from 1; columns count bytes, as Go's do).
func position(source string, offset int) (line, col int) {
	offset = min(max(offset, 0), len(source))
	before := source[:offset]
	return strings.Count(before, "\n") + 1, offset - strings.LastIndexByte(before, '\n')
}

// maxProblems bounds how many compile errors of a cell are shown.
const maxProblems = 20

const (
	red   = "\x1b[31m"
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	reset = "\x1b[0m"
)

// compileError makes one Error of all problems, in source order.
func compileError(c Cell, ps []problem) *Error {
	sort.SliceStable(ps, func(i, j int) bool { return ps[i].offset < ps[j].offset })
	e := &Error{Name: nameCompile}
	total := len(ps)
	ps = ps[:min(total, maxProblems)]
	for i, p := range ps {
		where := p.where
		line, col := position(c.Source, p.offset)
		if where == "" {
			where = fmt.Sprintf("cell[%d]:%d:%d", c.Number, line, col)
		}
		text := where + ": " + p.msg
		if i == 0 {
			e.Value = text
		}
		e.Traceback = append(e.Traceback, bold+red+where+reset+": "+p.msg)
		if p.where == "" {
			e.Traceback = append(e.Traceback, excerpt(c.Source, line, col)...)
		}
	}
	if n := total - len(ps); n > 0 {
		e.Traceback = append(e.Traceback, fmt.Sprintf("... and %d more errors", n))
	}
	if n := total - 1; n > 0 {
		e.Value += fmt.Sprintf(" (and %d more)", n)
	}
	return e
}

// excerpt shows a source line with a caret under the column.
func excerpt(source string, line, col int) []string {
	lines := strings.Split(source, "\n")
	if line < 1 || line > len(lines) || len(lines[line-1]) > 400 {
		return nil
	}
	text := lines[line-1]
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return '\t'
		}
		return ' '
	}, text[:min(col-1, len(text))])
	if !utf8.ValidString(text) {
		return nil
	}
	return []string{faint + "    " + text + reset, "    " + pad + red + "^" + reset}
}

// faultError makes an Error of what the host reports. line returns the text of a cell's line.
func faultError(f *hostrpc.Fault, line func(file string, line int) string) *Error {
	e := &Error{Name: f.Name, Value: f.Message}
	where := ""
	for _, fr := range f.Frames {
		if fr.User {
			where = fmt.Sprintf("%s:%d", fr.File, fr.Line)
			break
		}
	}
	if where != "" {
		e.Value = where + ": " + f.Message
	}
	head := bold + red + f.Name + reset + ": " + f.Message
	switch {
	case f.Handler:
		head += " (in a handler of this cell; what called it stays live and all variables are kept)"
	case f.Goroutine:
		head += " (in a goroutine of this cell, which has ended; all variables are kept)"
	}
	e.Traceback = append(e.Traceback, head)
	for _, fr := range f.Frames {
		if !fr.User {
			continue
		}
		e.Traceback = append(e.Traceback, fmt.Sprintf("  %s:%d  %s", fr.File, fr.Line, fr.Func))
		if text := line(fr.File, fr.Line); text != "" {
			e.Traceback = append(e.Traceback, faint+"      "+text+reset)
		}
	}
	return e
}

func internalError(err error) *Error {
	return &Error{Name: nameInternal, Value: err.Error(), Traceback: []string{err.Error()}}
}
