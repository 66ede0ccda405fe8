package codec

import (
	"encoding/binary"
	"math"
	"reflect"
	"unsafe"
)

// read fills n consecutive values.
func (d *decoder) read(prog *program, p unsafe.Pointer, n int) {
	if prog.raw {
		size := uintptr(n) * prog.size
		copy(unsafe.Slice((*byte)(p), size), d.take(uint64(size)))
		return
	}
	if len(prog.ops) == 0 {
		return
	}
	for i := range uintptr(n) {
		base := unsafe.Add(p, i*prog.size)
		for _, o := range prog.ops {
			d.readPart(o, unsafe.Add(base, o.offset))
		}
		if d.err != nil {
			return
		}
	}
}

func (d *decoder) readPart(o *op, p unsafe.Pointer) {
	switch o.code {
	case opRaw:
		copy(unsafe.Slice((*byte)(p), o.size), d.take(uint64(o.size)))
	case opBool:
		if b := d.take(1); len(b) == 1 {
			*(*bool)(p) = b[0] != 0
		}
	case opAtomic:
		d.readAtomic(o.size, p)
	case opString:
		*(*string)(p) = d.string()
	case opArray:
		d.read(o.sub, p, o.n)
	case opPointer:
		d.readPointer(o, p)
	case opSlice:
		d.readSlice(o.elem(), (*sliceHeader)(p))
	case opMap:
		d.readMap(o.typ, p)
	case opInterface:
		d.readInterface(o.typ, p)
	case opFunc:
		d.readFunc(o.typ, p)
	case opNil:
		if d.uvarint() != refNil {
			d.damaged("%s is not nil", o.typ)
		}
	case opSpecial:
		if o.special.read != nil {
			o.special.read(d, p)
		} else if d.uvarint() != 0 {
			d.damaged("%s is not zero", o.typ)
		}
	}
}

func (d *decoder) readAtomic(size uintptr, p unsafe.Pointer) {
	b := d.take(uint64(size))
	switch len(b) {
	case 4:
		*(*uint32)(p) = binary.LittleEndian.Uint32(b)
	case 8:
		*(*uint64)(p) = binary.LittleEndian.Uint64(b)
	}
}

func (d *decoder) readPointer(o *op, p unsafe.Pointer) {
	ref := d.uvarint()
	if ref != refKnown {
		*(*unsafe.Pointer)(p) = d.pointerTo(ref, o.elem())
		return
	}
	name := d.string()
	q := knownByName(name, o.elem().typ)
	if q == nil {
		d.damaged("no %s is known as %q", o.typ, name)
	}
	*(*unsafe.Pointer)(p) = q
}

// pointerTo follows a reference to one value.
func (d *decoder) pointerTo(ref uint64, elem *program) unsafe.Pointer {
	switch {
	case ref == refNil:
		return nil
	case ref == refEmpty && elem.size == 0:
		return newMemory(elem.typ, 1)
	case ref == refStatic || ref >= refObjects:
		if p, room := d.target(ref, elem); room > 0 {
			return p
		}
	}
	d.damaged("a pointer to %s leads nowhere", elem.typ)
	return nil
}

// target follows a reference to values of an element type. It returns how many there are from
// there on, 0 if it leads to none.
func (d *decoder) target(ref uint64, elem *program) (p unsafe.Pointer, room int) {
	if ref == refStatic {
		return d.static(elem)
	}
	id, offset := (ref-refObjects)/refsPerItem, uint64(0)
	if ref&1 != refObjects&1 {
		offset = d.uvarint()
	}
	if d.err != nil || id >= uint64(len(d.objects)) || d.objects[id].p == nil {
		return nil, 0
	}
	o := &d.objects[id]
	room = fitsRun(o.prog.typ, o.n, uintptr(offset), elem.typ)
	if room == 0 {
		return nil, 0
	}
	return unsafe.Add(o.p, offset), room
}

func (d *decoder) static(elem *program) (p unsafe.Pointer, room int) {
	name, offset := d.string(), d.uvarint()
	if d.err != nil {
		return nil, 0
	}
	s, ok := d.h.StaticVariable(name)
	if !ok {
		d.fail("%s is not in this process: both sides must run the same code", name)
		return nil, 0
	}
	if offset >= uint64(s.Size) || uintptr(offset)%uintptr(elem.typ.Align()) != 0 || elem.size == 0 {
		return nil, 0
	}
	room = int((s.Size - uintptr(offset)) / elem.size)
	if s.Type != nil {
		room = fitsRun(s.Type, 1, uintptr(offset), elem.typ)
	}
	if room == 0 {
		return nil, 0
	}
	return unsafe.Add(s.Pointer, offset), room
}

