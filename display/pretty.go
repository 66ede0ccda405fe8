package display

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of the text form of one value.
const (
	maxDepth  = 8
	maxItems  = 100  // elements of one container
	maxNodes  = 5000 // values in all
	maxString = 4 << 10
	lineWidth = 80 // runes, above which a composite gets a line per element
)

// Sprint returns v as Go-like text: strings quoted, structs with their field names,
// containers and nesting cut to a readable size, cycles marked. Methods of exported
// parts (String, Error) are used; unexported fields are only read.
func Sprint(v any) string {
	if v == nil {
		return "nil"
	}
	p := &printer{left: maxNodes, seen: map[visit]bool{}}
	var b strings.Builder
	p.node(reflect.ValueOf(v), 0, true).write(&b, 0)
	return clip(b.String(), maxText)
}

// node is a piece of text: a leaf, or open items close.
type node struct {
	key   string // "Name: " before an item
	text  string // a leaf, or what opens a composite
	items []node
	end   string // closes a composite; "" for a leaf
}

// width counts bytes on one line, and stops counting where it is too wide anyway.
func (n node) width() int {
	w := len(n.key) + len(n.text) + len(n.end)
	if strings.Contains(n.text, "\n") {
		return 2 * lineWidth
	}
	for _, it := range n.items {
		if w += it.width() + 2; w > lineWidth {
			break
		}
	}
	return w
}

func (n node) write(b *strings.Builder, indent int) {
	b.WriteString(n.key)
	b.WriteString(n.text)
	wide := len(n.items) > 0 && n.width()+4*indent > lineWidth
	for i, it := range n.items {
		switch {
		case wide:
			b.WriteString("\n" + strings.Repeat("    ", indent+1))
		case i > 0:
			b.WriteString(", ")
		}
		it.write(b, indent+1)
		if wide {
			b.WriteString(",")
		}
	}
	if wide {
		b.WriteString("\n" + strings.Repeat("    ", indent))
	}
	b.WriteString(n.end)
}

// visit is a reference on the path from the root; meeting it again is a cycle.
type visit struct {
	ptr uintptr
	typ reflect.Type
	len int
}

type printer struct {
	left int // nodes that may still be made
	seen map[visit]bool
}

func leaf(s string) node { return node{text: s} }

// node describes v; typed tells that the text must name v's type (it is not known from
// the container around it).
func (p *printer) node(v reflect.Value, depth int, typed bool) node {
	if !v.IsValid() {
		return leaf("nil")
	}
	if p.left--; p.left < 0 || depth > maxDepth {
		return leaf("…")
	}
	if s, ok := p.method(v, depth); ok {
		return leaf(s)
	}
	switch v.Kind() {
	case reflect.Pointer:
		return p.pointer(v, depth, typed)
	case reflect.Interface:
		if v.IsNil() {
			return leaf("nil")
		}
		return p.node(v.Elem(), depth, true)
	case reflect.Struct:
		return p.structure(v, depth)
	case reflect.Slice, reflect.Array:
		return p.list(v, depth)
	case reflect.Map:
		return p.dictionary(v, depth)
	}
	return leaf(scalar(v, typed))
}

// method uses v's own text. At the root the caller did that already; a value reached
// through an unexported field is never called, as its owner's lock is not ours.
func (p *printer) method(v reflect.Value, depth int) (string, bool) {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return time.Duration(v.Int()).String(), true
	}
	if depth == 0 || !v.CanInterface() || v.Kind() == reflect.Interface {
		return "", false
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		return "", false
	}
	switch m := v.Interface().(type) {
	case error:
		return clip(m.Error(), maxString), true
	case fmt.Stringer:
		return clip(m.String(), maxString), true
	}
	return "", false
}

// enter marks a reference as being printed; ok is false inside a cycle.
func (p *printer) enter(v reflect.Value, n int) (leave func(), ok bool) {
	k := visit{v.Pointer(), v.Type(), n}
	if p.seen[k] {
		return nil, false
	}
	p.seen[k] = true
	return func() { delete(p.seen, k) }, true
}

func (p *printer) pointer(v reflect.Value, depth int, typed bool) node {
	if v.IsNil() {
		if typed {
			return leaf("(" + typeName(v.Type()) + ")(nil)")
		}
		return leaf("nil")
	}
	leave, ok := p.enter(v, 0)
	if !ok {
		return leaf("<cycle " + typeName(v.Type()) + ">")
	}
	defer leave()
	n := p.node(v.Elem(), depth+1, true)
	n.text = "&" + n.text
	return n
}

func (p *printer) structure(v reflect.Value, depth int) node {
	t := v.Type()
	n := node{text: typeName(t) + "{", end: "}"}
	for i := range t.NumField() {
		item := p.node(v.Field(i), depth+1, false)
		item.key = t.Field(i).Name + ": "
		n.items = append(n.items, item)
	}
	return n
}

