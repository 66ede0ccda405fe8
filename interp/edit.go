package interp

import (
	"go/ast"
	"slices"
	"strings"
)

// An edit replaces source text by unit text. Exactly one of text, name, d and pkg tells
// what comes instead.
type edit struct {
	start, end int    // in the text of the source cell; equal for an insertion
	text       string // literal text
	name       string // the current link name of this session name
	d          *decl  // the link name of this declaration, be it current or not
	pkg        string // the alias of this import path
	tail       string // follows name, d or pkg
}

// editList collects edits of one source text.
type editList struct {
	src   *parsedCell
	edits []edit
}

func (l *editList) add(e edit) { l.edits = append(l.edits, e) }

func (l *editList) at(pos ast.Node) int { return int(pos.Pos()) - l.src.base }

func (l *editList) replace(start, end int, text string) {
	l.add(edit{start: start, end: end, text: text})
}

func (l *editList) insert(at int, text string) { l.replace(at, at, text) }

// render returns src.text[start:end] with the edits that lie inside applied. Of edits at the
// same place the first added comes first. Edits inside a replaced range are void.
func (w *unitWriter) render(src *parsedCell, start, end int, edits []edit) string {
	inside := make([]edit, 0, len(edits))
	for _, e := range edits {
		if e.start >= start && e.end <= end {
			inside = append(inside, e)
		}
	}
	slices.SortStableFunc(inside, func(a, b edit) int { return a.start - b.start })
	var b strings.Builder
	at := start
	for _, e := range inside {
		if e.start < at {
			continue
		}
		b.WriteString(src.text[at:e.start])
		b.WriteString(w.resolve(e))
		at = e.end
	}
	b.WriteString(src.text[at:end])
	return b.String()
}

// resolve returns an edit's text and notes what the unit needs for it.
func (w *unitWriter) resolve(e edit) string {
	switch {
	case e.d != nil:
		w.need(e.d)
		return e.d.link + e.tail
	case e.name != "":
		if d := w.env[e.name]; d != nil {
			w.need(d)
			return d.link + e.tail
		}
		return e.name + e.tail
	case e.pkg != "":
		return w.alias(e.pkg) + e.tail
	}
	return e.text
}
