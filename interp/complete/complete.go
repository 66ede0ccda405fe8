// Package complete answers what a notebook asks about the code that is being typed: which
// names may stand at the cursor, what a name is, and whether a cell is whole.
//
// It works on a Snapshot of the session and on the text of the cell, whole or not: text is
// cut at the cursor, brackets are closed, and what then parses is checked with go/types,
// whose errors are ignored.
//
// # Usage
//
//	c := complete.Complete(snapshot, source, cursor)
//	i := complete.Inspect(snapshot, source, cursor, detail)
//	status, indent := complete.IsComplete(source)
//
// Offsets are bytes.
//
// # Concurrency
//
// A Snapshot is not changed; the functions may run at the same time on the same one, if
// its Importer and functions allow that. Docs may be used from any goroutine.
//
// # Testing
//
// Tables of cells with the cursor marked; fuzz targets hold that no text is too broken.
package complete

import (
	"encoding/json"
	"fmt"
	"go/token"
	"go/types"
	"strings"

	"mobula/internal/cellio"
	"mobula/internal/magicline"
)

// maxSource bounds the text that is looked at, in bytes, and maxNesting its brackets: nobody
// types in such a cell, and go/types recurses.
const (
	maxSource  = 1 << 20
	maxNesting = 1000
)

// Snapshot is the state of a session that answers are made from. Its zero value is a
// session in which nothing ran and no package can be read.
type Snapshot struct {
	// Package holds the session's objects in its scope; nil means none.
	Package *types.Package
	// Imports are the session's imports that are in force: local name to path.
	Imports map[string]string
	// Importer reads packages. It should answer from memory or export data; nil reads none.
	Importer types.Importer
	// Std is the packages that may be used before they are imported: name to paths.
	Std map[string][]string
	// Modules lists import paths beyond the standard library, for import strings.
	Modules []string
	// Magics are the names of magics as typed: %who, %%bash.
	Magics []string
	// Dir is where relative file names start.
	Dir string
	// Docs documents packages; nil documents nothing.
	Docs *Docs
	// Source returns the text of the declaration of a session object, with its comment;
	// nil, and "", mean not known.
	Source func(types.Object) string
}

// Item is one proposal.
type Item struct {
	Text string // replaces the range
	Kind string // function, method, field, variable, constant, type, package, keyword, magic, path, module
	Type string // signature or type, one line
	Doc  string // first sentence

	rank int // lower is better
}

// Completion is what may replace source[Start:End], the best first.
type Completion struct {
	Start, End int
	Items      []Item
}

// Inspection describes the name at the cursor: media type to text.
type Inspection struct {
	Found bool
	Data  map[string]string // text/plain, text/markdown, text/html
}

// Bundle is Data as a MIME bundle.
func (i Inspection) Bundle() cellio.Data {
	d := cellio.Data{}
	for mime, text := range i.Data {
		raw, err := json.Marshal(text)
		if err != nil {
			panic(fmt.Sprintf("complete: a string did not encode: %v", err))
		}
		d[mime] = raw
	}
	return d
}

// Complete proposes what may stand at cursor, a byte offset.
func Complete(s *Snapshot, source string, cursor int) Completion {
	cursor = clamp(source, cursor)
	empty := Completion{Start: cursor, End: cursor}
	if len(source) > maxSource {
		return empty
	}
	if c, ok := completeMagic(s, source, cursor); ok {
		return c
	}
	source = goText(source)
	w := lex(source[:cursor])
	c := Completion{Start: w.start, End: cursor}
	switch {
	case w.depth > maxNesting || w.where == inComment:
		return empty
	case w.where == inString:
		c = completeString(s, source, cursor, w)
	default:
		c.Items = completeCode(s, source, cursor, w)
	}
	sortItems(c.Items)
	c.Items = c.Items[:min(len(c.Items), maxItems)]
	return c
}

// clamp moves an offset into the text and to the start of a rune.
func clamp(source string, cursor int) int {
	cursor = min(max(cursor, 0), len(source))
	for cursor > 0 && cursor < len(source) && source[cursor]&0xC0 == 0x80 {
		cursor--
	}
	return cursor
}

// goText blanks what is not Go; offsets stay.
func goText(source string) string {
	lines := magicline.Find(source, goBody)
	text := magicline.Blank(source, lines)
	if n := len(lines); n > 0 && lines[n-1].Cell && !goBody(lines[n-1].Name) {
		return text[:lines[n-1].End] + strings.Repeat(" ", len(text)-lines[n-1].End)
	}
	return text
}

// goBody names the cell magics whose body is Go.
func goBody(name string) bool { return name == "" || name == "time" }

// completeMagic completes the name of a magic; ok is false where the cursor is not in one.
func completeMagic(s *Snapshot, source string, cursor int) (Completion, bool) {
	for _, l := range magicline.Find(source, goBody) {
		body := l.Cell && !goBody(l.Name)
		if cursor < l.Start || (cursor > l.End && !body) {
			continue
		}
		c := Completion{Start: cursor, End: cursor}
		word := strings.TrimLeft(source[l.Start:cursor], " \t")
		if strings.HasPrefix(word, "%") && !strings.ContainsAny(word, " \t\n") {
			c.Start = cursor - len(word)
			c.Items = magicItems(s, word)
		} else if cursor <= l.End {
			c.Start = cursor - len(lastWord(source[l.Start:cursor]))
			c.Items = fileItems(s.Dir, source[c.Start:cursor])
			c.Start += strings.LastIndexByte(source[c.Start:cursor], '/') + 1
		}
		sortItems(c.Items)
		return c, true
	}
	return Completion{}, false
}

func lastWord(s string) string { return s[strings.LastIndexAny(s, " \t\n'\"=!")+1:] }

func magicItems(s *Snapshot, word string) []Item {
	var items []Item
	for _, m := range s.Magics {
		if strings.HasPrefix(m, word) || strings.HasPrefix(m, "%"+word) {
			items = append(items, Item{Text: m, Kind: "magic", rank: len(m) - len(strings.TrimLeft(m, "%"))})
		}
	}
	return items
}

// completeCode completes an identifier outside strings and comments.
func completeCode(s *Snapshot, source string, cursor int, w word) []Item {
	if w.where == inNumber {
		return nil
	}
	v := newView(s, source, w.start, cursor, cut)
	m := matcher{prefix: source[w.start:cursor]}
	if v == nil {
		if w.selector {
			return nil
		}
		return v.names(s, m, token.NoPos)
	}
	sel, lit := v.target()
	if sel != nil {
		return v.members(s, m, sel)
	}
	if w.selector {
		return nil
	}
	items := v.names(s, m, v.pos)
	if lit != nil {
		items = append(v.fields(m, lit), items...)
	}
	return items
}