// somewhere is what slices without elements point to.
var somewhere = unsafe.Pointer(new(struct{}))

func (d *decoder) readSlice(elem *program, s *sliceHeader) {
	ref := d.uvarint()
	switch {
	case ref == refNil:
		return
	case ref == refEmpty:
		n := d.uvarint()
		if n > 0 && elem.size > 0 || n > math.MaxInt {
			d.damaged("a slice of %d %s has no elements", n, elem.typ)
		}
		if d.err == nil {
			*s = sliceHeader{somewhere, int(n), int(n)}
		}
		return
	case ref == refKnown || elem.size == 0:
		d.damaged("a slice of %s leads nowhere", elem.typ)
		return
	}
	p, room := d.target(ref, elem)
	n, more := d.uvarint(), d.uvarint()
	if n == 0 || n > uint64(room) || more > uint64(room)-n {
		d.damaged("a slice of %s exceeds its array", elem.typ)
	}
	if d.err == nil {
		*s = sliceHeader{p, int(n), int(n + more)}
	}
}

func (d *decoder) readPlainSlice(elem *program, s *sliceHeader) {
	n := d.uvarint()
	if n == 0 {
		return
	}
	n--
	buffer := n&1 == 1
	n >>= 1
	switch {
	case buffer:
		if p := d.buffer(elem, n); d.err == nil {
			*s = sliceHeader{p, int(n), int(n)}
		}
	case elem.size == 0 || n == 0:
		if n > math.MaxInt {
			d.damaged("a slice has %d elements", n)
			return
		}
		*s = sliceHeader{somewhere, int(n), int(n)}
	case d.promise(n, elem.least):
		*s = sliceHeader{newMemory(elem.typ, int(n)), int(n), int(n)}
		d.read(elem, s.data, s.len)
	}
}

func (d *decoder) readMap(t reflect.Type, p unsafe.Pointer) {
	m := d.mapAt(d.uvarint())
	if !m.IsValid() {
		return
	}
	if !m.CanConvert(t) || t.Kind() != reflect.Map {
		d.damaged("%s has the type %s", t, m.Type())
		return
	}
	*(*unsafe.Pointer)(p) = m.UnsafePointer()
}

func (d *decoder) readInterface(slot reflect.Type, p unsafe.Pointer) {
	ref := d.uvarint()
	if ref == ifaceNil || d.err != nil {
		return
	}
	variable := reflect.NewAt(slot, p).Elem()
	if ref == ifaceType {
		i := d.root(d.uvarint())
		switch {
		case i == nil:
		case !rtypeType.Implements(slot):
			d.damaged("%s holds a type", slot)
		default:
			variable.Set(reflect.ValueOf(i.typ))
		}
		return
	}
	i := d.root(ref - ifaceRoots)
	if i == nil {
		return
	}
	if i.typ.Kind() == reflect.Interface || !i.typ.Implements(slot) {
		d.damaged("%s is no %s", i.typ, slot)
		return
	}
	variable.Set(reflect.Zero(i.typ)) // what follows changes the data word alone
	d.readContent(programOf(i.typ), (*words)(p))
}

func (d *decoder) readContent(prog *program, w *words) {
	switch {
	case prog.direct:
		d.read(prog, unsafe.Pointer(&w.data), 1)
	case prog.inlined():
		box := newMemory(prog.typ, 1)
		w.data = box
		d.read(prog, box, 1)
	default:
		id := d.uvarint()
		if id == 0 || id >= uint64(len(d.objects)) || d.objects[id].prog != prog || d.objects[id].n != 1 {
			d.damaged("%s in an interface leads nowhere", prog.typ)
			return
		}
		w.data = d.objects[id].p
	}
}

func (d *decoder) readFunc(t reflect.Type, p unsafe.Pointer) {
	n := d.uvarint()
	if n > uint64(len(d.funcs)) {
		d.damaged("func %d is not in the table", n)
	}
	if n == 0 || d.err != nil {
		return
	}
	if f := &d.funcs[n-1]; f.root.fn != t && !f.root.fn.ConvertibleTo(t) {
		d.damaged("%s has the type %s", t, f.root.fn)
		return
	}
	d.patches = append(d.patches, patch{p, t, int(n - 1)})
}
