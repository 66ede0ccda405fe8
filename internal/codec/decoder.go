package codec

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// decoder takes one message at a time. The first error stays: after it, reading gives zeros.
type decoder struct {
	h        Host
	b        []byte // all of it
	pos      int
	buffers  [][]byte
	used     int // buffers
	promised int // bytes that objects of the tables will take at least
	err      error

	roots    []decodedRoot
	objects  []memory
	maps     []mapEntries
	funcs    []madeFunc
	patches  []patch
	syncMaps []syncMap
	customs  []readyCustom
	strings  []string
	stack    []int // room for finishFuncs
}

// decodedRoot is a typeRoot.
type decodedRoot struct {
	info *info // nil of code that captures nothing
	code string
	fn   reflect.Type // of the func; nil for a named type
}

// memory is an object.
type memory struct {
	p      unsafe.Pointer
	prog   *program
	n      int
	filled bool // it is a buffer
}

// mapEntries are the entries that a map gets in the end: a key's hash needs the whole key.
type mapEntries struct {
	m            reflect.Value
	keys, values reflect.Value
}

type syncMap struct {
	into    *sync.Map
	entries reflect.Value
}

var decoders = sync.Pool{New: func() any { return new(decoder) }}

func (d *decoder) release() {
	if len(d.objects) > keep || len(d.maps) > keep || len(d.patches) > keep || len(d.strings) > keep || len(d.funcs) > keep || len(d.customs) > keep {
		return
	}
	clear(d.roots)
	clear(d.objects)
	clear(d.maps)
	clear(d.funcs)
	clear(d.patches)
	clear(d.syncMaps)
	clear(d.customs)
	clear(d.strings)
	*d = decoder{
		roots: d.roots[:0], objects: d.objects[:0], maps: d.maps[:0], funcs: d.funcs[:0],
		patches: d.patches[:0], syncMaps: d.syncMaps[:0], customs: d.customs[:0], strings: d.strings[:0], stack: d.stack[:0],
	}
	decoders.Put(d)
}

func (d *decoder) decode(h Host, message Encoded, into reflect.Value) error {
	d.h, d.b, d.buffers = h, message.Head, message.Buffers
	mode := d.header(into.Type())
	prog, p := programOf(into.Type()), into.Addr().UnsafePointer()
	switch {
	case d.err != nil:
	case mode == modePlain && prog.plain:
		d.read(prog, p, 1)
	case mode == modePlain && into.Kind() == reflect.Slice && prog.ops[0].code == opSlice && prog.ops[0].elem().plain:
		d.readPlainSlice(prog.ops[0].elem(), (*sliceHeader)(p))
	case mode == modeGraph || mode == modeInner || mode == modeShape:
		d.graph(mode, into, prog, p)
	default:
		d.damaged("mode %d is not one of %s", mode, into.Type())
	}
	if d.err == nil && (d.pos != len(d.b) || d.used != len(d.buffers)) {
		d.damaged("%d bytes and %d buffers are left over", len(d.b)-d.pos, len(d.buffers)-d.used)
	}
	return d.err
}

func (d *decoder) header(t reflect.Type) (mode byte) {
	if len(d.b) < headerSize {
		d.damaged("it has %d bytes", len(d.b))
		return 0
	}
	d.pos = headerSize
	sum := binary.LittleEndian.Uint64(d.b[3:])
	switch {
	case d.b[0] != version:
		d.fail("the message has format %d, this process reads %d: run the same version on both sides", d.b[0], version)
	case d.b[1] != machine():
		d.fail("the message comes from a machine of another word size or byte order: run workers of one GOARCH")
	case sum != infoOf(t).fingerprint():
		d.fail("the message holds a value of another structure; here it is %s; both sides must run the same code", Describe(t))
	}
	return d.b[2]
}

func (d *decoder) graph(mode byte, into reflect.Value, prog *program, p unsafe.Pointer) {
	var tables []byte
	if mode == modeShape {
		if tables = d.tables(into.Type()); d.err != nil || d.shaped(tables, into.Type(), p) {
			return
		}
	}
	contents := d.pos + len(tables)
	d.roots = append(d.roots, decodedRoot{info: infoOf(into.Type())}, decodedRoot{info: infoOf(libraryType)})
	first := memory{filled: true} // nothing refers to it
	if mode != modeInner {
		first = memory{p: p, prog: prog, n: 1}
	}
	d.objects = append(d.objects, first)
	d.readRoots()
	d.readObjects()
	d.readMaps()
	d.readFuncs()
	if mode == modeShape && d.err == nil && d.pos != contents {
		d.damaged("its tables end %d bytes from where they should", d.pos-contents)
	}
	tableStrings := len(d.strings)
	var inner unsafe.Pointer
	if mode == modeInner {
		inner = d.pointerTo(d.uvarint(), prog)
	}
	for i := 0; i < len(d.objects) && d.err == nil; i++ {
		if o := &d.objects[i]; !o.filled {
			d.read(o.prog, o.p, o.n)
		}
	}
	for i := 0; i < len(d.maps) && d.err == nil; i++ {
		keys, values := d.maps[i].keys, d.maps[i].values
		d.read(programOf(keys.Type().Elem()), keys.UnsafePointer(), keys.Len())
		d.read(programOf(values.Type().Elem()), values.UnsafePointer(), values.Len())
	}
	d.finish()
	if inner != nil && d.err == nil {
		into.Set(reflect.NewAt(into.Type(), inner).Elem())
	}
	if mode == modeShape && d.err == nil && d.pos == len(d.b) {
		d.learn(into.Type(), tables, contents, tableStrings)
	}
}

func (d *decoder) damaged(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w at byte %d: %s", ErrDamaged, d.pos, fmt.Sprintf(format, args...))
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// left is how many bytes there are to read.
func (d *decoder) left() int { return len(d.b) - d.pos }

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(d.left()) {
		d.damaged("%d bytes are missing", n-uint64(d.left()))
	}
	if d.err != nil {
		return nil
	}
	b := d.b[d.pos : d.pos+int(n)]
	d.pos += int(n)
	return b
}

func (d *decoder) uvarint() uint64 {
	if d.pos < len(d.b) && d.b[d.pos] < 0x80 && d.err == nil {
		d.pos++
		return uint64(d.b[d.pos-1])
	}
	n, size := binary.Uvarint(d.b[d.pos:])
	if d.advance(size) {
		return n
	}
	return 0
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.b[d.pos:])
	if d.advance(size) {
		return n
	}
	return 0
}

func (d *decoder) advance(size int) bool {
	if size <= 0 {
		d.damaged("a number ends early")
	}
	if d.err != nil {
		return false
	}
	d.pos += size
	return true
}

func (d *decoder) string() string {
	n := d.uvarint()
	if n&1 == 1 {
		if n>>1 >= uint64(len(d.strings)) {
			d.damaged("string %d was not written yet", n>>1)
			return ""
		}
		return d.strings[n>>1]
	}
	s := string(d.take(n >> 1))
	if len(s) >= manyTimes {
		d.strings = append(d.strings, s)
	}
	return s
}
