package codec

import (
	"encoding/binary"
	"reflect"
	"sync/atomic"
	"unsafe"
)

// How a pointer or slice is written: what it is, or an object's number and whether an offset follows.
const (
	refNil      = iota
	refEmpty    // points to nothing: no elements, or elements of no size
	refStatic   // a name and an offset follow
	refKnown    // a name of the table of known values follows
	refObjects  // the first object
	refsPerItem = 2
)

// writeGraph writes the tables, then the contents.
func (e *encoder) writeGraph() {
	e.writeRoots()
	e.writeObjects()
	e.uvarint(uint64(len(e.mapNodes)))
	for _, m := range e.mapNodes {
		e.typeRef(m.root, m.typ)
		e.uvarint(uint64(e.regions[m.keys].n))
	}
	e.uvarint(uint64(len(e.fnNodes)))
	for _, f := range e.fnNodes {
		e.uvarint(uint64(f.code))
		if prog := e.capturesOf(f); prog != nil {
			e.writePointer(f.captures, prog)
		}
	}
	e.contents, e.inTables = len(e.out), len(e.strings)
	if root := &e.regions[0]; root.object != 0 {
		e.reference(root)
	}
	for i := range e.objects {
		e.writeObject(&e.objects[i])
	}
	for _, m := range e.mapNodes {
		for _, i := range []int32{m.keys, m.values} {
			e.write(e.regions[i].prog, e.regions[i].p, e.regions[i].n)
		}
	}
}

func (e *encoder) writeRoots() {
	e.uvarint(uint64(len(e.roots) - rootsGiven))
	for i := rootsGiven; i < len(e.roots); i++ {
		r := &e.roots[i]
		switch {
		case r.fn && r.info == nil:
			e.uvarint(rootCode)
		case r.fn:
			e.uvarint(rootCaptures)
		default:
			e.uvarint(rootNamed)
		}
		e.string(r.name)
		if r.fn {
			e.typeRef(r.root, r.typ)
		}
		if r.info != nil {
			e.out = binary.LittleEndian.AppendUint64(e.out, r.info.fingerprint())
			if e.opts.Brief {
				e.string("")
			} else {
				e.string(r.info.description())
			}
		}
	}
}

// Kinds of roots.
const (
	rootNamed    = iota
	rootCode     // of a func that captures nothing
	rootCaptures // the variables that a func captures
)

func (e *encoder) typeRef(root int32, t reflect.Type) {
	e.uvarint(uint64(root))
	e.uvarint(uint64(e.roots[root].info.number(t)))
}

// writeObjects writes the table of objects; those that are alike and follow each other are one line.
func (e *encoder) writeObjects() {
	list := e.objects[1:]
	e.uvarint(uint64(len(list)))
	for len(list) > 0 {
		o, same := list[0], 1
		for same < len(list) && alike(&o, &list[same]) {
			same++
		}
		buffer := uint64(0)
		if o.buffer {
			buffer = 1
		}
		e.uvarint(uint64(same)<<1 | buffer)
		e.typeRef(o.root, o.prog.typ)
		e.uvarint(uint64(o.n))
		list = list[same:]
	}
}

func alike(a, b *object) bool {
	return a.prog == b.prog && a.n == b.n && a.root == b.root && a.buffer == b.buffer
}

func (e *encoder) writeObject(o *object) {
	switch {
	case o.prog == nil: // object 0 of a value that lies inside another
	case o.buffer:
		e.buffers = append(e.buffers, unsafe.Slice((*byte)(o.p), uintptr(o.n)*o.prog.size))
	default:
		e.write(o.prog, o.p, o.n)
	}
}

// write writes n consecutive values.
func (e *encoder) write(prog *program, p unsafe.Pointer, n int) {
	if prog.raw {
		e.out = append(e.out, unsafe.Slice((*byte)(p), uintptr(n)*prog.size)...)
		return
	}
	if len(prog.ops) == 0 {
		return
	}
	for i := range uintptr(n) {
		base := unsafe.Add(p, i*prog.size)
		for _, o := range prog.ops {
			e.writePart(o, unsafe.Add(base, o.offset))
		}
		if e.err != nil {
			return
		}
	}
}

func (e *encoder) writePart(o *op, p unsafe.Pointer) {
	switch o.code {
	case opRaw:
		e.out = append(e.out, unsafe.Slice((*byte)(p), o.size)...)
	case opBool:
		e.out = append(e.out, *(*byte)(p)&1)
	case opAtomic:
		n := loadAtomic(p, o.size)
		if o.size == 4 {
			e.out = binary.LittleEndian.AppendUint32(e.out, uint32(n))
		} else {
			e.out = binary.LittleEndian.AppendUint64(e.out, n)
		}
	case opString:
		e.string(*(*string)(p))
	case opArray:
		e.write(o.sub, p, o.n)
	case opPointer:
		e.writePointerPart(o, loadPointer(p))
	case opSlice:
		e.writeSlice(o.elem(), (*sliceHeader)(p))
	case opMap:
		e.writeMap(*(*unsafe.Pointer)(p))
	case opInterface:
		e.writeInterface(p, dynamic(o.typ, p))
	case opFunc:
		e.writeFunc(*(*unsafe.Pointer)(p))
	case opNil:
		e.uvarint(refNil)
	case opSpecial:
		if o.special.write != nil {
			o.special.write(e, p)
		} else {
			e.uvarint(0)
		}
	}
}

