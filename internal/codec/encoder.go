package codec

import (
	"encoding/binary"
	"errors"
	"reflect"
	"sync"
	"unsafe"
)

// The head of a message.
const (
	version    = 1
	modeAt     = 2
	headerSize = 3 + 8

	modePlain = 0 // the value follows; nothing in it has identity
	modeGraph = 1 // tables of objects, then their contents; the value is object 0
	modeInner = 2 // the same, but the value lies inside another object
	modeShape = 3 // as modeGraph, behind the length of the tables in 32 bits
)

// machine says how numbers lie in memory.
func machine() byte {
	one := uint16(1)
	bigEndian := 1 - *(*byte)(unsafe.Pointer(&one))
	return byte(unsafe.Sizeof(uintptr(0))) | bigEndian<<7
}

// Every message has these roots of types, see info; further ones are in a table.
const (
	rootMessage = iota // the type that is encoded
	rootLibrary        // what special types are made of
	rootsGiven
)

var libraryType = reflect.TypeFor[struct {
	entries map[any]any
	bytes   byte // of the buffers of customs
}]()

// encoder makes one message at a time: scan walks the graph and collects the regions of
// memory, merge joins those that overlap into objects, write writes the objects.
type encoder struct {
	h       Host
	opts    Options
	out     []byte
	scratch []byte
	buffers [][]byte
	err     error // of the second pass
	hold    any   // see memoryOf

	regions []region
	index   lookup[regionKey, int32]
	statics lookup[int32, staticPlace]

	maps     lookup[unsafe.Pointer, int32] // to mapNodes; the header or the sync.Map
	mapNodes []mapNode
	funcs    lookup[unsafe.Pointer, int32] // to funcNodes
	fnNodes  []funcNode
	customs  lookup[customKey, customNode]

	roots     []typeRoot
	rootIndex lookup[reflect.Type, int32]
	codeIndex lookup[codeKey, int32]

	order   []int32  // of the regions, by address
	bytes   []int32  // the same, of kindBuffer
	objects []object // by id
	sorted  []object // room for them
	ids     []int32  // room for number
	strings map[stringKey]uint64

	contents     int // where the tables end in out
	inTables     int // long strings
	tableStrings int // long strings of a shape's tables, which precede those in strings
	walked       walked
}

// region is memory that something refers to: count values of one type.
type region struct {
	p      unsafe.Pointer
	prog   *program
	n      int
	kind   regionKind
	root   int32 // the type's root
	object int32 // the merged one that it lies in
	offset uintptr
	place  // from where it was reached first
}

type regionKind uint8

const (
	kindMemory   regionKind = iota // what a pointer points to
	kindElements                   // of a slice
	kindCaptures                   // of a func
	kindBox                        // of a value in an interface: never shared with pointers
	kindInline                     // the data word of an interface
	kindKeys                       // of a map, copied
	kindValues                     //
	kindStatic                     // has a name on the other side
	kindBuffer                     // of a custom: shared with others of its kind alone
)

// merges reports whether such a region may overlap others.
func (k regionKind) merges() bool { return k <= kindCaptures }

// place is where a reference lies: in a region (-1: nowhere, it is the value itself), at a byte
// offset, in a slot of a type.
type place struct {
	region int32
	at     uintptr
	slot   reflect.Type
}

type regionKey struct {
	p    unsafe.Pointer
	prog *program
	n    int // boxed: an interface's
}

const boxed = -1

type staticPlace struct {
	name   string
	offset uintptr
}

type mapNode struct {
	typ          reflect.Type
	root         int32
	keys, values int32 // regions
}

type funcNode struct {
	typ      reflect.Type
	root     int32 // of typ
	code     int32 // root of the captures
	captures unsafe.Pointer
}

// typeRoot is a type that the other side finds by name, or by asking which variables a code captures.
type typeRoot struct {
	info *info // nil of code that captures nothing
	name string
	fn   bool // name is the code of a func of the type that follows
	root int32
	typ  reflect.Type
}

type codeKey struct {
	code     string
	typ      reflect.Type
	captures reflect.Type
}

type stringKey struct {
	p *byte
	n int
}

var encoders = sync.Pool{New: func() any { return &encoder{strings: map[stringKey]uint64{}} }}

// keep is how many regions, or bytes by the dozen, an idle encoder may hold on to.
const keep = 1 << 12

