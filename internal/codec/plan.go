package codec

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"reflect"
	"slices"
	"unsafe"
)

// plan is the tables of a message that was decoded.
type plan struct {
	into    reflect.Type
	roots   []decodedRoot // of the funcs
	progs   []*program    // of what they capture
	strings []string
	statics []planStatic
}

type planStatic struct {
	text []byte
	p    unsafe.Pointer
}

// planOf returns the plan of a message that was decoded, nil if it has none.
func (d *decoder) planOf(t reflect.Type, contents, tableStrings int) *plan {
	if t.Kind() != reflect.Func || len(d.funcs) == 0 || len(d.funcs) > maxShapeFuncs || len(d.maps)+len(d.customs)+len(d.syncMaps)+d.used > 0 {
		return nil
	}
	s := &plan{into: t, strings: slices.Clone(d.strings[:tableStrings])}
	object := 1
	for i := range d.funcs {
		f := &d.funcs[i]
		s.roots = append(s.roots, *f.root)
		var prog *program
		if f.root.info != nil {
			if object >= len(d.objects) || d.objects[object].p != f.captures || d.objects[object].n != 1 {
				return nil
			}
			prog = d.objects[object].prog
			if !prog.shapely() || prog.typ != f.root.info.typ {
				return nil
			}
			object++
		}
		s.progs = append(s.progs, prog)
	}
	if object != len(d.objects) {
		return nil
	}
	again := &decoder{h: d.h, b: d.b, pos: contents, strings: slices.Clone(s.strings)}
	if !again.contents(s, nil, true) || again.pos != len(d.b) {
		return nil
	}
	return s
}

// shaped decodes a message by the plan of its tables. If none fits nothing has changed.
func (d *decoder) shaped(tables []byte, t reflect.Type, into unsafe.Pointer) bool {
	shapes := d.h.Shapes()
	if shapes == nil {
		return false
	}
	s, ok := shapes.decoded.Load(mark(tables), unsafe.String(unsafe.SliceData(tables), len(tables)))
	if !ok || s.into != t {
		return false
	}
	before := d.pos
	d.pos += len(tables)
	d.strings = append(d.strings, s.strings...)
	if d.contents(s, into, false) && d.pos == len(d.b) {
		return true
	}
	d.pos, d.err, d.strings = before, nil, d.strings[:0]
	return false
}

// contents reads what follows the tables, and makes the funcs; to learn, it does not make them, and notes in the plan where static pointers lead.
func (d *decoder) contents(s *plan, into unsafe.Pointer, learn bool) bool {
	var captures [maxShapeFuncs]unsafe.Pointer
	var places [maxShapeFuncs]patch
	places[0] = patch{into, s.into, 0}
	next, statics := 1, 0
	if d.uvarint() != 1 {
		return false
	}
	for i, prog := range s.progs {
		if prog == nil {
			continue
		}
		captures[i] = newMemory(prog.typ, 1)
		for _, o := range prog.ops {
			p := unsafe.Add(captures[i], o.offset)
			switch o.code {
			case opFunc:
				if next == len(s.progs) || d.uvarint() != uint64(next)+1 {
					return false
				}
				places[next] = patch{p, o.typ, next}
				next++
			case opPointer:
				if learn && !d.learnStatic(s, o, p) || !learn && !d.knownStatic(&s.statics[statics], p) {
					return false
				}
				statics++
			default:
				d.readPart(o, p)
			}
		}
	}
	if next != len(s.progs) || d.err != nil {
		return false
	}
	return learn || d.makeShaped(s, &captures, &places)
}

func (d *decoder) learnStatic(s *plan, o *op, p unsafe.Pointer) bool {
	start := d.pos
	if d.pos >= len(d.b) || d.b[d.pos] != refStatic {
		return false
	}
	d.readPart(o, p)
	s.statics = append(s.statics, planStatic{bytes.Clone(d.b[start:d.pos]), *(*unsafe.Pointer)(p)})
	return d.err == nil && len(d.strings) == len(s.strings)
}

func (d *decoder) knownStatic(known *planStatic, p unsafe.Pointer) bool {
	if !bytes.HasPrefix(d.b[d.pos:], known.text) {
		return false
	}
	d.pos += len(known.text)
	*(*unsafe.Pointer)(p) = known.p
	return true
}

// makeShaped makes the funcs, the captured ones first: they have the greater numbers.
func (d *decoder) makeShaped(s *plan, captures *[maxShapeFuncs]unsafe.Pointer, places *[maxShapeFuncs]patch) bool {
	for i := len(s.progs) - 1; i >= 0; i-- {
		root := &s.roots[i]
		if places[i].t != root.fn && !root.fn.ConvertibleTo(places[i].t) {
			return false
		}
		value, err := d.h.MakeFunc(root.code, root.fn, captures[i])
		if err != nil || !value.IsValid() || value.Type() != root.fn || value.IsNil() {
			return false
		}
		places[i].set(value)
	}
	return true
}

// tables returns the tables of a message that has a shape.
func (d *decoder) tables(t reflect.Type) []byte {
	b := d.take(4)
	if d.err != nil {
		return nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || uint64(n) > uint64(d.left()) || t.Kind() != reflect.Func {
		d.damaged("%s has no tables of %d bytes", t, n)
		return nil
	}
	return d.b[d.pos : d.pos+int(n)]
}

func mark(tables []byte) uintptr { return uintptr(maphash.Bytes(seed, tables)) }

// learn remembers the plan of a message that was decoded, if it has one.
func (d *decoder) learn(t reflect.Type, tables []byte, contents, tableStrings int) {
	shapes := d.h.Shapes()
	if shapes == nil || shapes.full() {
		return
	}
	if p := d.planOf(t, contents, tableStrings); p != nil {
		shapes.count.Add(1)
		shapes.decoded.Store(mark(tables), string(tables), p)
	}
}