// loadPointer reads a pointer that may be an atomic one.
func loadPointer(p unsafe.Pointer) unsafe.Pointer { return atomic.LoadPointer((*unsafe.Pointer)(p)) }

func (e *encoder) writePointerPart(o *op, q unsafe.Pointer) {
	elem := o.elem()
	if o.known && q != nil {
		if name, ok := nameOfKnown(q, elem.typ); ok {
			e.uvarint(refKnown)
			e.string(name)
			return
		}
	}
	e.writePointer(q, elem)
}

func (e *encoder) writePointer(q unsafe.Pointer, elem *program) {
	switch {
	case q == nil:
		e.uvarint(refNil)
	case elem.size == 0:
		e.uvarint(refEmpty)
	default:
		if i, ok := e.index.get(regionKey{q, elem, 1}); ok {
			e.target(i)
			return
		}
		e.err = errChanged()
	}
}

// target writes what a reference refers to.
func (e *encoder) target(i int32) {
	if r := &e.regions[i]; r.kind != kindStatic {
		e.reference(r)
		return
	}
	s, _ := e.statics.get(i) // reachUnder has put it
	e.uvarint(refStatic)
	e.string(s.name)
	e.uvarint(uint64(s.offset))
}

func (e *encoder) reference(r *region) {
	id := refObjects + uint64(r.object)*refsPerItem
	if r.offset == 0 {
		e.uvarint(id)
		return
	}
	e.uvarint(id + 1)
	e.uvarint(uint64(r.offset))
}

func (e *encoder) writeSlice(elem *program, s *sliceHeader) {
	switch {
	case s.data == nil:
		e.uvarint(refNil)
		return
	case s.len == 0 || elem.size == 0:
		e.uvarint(refEmpty)
		e.uvarint(uint64(s.len))
		return
	}
	i, ok := e.index.get(regionKey{s.data, elem, s.len})
	if !ok {
		e.err = errChanged()
		return
	}
	e.target(i)
	e.uvarint(uint64(s.len))
	room := s.len
	if r := &e.regions[i]; r.kind == kindStatic {
		room = s.cap
	} else if s.cap > s.len {
		o := &e.objects[r.object]
		room = min(s.cap, fitsRun(o.prog.typ, o.n, r.offset, elem.typ))
	}
	e.uvarint(uint64(room - s.len))
}

// writePlainSlice writes a slice that is the whole value.
func (e *encoder) writePlainSlice(elem *program, s *sliceHeader) {
	if s.data == nil {
		e.uvarint(0)
		return
	}
	size := s.len * int(elem.size)
	if elem.raw && e.opts.BufferMin > 0 && size >= e.opts.BufferMin {
		e.uvarint(uint64(s.len)<<1 | 1 + 1)
		e.buffers = append(e.buffers, unsafe.Slice((*byte)(s.data), size))
		return
	}
	e.uvarint(uint64(s.len)<<1 + 1)
	e.write(elem, s.data, s.len)
}

func (e *encoder) writeMap(q unsafe.Pointer) {
	if q == nil {
		e.uvarint(0)
		return
	}
	i, ok := e.maps.get(q)
	if !ok {
		e.err = errChanged()
	}
	e.uvarint(uint64(i) + 1)
}

func (e *encoder) writeFunc(q unsafe.Pointer) {
	if q == nil {
		e.uvarint(0)
		return
	}
	i, ok := e.funcs.get(q)
	if !ok {
		e.err = errChanged()
	}
	e.uvarint(uint64(i) + 1)
}

// How an interface is written: what it is, or the number of its type's root.
const (
	ifaceNil = iota
	ifaceType
	ifaceRoots
)

func (e *encoder) writeInterface(p unsafe.Pointer, held any) {
	if held == nil {
		e.uvarint(ifaceNil)
		return
	}
	t, isType := held.(reflect.Type)
	if reflect.TypeOf(held) != rtypeType {
		t, isType = reflect.TypeOf(held), false
	}
	root, ok := e.rootIndex.get(t)
	switch {
	case !ok:
		e.err = errChanged()
	case isType:
		e.uvarint(ifaceType)
		e.uvarint(uint64(root))
	default:
		e.uvarint(ifaceRoots + uint64(root))
		e.writeContent(programOf(t), p, (*words)(unsafe.Pointer(&held)).data)
	}
}

func (e *encoder) writeContent(prog *program, p, data unsafe.Pointer) {
	switch {
	case prog.direct:
		e.write(prog, unsafe.Pointer(&(*words)(p).data), 1)
	case prog.inlined():
		e.write(prog, data, 1)
	default:
		i, ok := e.index.get(regionKey{data, prog, boxed})
		if !ok {
			e.err = errChanged()
			return
		}
		e.uvarint(uint64(e.regions[i].object))
	}
}
