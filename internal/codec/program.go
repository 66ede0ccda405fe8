package codec

import (
	"reflect"
	"sync/atomic"

	"mobula/internal/memo"
)

// opcode says how a part of a value is written.
type opcode uint8

const (
	opRaw       opcode = iota // bytes as they lie in memory
	opBool                    // a byte that is 0 or 1
	opAtomic                  // an integer of sync/atomic
	opString                  //
	opArray                   // of elements that are more than bytes
	opPointer                 //
	opSlice                   //
	opMap                     //
	opInterface               //
	opFunc                    //
	opNil                     // channels and unsafe pointers: nothing but nil can leave
	opSpecial                 // a type that is more than its fields
)

// op writes and reads one part of a value.
type op struct {
	code      opcode
	known     bool // opPointer: the other process may have this very thing
	offset    uintptr
	size      uintptr
	n         int // opArray: elements
	typ       reflect.Type
	sub       *program // opArray: of the element
	special   *special
	elemCache atomic.Pointer[program]
}

// elem returns the program of what a pointer, slice or such refers to. It is found late since types are recursive.
func (o *op) elem() *program {
	if p := o.elemCache.Load(); p != nil {
		return p
	}
	p := programOf(o.typ.Elem())
	o.elemCache.Store(p)
	return p
}

// program writes and reads values of one type.
type program struct {
	typ    reflect.Type
	size   uintptr
	ops    []*op
	refs   []*op    // those that the first pass must see
	raw    bool     // a value is its bytes, all of them, and any bytes are one
	plain  bool     // nothing in it has identity or can be refused
	direct bool     // see isDirect
	self   *special // of the type itself, if it is one
	least  int      // bytes of the shortest value; 0 only for types of no size

	members []member // of a struct
}

var programs memo.Table[reflect.Type, *program]

func programOf(t reflect.Type) *program {
	if p, ok := programs.Load(memo.OfType(t), t); ok {
		return p
	}
	p := &program{typ: t, size: t.Size(), plain: true, direct: isDirect(t), self: specialOf(t), members: membersOf(t)}
	p.add(t, 0)
	p.raw = p.size > 0 && len(p.ops) == 1 && p.ops[0].code == opRaw && p.ops[0].size == p.size
	for _, o := range p.ops {
		p.least += o.least()
		p.plain = p.plain && o.plain()
		if !o.plain() {
			p.refs = append(p.refs, o)
		}
	}
	if p.size > 0 {
		p.least = max(p.least, 1)
	}
	return programs.Store(memo.OfType(t), t, p)
}

func (o *op) least() int {
	switch o.code {
	case opRaw, opAtomic:
		return int(o.size)
	case opArray:
		return o.n * o.sub.least
	}
	return 1
}

func (o *op) plain() bool {
	switch o.code {
	case opRaw, opBool, opAtomic, opString:
		return true
	case opArray:
		return o.sub.plain
	case opSpecial:
		return o.special.plain
	}
	return false
}

// add appends what writes a value of type t that lies at the offset.
func (p *program) add(t reflect.Type, offset uintptr) {
	o := &op{offset: offset, size: t.Size(), typ: t}
	if s := specialOf(t); s != nil {
		o.code, o.special = opSpecial, s
		p.ops = append(p.ops, o)
		return
	}
	if p.atomic(t, offset) || p.composed(t, offset) {
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		o.code = opBool
	case reflect.String:
		o.code = opString
	case reflect.Slice:
		o.code = opSlice
	case reflect.Map:
		o.code = opMap
	case reflect.Pointer:
		o.code, o.known = opPointer, mayBeKnown(t.Elem())
	case reflect.Interface:
		o.code = opInterface
	case reflect.Func:
		o.code = opFunc
	case reflect.Chan, reflect.UnsafePointer:
		o.code = opNil
	default:
		p.bytes(offset, t.Size())
		return
	}
	p.ops = append(p.ops, o)
}

// bytes appends size bytes; those that follow others directly lengthen them.
func (p *program) bytes(offset, size uintptr) {
	if len(p.ops) > 0 {
		if last := p.ops[len(p.ops)-1]; last.code == opRaw && last.offset+last.size == offset {
			last.size += size
			return
		}
	}
	if size > 0 {
		p.ops = append(p.ops, &op{code: opRaw, offset: offset, size: size})
	}
}

// composed adds the parts of structs and arrays.
func (p *program) composed(t reflect.Type, offset uintptr) bool {
	switch t.Kind() {
	case reflect.Struct:
		p.fields(t, offset)
	case reflect.Array:
		p.array(t, offset)
	default:
		return false
	}
	return true
}

func (p *program) fields(t reflect.Type, offset uintptr) {
	if parts := partsOf(t); parts != nil { // the rest is zero on the other side
		for _, f := range parts {
			p.add(f.Type, offset+f.Offset)
		}
		return
	}
	for f := range t.Fields() {
		if f.Name == "_" && !programOf(f.Type).raw {
			continue // nobody can have written to it
		}
		p.add(f.Type, offset+f.Offset)
	}
}

func (p *program) array(t reflect.Type, offset uintptr) {
	sub := programOf(t.Elem())
	switch {
	case t.Len() == 0 || len(sub.ops) == 0:
	case sub.raw:
		p.bytes(offset, t.Size())
	case t.Len() == 1:
		p.add(t.Elem(), offset)
	default:
		p.ops = append(p.ops, &op{code: opArray, offset: offset, size: t.Size(), n: t.Len(), typ: t, sub: sub})
	}
}

// atomic adds the types of sync/atomic: they are read as they ask for.
func (p *program) atomic(t reflect.Type, offset uintptr) bool {
	if t.PkgPath() != "sync/atomic" || t.Kind() != reflect.Struct {
		return false
	}
	v, ok := t.FieldByName("v")
	if !ok {
		return false
	}
	o := &op{offset: offset + v.Offset, size: v.Type.Size(), typ: v.Type}
	switch v.Type.Kind() {
	case reflect.UnsafePointer: // of Pointer[T], whose first field is a [0]*T
		if t.Field(0).Type.Kind() != reflect.Array {
			return false
		}
		o.code, o.typ = opPointer, t.Field(0).Type.Elem()
		o.known = mayBeKnown(o.typ.Elem())
	case reflect.Interface:
		return false // of Value, which is special
	default:
		o.code = opAtomic
	}
	p.ops = append(p.ops, o)
	return true
}