func (p *printer) list(v reflect.Value, depth int) node {
	name := typeName(v.Type())
	if v.Kind() == reflect.Slice {
		if v.IsNil() {
			return leaf(name + "(nil)")
		}
		leave, ok := p.enter(v, v.Len())
		if !ok {
			return leaf("<cycle " + name + ">")
		}
		defer leave()
	}
	n := node{text: name + "{", end: "}"}
	for i := range min(v.Len(), maxItems) {
		n.items = append(n.items, p.node(v.Index(i), depth+1, false))
	}
	return n.more(v.Len())
}

func (n node) more(length int) node {
	if length > maxItems {
		n.items = append(n.items, leaf(fmt.Sprintf("… %d more", length-maxItems)))
	}
	return n
}

func (p *printer) dictionary(v reflect.Value, depth int) node {
	name := typeName(v.Type())
	if v.IsNil() {
		return leaf(name + "(nil)")
	}
	leave, ok := p.enter(v, 0)
	if !ok {
		return leaf("<cycle " + name + ">")
	}
	defer leave()
	n := node{text: name + "{", end: "}"}
	for _, k := range sortedKeys(v)[:min(v.Len(), maxItems)] {
		var b strings.Builder
		p.node(k, depth+1, false).write(&b, 0)
		item := p.node(v.MapIndex(k), depth+1, false)
		item.key = b.String() + ": "
		n.items = append(n.items, item)
	}
	return n.more(v.Len())
}

// sortedKeys returns the keys of a map in a stable order.
func sortedKeys(m reflect.Value) []reflect.Value {
	keys := m.MapKeys()
	slices.SortStableFunc(keys, func(a, b reflect.Value) int {
		if a.Kind() == reflect.Interface {
			a, b = a.Elem(), b.Elem()
		}
		if a.Kind() != b.Kind() {
			return cmp.Compare(a.Kind(), b.Kind())
		}
		switch {
		case a.CanInt():
			return cmp.Compare(a.Int(), b.Int())
		case a.CanUint():
			return cmp.Compare(a.Uint(), b.Uint())
		case a.CanFloat():
			return cmp.Compare(a.Float(), b.Float())
		case a.Kind() == reflect.String:
			return cmp.Compare(a.String(), b.String())
		case a.Kind() == reflect.Pointer || a.Kind() == reflect.Chan:
			return cmp.Compare(a.Pointer(), b.Pointer())
		}
		p, q := &printer{left: 50, seen: map[visit]bool{}}, &printer{left: 50, seen: map[visit]bool{}}
		var s, t strings.Builder
		p.node(a, 1, false).write(&s, 0)
		q.node(b, 1, false).write(&t, 0)
		return cmp.Compare(s.String(), t.String())
	})
	return keys
}

// scalar prints what has no parts. Named types are told only where typed is set.
func scalar(v reflect.Value, typed bool) string {
	var s string
	switch {
	case v.Kind() == reflect.String:
		s = strconv.Quote(clip(v.String(), stringLimit(typed)))
	case v.Kind() == reflect.Bool:
		s = strconv.FormatBool(v.Bool())
	case v.CanInt():
		s = strconv.FormatInt(v.Int(), 10)
	case v.CanUint():
		s = strconv.FormatUint(v.Uint(), 10)
	case v.CanFloat():
		s = strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits())
	case v.CanComplex():
		s = strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits())
	default:
		return reference(v)
	}
	if typed && v.Type().PkgPath() != "" {
		return typeName(v.Type()) + "(" + s + ")"
	}
	return s
}

func stringLimit(root bool) int {
	if root {
		return maxText / 2
	}
	return maxString
}

func reference(v reflect.Value) string {
	name := typeName(v.Type())
	switch v.Kind() {
	case reflect.Chan:
		if v.IsNil() {
			return "(" + name + ")(nil)"
		}
		return fmt.Sprintf("%s (len %d, cap %d)", name, v.Len(), v.Cap())
	case reflect.Func:
		if v.IsNil() {
			return "(" + name + ")(nil)"
		}
		return name
	}
	return fmt.Sprintf("%s(0x%x)", name, v.Pointer())
}

// typeName is the type as the user of a notebook writes it: its own types without main.
func typeName(t reflect.Type) string { return trimMain(t.String()) }

func trimMain(s string) string {
	s = strings.ReplaceAll(s, "interface {}", "any")
	var b strings.Builder
	for {
		i := strings.Index(s, "main.")
		if i < 0 {
			break
		}
		// domain.T is of another package.
		if i == 0 || !isWord(s[i-1]) {
			b.WriteString(s[:i])
		} else {
			b.WriteString(s[:i+len("main.")])
		}
		s = s[i+len("main."):]
	}
	return b.String() + s
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}
