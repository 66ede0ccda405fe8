package codec

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"reflect"
	"sync/atomic"
	"unsafe"

	"mobula/internal/memo"
)

// Most funcs that are sent capture plain values, and other such funcs. Those of the same code differ in the plain values alone: the tables of
// their messages are the same bytes. That is their shape, which is made once and then taken for both passes of the encoder, and for the
// decoder's tables. What does not fit is encoded and decoded as everything else.

const (
	maxShapeFuncs = 4
	maxShapeSize  = 1 << 10 // of what a func captures, in bytes
	maxShapes     = 10_000  // that are remembered
)

// Shapes are what a Host remembers of funcs. The zero value is empty; any goroutine may use it.
type Shapes struct {
	encoded memo.Table[shapeKey, *shape]
	decoded memo.Table[string, *plan] // by tables
	count   atomic.Int32              // of both
}

var seed = maphash.MakeSeed()

// full reports whether no more are remembered.
func (s *Shapes) full() bool { return s.count.Load() >= maxShapes }

// shapeKey is what decides the tables.
type shapeKey struct {
	brief bool
	funcs [maxShapeFuncs]shapeFunc
}

type shapeFunc struct {
	code         string
	slot, layout reflect.Type
}

func (k *shapeKey) address(n int) uintptr {
	return uintptr(maphash.String(seed, k.funcs[n-1].code))
}

type shape struct {
	tables  []byte   // with the head of the message: all that precedes the contents
	strings int      // long ones in it
	statics [][]byte // how pointers to dictionaries are written, in order
}

// shapely reports whether funcs that capture such values may have a shape.
func (p *program) shapely() bool {
	if p.size > maxShapeSize {
		return false
	}
	for _, o := range p.refs {
		if o.code != opFunc && o.code != opPointer {
			return false
		}
	}
	return true
}

// walked is a func value with those that it captures, in the order in which the encoder numbers them.
type walked struct {
	n     int
	whole bool // these are all, and can have a shape
	key   shapeKey
	funcs [maxShapeFuncs]walkedFunc
}

type walkedFunc struct {
	object unsafe.Pointer // its identity
	at     unsafe.Pointer // where the func value lies
	prog   *program       // nil: it captures nothing
	Func
}

// walk describes the funcs of a value, as far as they can have a shape.
func (e *encoder) walk(slot reflect.Type, p unsafe.Pointer) {
	w := &e.walked
	w.key.brief = e.opts.Brief
	w.whole = (e.opts.BufferMin < 0 || e.opts.BufferMin > maxShapeSize) && w.add(slot, p)
	for i := 0; i < w.n && w.whole; i++ {
		f := &w.funcs[i]
		var err error
		if f.Func, err = e.h.DescribeFunc(reflect.NewAt(w.key.funcs[i].slot, f.at).Elem()); err != nil {
			w.n, w.whole = i, false // it is told where the func is met again
			return
		}
		w.key.funcs[i].code, w.key.funcs[i].layout = f.Code, f.Layout
		if f.Layout != nil {
			f.prog = programOf(f.Layout)
			w.whole = e.walkCaptures(f)
		}
	}
}

func (e *encoder) walkCaptures(f *walkedFunc) bool {
	if !f.prog.shapely() || f.prog.size == 0 {
		return false
	}
	for _, o := range f.prog.refs {
		p := unsafe.Add(f.Captures, o.offset)
		if o.code == opFunc && !e.walked.add(o.typ, p) || o.code == opPointer && !f.isDictionary(loadPointer(p)) {
			return false
		}
	}
	_, _, static := e.h.StaticName(f.Captures, f.prog.size)
	return !static
}

func (f *walkedFunc) isDictionary(p unsafe.Pointer) bool { return p != nil && p == f.Dictionary }

// add adds the func at p, unless it is nil or there already.
func (w *walked) add(slot reflect.Type, p unsafe.Pointer) bool {
	q := *(*unsafe.Pointer)(p)
	if q == nil || w.n == maxShapeFuncs || w.find(q) != nil {
		return false
	}
	w.funcs[w.n].object, w.funcs[w.n].at, w.key.funcs[w.n].slot = q, p, slot
	w.n++
	return true
}

