package codec

import (
	"encoding/binary"
	"hash/fnv"
	"reflect"
	"strconv"
	"strings"
)

// Fingerprint returns a number that differs for types of different structure: kinds, names
// and offsets of fields, lengths of arrays, methods of interfaces, and the same of all types
// that are reached from there.
func Fingerprint(t reflect.Type) uint64 { return infoOf(t).fingerprint() }

func computeFingerprint(t reflect.Type) uint64 {
	f := fingerprinter{seen: map[reflect.Type]int{}}
	f.visit(t)
	sum := fnv.New64a()
	sum.Write(f.text)
	return sum.Sum64()
}

// fingerprinter writes the structure as text; a type that was met before is a number there.
type fingerprinter struct {
	text []byte
	seen map[reflect.Type]int
}

func (f *fingerprinter) number(n uint64) { f.text = binary.AppendUvarint(f.text, n) }
func (f *fingerprinter) string(s string) { f.number(uint64(len(s))); f.text = append(f.text, s...) }
func (f *fingerprinter) types(n int, of func(int) reflect.Type) {
	f.number(uint64(n))
	for i := range n {
		f.visit(of(i))
	}
}

func (f *fingerprinter) visit(t reflect.Type) {
	if n, ok := f.seen[t]; ok {
		f.number(uint64(n) + 64) // beyond all kinds
		return
	}
	f.seen[t] = len(f.seen)
	f.number(uint64(t.Kind()))
	f.string(t.Name())
	f.number(uint64(t.Size()))
	switch t.Kind() {
	case reflect.Array:
		f.number(uint64(t.Len()))
		f.visit(t.Elem())
	case reflect.Pointer, reflect.Slice:
		f.visit(t.Elem())
	case reflect.Chan:
		f.number(uint64(t.ChanDir()))
		f.visit(t.Elem())
	case reflect.Map:
		f.visit(t.Key())
		f.visit(t.Elem())
	case reflect.Struct:
		f.number(uint64(t.NumField()))
		for field := range t.Fields() {
			f.string(field.Name)
			f.number(uint64(field.Offset))
			f.visit(field.Type)
		}
	case reflect.Func:
		f.types(t.NumIn(), t.In)
		f.types(t.NumOut(), t.Out)
	case reflect.Interface:
		f.number(uint64(t.NumMethod()))
		for m := range t.Methods() {
			f.string(m.Name)
			f.visit(m.Type)
		}
	}
}

// maxDescription bounds what one type adds to a message.
const maxDescription = 1 << 10

// Describe returns the structure of a type in words: its fields and those of the structs
// that it is made of or points to.
func Describe(t reflect.Type) string { return infoOf(t).description() }

func computeDescription(t reflect.Type) string {
	d := describer{seen: map[reflect.Type]bool{}}
	d.explain(t)
	for i := 0; i < len(d.todo) && d.text.Len() < maxDescription; i++ {
		d.text.WriteString("; " + d.todo[i].String() + " is ")
		d.explain(d.todo[i])
	}
	text := d.text.String()
	if len(text) > maxDescription {
		text = strings.ToValidUTF8(text[:maxDescription], "") + " ..."
	}
	return text
}

type describer struct {
	text strings.Builder
	seen map[reflect.Type]bool
	todo []reflect.Type // named types that the text mentions
}

// explain writes the structure of t one level deep.
func (d *describer) explain(t reflect.Type) {
	d.seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		d.text.WriteString("struct of " + strconv.Itoa(int(t.Size())) + " bytes {")
		for i := range t.NumField() {
			if i > 0 {
				d.text.WriteString("; ")
			}
			d.text.WriteString(t.Field(i).Name + " ")
			d.mention(t.Field(i).Type)
		}
		d.text.WriteString("}")
	case reflect.Pointer:
		d.text.WriteString("pointer to ")
		d.mention(t.Elem())
	case reflect.Slice:
		d.text.WriteString("slice of ")
		d.mention(t.Elem())
	case reflect.Array:
		d.text.WriteString("array of " + strconv.Itoa(t.Len()) + " ")
		d.mention(t.Elem())
	case reflect.Map:
		d.text.WriteString("map from ")
		d.mention(t.Key())
		d.text.WriteString(" to ")
		d.mention(t.Elem())
	case reflect.Interface:
		d.text.WriteString("interface with the methods {")
		for m := range t.Methods() {
			d.text.WriteString(" " + m.Name)
		}
		d.text.WriteString(" }")
	default:
		d.text.WriteString(t.Kind().String())
	}
}

// mention writes the name of t, and notes the named types in it that are worth explaining.
func (d *describer) mention(t reflect.Type) {
	d.text.WriteString(t.String())
	for t.Name() == "" {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
			continue
		}
		return
	}
	if t.PkgPath() != "" && !d.seen[t] && t.Kind() != reflect.Func {
		d.seen[t] = true
		d.todo = append(d.todo, t)
	}
}
