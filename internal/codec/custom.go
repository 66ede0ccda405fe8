package codec

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// Custom is how values of a type travel that its package writes and reads itself: by Encode and Decode, or, where values have
// large memory of their own, by EncodeBuffers and DecodeBuffers. All are called on the goroutine of the encoding or decoding whose Host is h.
type Custom struct {
	// Encode returns what is sent for the value at p. It is called once for each value in memory.
	Encode func(h Host, p unsafe.Pointer) ([]byte, error)
	// Decode fills the zero value at p. data is valid only during the call.
	Decode func(h Host, data []byte, p unsafe.Pointer) error

	// EncodeBuffers returns what is sent for the value at p. The Buffers are not copied: like large arrays of the value itself they
	// become Buffers of the message, or parts of them. Those that overlap, of several values too, are sent once. It is called once for each
	// value in memory.
	EncodeBuffers func(h Host, p unsafe.Pointer) (Encoded, error)
	// DecodeBuffers fills the zero value at p, which may keep the Buffers: they are memory of the decoded value, shared
	// with other values as they were. The Head is valid only during the call. It is called when all of the message is read.
	DecodeBuffers func(h Host, message Encoded, p unsafe.Pointer) error
}

var customs sync.Map // reflect.Type to *special

// Register says how values of type t travel from now on, a type of the calling package or of one that it stands for. It is called while
// nothing is encoded or decoded: when a program starts, or a package is loaded.
func Register(t reflect.Type, c Custom) {
	defer func() { // what is known of types may have this one in it
		programs.Clear()
		infos.Clear()
		layouts.Clear()
	}()
	if c.EncodeBuffers == nil {
		customs.Store(t, c.special())
		return
	}
	if isDirect(t) || t.Size() == 0 {
		panic(fmt.Sprintf("codec: Register of %v with buffers: a value without memory of its own has none", t))
	}
	s := new(special)
	s.scan = func(e *encoder, at place, p unsafe.Pointer) error { return e.scanCustom(s, c.EncodeBuffers, at, p) }
	s.write = func(e *encoder, p unsafe.Pointer) { e.writeCustom(s, p) }
	s.read = func(d *decoder, p unsafe.Pointer) { d.readCustom(c.DecodeBuffers, p) }
	customs.Store(t, s)
}

func (c Custom) special() *special {
	return &special{
		write: func(e *encoder, p unsafe.Pointer) {
			data, err := c.Encode(e.h, p)
			if err != nil && e.err == nil {
				e.err = err
			}
			e.uvarint(uint64(len(data)))
			e.out = append(e.out, data...)
		},
		read: func(d *decoder, p unsafe.Pointer) {
			data := d.take(d.uvarint())
			if d.err != nil {
				return
			}
			if err := c.Decode(d.h, data, p); err != nil {
				d.err = err
			}
		},
	}
}

type customKey struct {
	p unsafe.Pointer
	s *special
}

// customNode is a value with buffers.
type customNode struct {
	head    []byte
	buffers []sliceHeader // of bytes
}

func bytesProgram() *program { return programOf(reflect.TypeFor[byte]()) }

func (e *encoder) scanCustom(s *special, encode func(Host, unsafe.Pointer) (Encoded, error), at place, p unsafe.Pointer) error {
	key := customKey{p, s}
	if _, ok := e.customs.get(key); ok {
		return nil
	}
	message, err := encode(e.h, p)
	if err != nil {
		return e.refuseFor(at, err)
	}
	node := customNode{head: message.Head}
	for _, b := range message.Buffers {
		bytes := sliceHeader{unsafe.Pointer(unsafe.SliceData(b)), len(b), len(b)}
		node.buffers = append(node.buffers, bytes)
		key := regionKey{bytes.data, bytesProgram(), bufferOf(len(b))}
		if _, ok := e.index.get(key); ok || len(b) == 0 {
			continue
		}
		e.index.put(key, int32(len(e.regions)))
		e.regions = append(e.regions, region{p: bytes.data, prog: bytesProgram(), n: len(b), kind: kindBuffer, root: rootLibrary, place: at})
	}
	e.customs.put(key, node)
	return nil
}

// bufferOf tells buffers of customs from elements of slices, with which they share nothing: the one may be bytes, the other floats.
func bufferOf(n int) int { return -1 - n }

func (e *encoder) writeCustom(s *special, p unsafe.Pointer) {
	node, ok := e.customs.get(customKey{p, s})
	if !ok {
		e.err = errChanged()
		return
	}
	e.uvarint(uint64(len(node.head)))
	e.out = append(e.out, node.head...)
	e.uvarint(uint64(len(node.buffers)))
	for _, b := range node.buffers {
		if b.len == 0 {
			e.uvarint(refEmpty)
			continue
		}
		i, _ := e.index.get(regionKey{b.data, bytesProgram(), bufferOf(b.len)}) // scanCustom has put it
		e.reference(&e.regions[i])
		e.uvarint(uint64(b.len))
	}
}

// readyCustom is a value with buffers that are read by the end of the message.
type readyCustom struct {
	decode  func(Host, Encoded, unsafe.Pointer) error
	message Encoded
	p       unsafe.Pointer
}

func (d *decoder) readCustom(decode func(Host, Encoded, unsafe.Pointer) error, p unsafe.Pointer) {
	c := readyCustom{decode: decode, p: p}
	c.message.Head = d.take(d.uvarint())
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		c.message.Buffers = append(c.message.Buffers, d.readBytes())
	}
	if d.err == nil {
		d.customs = append(d.customs, c)
	}
}

// readBytes reads a buffer of a custom.
func (d *decoder) readBytes() []byte {
	ref := d.uvarint()
	switch {
	case ref == refEmpty:
		return []byte{}
	case ref >= refObjects && d.err == nil:
		p, room := d.target(ref, bytesProgram())
		if n := d.uvarint(); n > 0 && n <= uint64(room) {
			return unsafe.Slice((*byte)(p), int(n))
		}
	}
	d.damaged("a buffer leads nowhere")
	return nil
}

// finishCustoms fills the values with buffers.
func (d *decoder) finishCustoms() {
	for i := 0; i < len(d.customs) && d.err == nil; i++ {
		c := &d.customs[i]
		if err := c.decode(d.h, c.message, c.p); err != nil {
			d.err = err
		}
	}
}