func (w *walked) find(object unsafe.Pointer) *walkedFunc {
	for i := range w.funcs[:w.n] {
		if w.funcs[i].object == object {
			return &w.funcs[i]
		}
	}
	return nil
}

// describe is the Host's, unless the walk has asked for it.
func (e *encoder) describe(slot reflect.Type, p unsafe.Pointer) (Func, error) {
	if f := e.walked.find(*(*unsafe.Pointer)(p)); f != nil && f.Code != "" {
		return f.Func, nil
	}
	return e.h.DescribeFunc(reflect.NewAt(slot, p).Elem())
}

// funcValue encodes a func, by its shape if that is known.
func (e *encoder) funcValue(v reflect.Value, prog *program, p unsafe.Pointer) error {
	shapes := e.h.Shapes()
	if shapes == nil || !v.CanAddr() {
		return e.graph(v, prog, p)
	}
	e.walk(v.Type(), p)
	w := &e.walked
	if !w.whole {
		return e.graph(v, prog, p)
	}
	if s, ok := shapes.encoded.Load(w.key.address(w.n), w.key); ok {
		return e.writeShape(s)
	}
	start := len(e.out)
	if err := e.graph(v, prog, p); err != nil {
		return err
	}
	if shapes.full() {
		return nil
	}
	if s := e.shapeOf(start); s != nil {
		shapes.count.Add(1)
		shapes.encoded.Store(w.key.address(w.n), w.key, s)
	}
	return nil
}

// shapeOf returns the shape of what the encoder has just written, nil if it has none.
func (e *encoder) shapeOf(start int) *shape {
	w := &e.walked
	objects := 1
	for i := range w.funcs[:w.n] {
		if w.funcs[i].prog != nil {
			objects++
		}
	}
	if len(e.fnNodes) != w.n || len(e.objects) != objects || len(e.regions) < objects || e.regions[0].object != 0 {
		return nil
	}
	end, strings := len(e.out), len(e.strings)
	tables := e.out[start+headerSize : e.contents]
	s := &shape{tables: bytes.Clone(e.out[start : start+headerSize]), strings: e.inTables}
	s.tables[modeAt] = modeShape
	s.tables = append(binary.LittleEndian.AppendUint32(s.tables, uint32(len(tables))), tables...)
	for i := range w.funcs[:w.n] {
		f := &w.funcs[i]
		for _, o := range f.refs() {
			if o.code == opPointer {
				e.writePart(o, unsafe.Add(f.Captures, o.offset))
				s.statics = append(s.statics, bytes.Clone(e.out[end:]))
				e.out = e.out[:end]
			}
		}
	}
	if len(e.strings) != strings || e.err != nil {
		return nil // a name that is written once
	}
	clear(e.strings)
	_ = e.writeShape(s) // its error would be e.err
	same := bytes.Equal(e.out[end+len(s.tables):], e.out[e.contents:end])
	e.out = e.out[:end]
	if !same || e.err != nil {
		return nil
	}
	return s
}

func (f *walkedFunc) refs() []*op {
	if f.prog == nil {
		return nil
	}
	return f.prog.refs
}

// writeShape writes a message of a shape.
func (e *encoder) writeShape(s *shape) error {
	e.out = append(e.out, s.tables...)
	e.tableStrings = s.strings
	next, statics := uint64(1), 0
	e.uvarint(next)
	w := &e.walked
	for i := range w.funcs[:w.n] {
		f := &w.funcs[i]
		if f.prog == nil {
			continue
		}
		for _, o := range f.prog.ops {
			switch o.code {
			case opFunc:
				next++
				e.uvarint(next)
			case opPointer:
				e.out = append(e.out, s.statics[statics]...)
				statics++
			default:
				e.writePart(o, unsafe.Add(f.Captures, o.offset))
			}
		}
	}
	return e.err
}