// release gives the encoder back, without what it knows of the value.
func (e *encoder) release() {
	if len(e.regions) > keep || len(e.mapNodes) > keep || len(e.fnNodes) > keep || len(e.strings) > keep || e.customs.len() > keep || cap(e.scratch) > 16*keep {
		return
	}
	e.h, e.opts, e.out, e.buffers, e.err, e.hold = nil, Options{}, nil, nil, nil, nil
	e.contents, e.inTables, e.tableStrings = 0, 0, 0
	if e.walked.n > 0 {
		e.walked = walked{}
	}
	if len(e.regions) > 0 {
		clear(e.regions)
		clear(e.objects)
		clear(e.sorted)
		clear(e.mapNodes)
		clear(e.fnNodes)
		clear(e.roots)
		e.index.clear()
		e.statics.clear()
		e.maps.clear()
		e.funcs.clear()
		e.rootIndex.clear()
		e.codeIndex.clear()
		e.customs.clear()
	}
	if len(e.strings) > 0 {
		clear(e.strings)
	}
	e.regions, e.objects, e.sorted, e.mapNodes, e.fnNodes = e.regions[:0], e.objects[:0], e.sorted[:0], e.mapNodes[:0], e.fnNodes[:0]
	e.roots, e.order, e.bytes = e.roots[:0], e.order[:0], e.bytes[:0]
	encoders.Put(e)
}

func (e *encoder) encode(h Host, v reflect.Value, opts Options) error {
	switch {
	case !v.IsValid():
		return errors.New("codec: there is no value to encode; encode a variable of an interface type to send nil")
	case !v.CanAddr() && !v.CanInterface():
		return errors.New("codec: a value read from an unexported field has no address; encode the variable that holds it")
	}
	e.h, e.opts = h, opts
	if e.opts.BufferMin == 0 {
		e.opts.BufferMin = defaultBufferMin
	}
	p, prog := memoryOf(v, &e.hold), programOf(v.Type())
	switch {
	case prog.plain:
		e.header(modePlain, v.Type())
		e.write(prog, p, 1)
	case v.Kind() == reflect.Slice && prog.ops[0].code == opSlice && prog.ops[0].elem().plain:
		e.header(modePlain, v.Type())
		e.writePlainSlice(prog.ops[0].elem(), (*sliceHeader)(p))
	case v.Kind() == reflect.Func:
		return e.funcValue(v, prog, p)
	default:
		return e.graph(v, prog, p)
	}
	return e.err
}

func (e *encoder) header(mode byte, t reflect.Type) {
	e.out = append(e.out, version, machine(), mode)
	e.out = binary.LittleEndian.AppendUint64(e.out, infoOf(t).fingerprint())
}

func (e *encoder) graph(v reflect.Value, prog *program, p unsafe.Pointer) error {
	e.roots = append(e.roots, typeRoot{info: infoOf(v.Type())}, typeRoot{info: infoOf(libraryType)})
	start := region{p: p, prog: prog, n: 1, kind: kindBox, place: place{region: -1}}
	if v.CanAddr() && prog.size > 0 {
		start.kind = kindMemory
		e.index.put(regionKey{p, prog, 1}, 0)
	}
	e.regions = append(e.regions, start)
	if err := e.scan(); err != nil {
		return err
	}
	if err := e.merge(); err != nil {
		return err
	}
	if root := &e.regions[0]; root.object == 0 {
		e.header(modeGraph, v.Type())
	} else {
		e.header(modeInner, v.Type())
	}
	e.writeGraph()
	return e.err
}

func (e *encoder) uvarint(n uint64) { e.out = binary.AppendUvarint(e.out, n) }
func (e *encoder) varint(n int64)   { e.out = binary.AppendVarint(e.out, n) }

// manyTimes is the least length of strings that are written once however often they occur.
const manyTimes = 64

func (e *encoder) string(s string) {
	if len(s) >= manyTimes {
		key := stringKey{unsafe.StringData(s), len(s)}
		if n, ok := e.strings[key]; ok {
			e.uvarint(n<<1 | 1)
			return
		}
		e.strings[key] = uint64(e.tableStrings + len(e.strings))
	}
	e.uvarint(uint64(len(s)) << 1)
	e.out = append(e.out, s...)
}
