package codec

import (
	"encoding/binary"
	"reflect"
	"unsafe"
)

func (d *decoder) readRoots() {
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		d.readRoot()
	}
}

func (d *decoder) readRoot() {
	kind, name := d.uvarint(), d.string()
	r := decodedRoot{}
	if kind != rootNamed {
		r.code, r.fn = name, d.typeRef()
		if d.err == nil && r.fn.Kind() != reflect.Func {
			d.damaged("a func has the type %s", r.fn)
		}
	}
	var sum []byte
	var there string
	if kind != rootCode {
		sum, there = d.take(8), d.string()
	}
	if kind > rootCaptures {
		d.damaged("unknown kind %d of type", kind)
	}
	if d.err != nil {
		return
	}
	var t reflect.Type
	var err error
	if kind == rootNamed {
		t, err = d.h.TypeByName(name)
	} else {
		t, err = d.h.CaptureType(name, r.fn)
	}
	switch {
	case err != nil:
		d.fail("%w", err)
	case (t == nil) != (kind == rootCode):
		d.fail("%s is known as another thing here: both sides must run the same code", name)
	case t == nil:
	case infoOf(t).fingerprint() != binary.LittleEndian.Uint64(sum) && there == "":
		d.fail("%s differs: here it is %s; both sides must run the same code", t, Describe(t))
	case infoOf(t).fingerprint() != binary.LittleEndian.Uint64(sum):
		d.fail("%s differs: there it is %s, here it is %s; both sides must run the same code", t, there, Describe(t))
	default:
		r.info = infoOf(t)
	}
	d.roots = append(d.roots, r)
}

// root returns a root that has a type.
func (d *decoder) root(n uint64) *info {
	if n >= uint64(len(d.roots)) || d.roots[n].info == nil {
		d.damaged("type %d is not in the table", n)
	}
	if d.err != nil {
		return nil
	}
	return d.roots[n].info
}

func (d *decoder) typeRef() reflect.Type {
	i, n := d.root(d.uvarint()), d.uvarint()
	if i != nil && n >= uint64(len(i.types)) {
		d.damaged("%s is made of %d types, not %d", i.typ, len(i.types), n)
	}
	if d.err != nil {
		return nil
	}
	return i.types[n]
}

// promise checks that n values of at least so many bytes can follow, beside those that were
// promised before. Values that may have no bytes are for the caller to bound.
func (d *decoder) promise(n uint64, least int) bool {
	room := d.left() - d.promised
	if d.err == nil && (room < 0 || least > 0 && n > uint64(room/least)) {
		d.damaged("%d values do not fit into %d bytes", n, max(room, 0))
	}
	if d.err != nil {
		return false
	}
	d.promised += int(n) * least
	return true
}

func (d *decoder) readObjects() {
	for count := d.uvarint(); count > 0 && d.err == nil; {
		same := d.uvarint()
		buffer := same&1 == 1
		same >>= 1
		t, n := d.typeRef(), d.uvarint()
		if same == 0 || same > count || n == 0 {
			d.damaged("the table of objects is wrong")
		}
		if d.err != nil {
			return
		}
		count -= same
		prog := programOf(t)
		for range same {
			if buffer {
				d.placeBuffer(prog, n)
			} else {
				d.allocate(prog, n)
			}
			if d.err != nil {
				return
			}
		}
	}
}

func (d *decoder) allocate(prog *program, n uint64) {
	if prog.least == 0 {
		d.damaged("an object has no size")
	}
	if d.promise(n, prog.least) {
		d.objects = append(d.objects, memory{p: newMemory(prog.typ, int(n)), prog: prog, n: int(n)})
	}
}

func newMemory(t reflect.Type, n int) unsafe.Pointer {
	if n == 1 {
		return reflect.New(t).UnsafePointer()
	}
	return reflect.MakeSlice(reflect.SliceOf(t), n, n).UnsafePointer()
}

// placeBuffer makes an object of the next buffer, in place if it is aligned.
func (d *decoder) placeBuffer(prog *program, n uint64) {
	p := d.buffer(prog, n)
	if d.err == nil {
		d.objects = append(d.objects, memory{p: p, prog: prog, n: int(n), filled: true})
	}
}

func (d *decoder) buffer(prog *program, n uint64) unsafe.Pointer {
	if d.used >= len(d.buffers) || !prog.raw {
		d.damaged("buffer %d is missing", d.used)
		return nil
	}
	b := d.buffers[d.used]
	d.used++
	if len(b) == 0 || uint64(len(b))%uint64(prog.size) != 0 || uint64(len(b))/uint64(prog.size) != n {
		d.damaged("a buffer of %d bytes does not hold %d of %s", len(b), n, prog.typ)
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%uintptr(prog.typ.Align()) != 0 {
		p = newMemory(prog.typ, int(n))
		copy(unsafe.Slice((*byte)(p), len(b)), b)
	}
	return p
}

func (d *decoder) readMaps() {
	for count := d.uvarint(); count > 0 && d.err == nil; count-- {
		t, n := d.typeRef(), d.uvarint()
		if d.err == nil && t.Kind() != reflect.Map {
			d.damaged("a map has the type %s", t)
		}
		if d.err != nil {
			return
		}
		least := programOf(t.Key()).least + programOf(t.Elem()).least
		if least == 0 && n > 1 {
			d.damaged("%s has %d entries", t, n)
		}
		if !d.promise(n, least) {
			return
		}
		d.maps = append(d.maps, mapEntries{
			m:      reflect.MakeMapWithSize(t, int(n)),
			keys:   reflect.MakeSlice(reflect.SliceOf(t.Key()), int(n), int(n)),
			values: reflect.MakeSlice(reflect.SliceOf(t.Elem()), int(n), int(n)),
		})
	}
}

// mapAt returns the map that a reference names; the zero Value for nil.
func (d *decoder) mapAt(ref uint64) reflect.Value {
	if ref > uint64(len(d.maps)) {
		d.damaged("map %d is not in the table", ref)
	}
	if ref == 0 || d.err != nil {
		return reflect.Value{}
	}
	return d.maps[ref-1].m
}

func (d *decoder) readFuncs() {
	for count := d.uvarint(); count > 0 && d.err == nil; count-- {
		code := d.uvarint()
		if code >= uint64(len(d.roots)) || d.roots[code].fn == nil {
			d.damaged("func %d is not in the table", code)
			return
		}
		f := madeFunc{root: &d.roots[code]}
		if i := f.root.info; i != nil {
			f.size = i.typ.Size()
			if f.captures = d.pointerTo(d.uvarint(), programOf(i.typ)); f.captures == nil {
				d.damaged("a func lacks what it captures")
			}
		}
		d.funcs = append(d.funcs, f)
	}
}
