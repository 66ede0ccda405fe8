package magic

import (
	"strings"

	"mobula/internal/magicline"
)

// Go returns a cell with all that is not Go turned into spaces of the same length, so that
// offsets and lines stay: what completion and inspection look at.
func (r *Registry) Go(source string) string {
	lines := magicline.Find(source, r.goBody)
	if len(lines) == 0 {
		return source
	}
	b := []byte(source)
	for _, l := range lines {
		end := l.End
		switch m := r.magics[prefix(l.Double)+l.Name]; {
		case l.Cell && l.Name != "" && !m.GoBody:
			end = len(b)
		case m.GoArgs:
			end = nameEnd(source, l)
		}
		for i := l.Start; i < end; i++ {
			if b[i] != '\n' {
				b[i] = ' '
			}
		}
	}
	return string(b)
}

// Complete returns the names that go on with the magic name in which the cursor (a byte offset)
// stands, and the start of that name. ok is false where the cursor is in no such name.
func (r *Registry) Complete(source string, cursor int) (start int, names []string, ok bool) {
	start, _, ok = r.name(source, cursor)
	if !ok {
		return 0, nil, false
	}
	for _, name := range r.Names() {
		if strings.HasPrefix(name, source[start:cursor]) {
			names = append(names, name)
		}
	}
	return start, names, true
}

// At returns the magic in whose name the cursor stands.
func (r *Registry) At(source string, cursor int) (Magic, bool) {
	start, end, ok := r.name(source, cursor)
	if !ok {
		return Magic{}, false
	}
	return r.Lookup(source[start:end])
}

// name returns where the magic name is in which the cursor stands.
func (r *Registry) name(source string, cursor int) (start, end int, ok bool) {
	for _, l := range magicline.Find(source, r.goBody) {
		if l.Name == "!" {
			continue
		}
		start = l.Start + strings.IndexByte(source[l.Start:], '%')
		if end = nameEnd(source, l); start < cursor && cursor <= end {
			return start, end, true
		}
	}
	return 0, 0, false
}

// Lookup returns the magic that a cell's text such as %time or %%bash names.
func (r *Registry) Lookup(name string) (Magic, bool) {
	m, ok := r.magics[name]
	return m, ok
}

// nameEnd is the offset behind the name of a magic line.
func nameEnd(source string, l magicline.Line) int {
	at := l.Start + strings.IndexByte(source[l.Start:], '%')
	for at < len(source) && source[at] == '%' {
		at++
	}
	return min(at+len(l.Name), l.End)
}
