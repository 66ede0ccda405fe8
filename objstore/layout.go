package objstore

import (
	"encoding/binary"
	"fmt"
	"math"
)

// An object in memory, on disk and between nodes is the same bytes: a header, the head, the buffers.
//
//	magic uint32 | buffers uint32 | head length uint64 | length of each buffer uint64 | head | padding | buffer ...
//
// Numbers are little-endian. A buffer of a page and more begins at a multiple of Page from the object's
// begin, a smaller one and the head at a multiple of 64.
const (
	layoutMagic = 0x316f626d // "mbo1"
	// Page is the alignment of big buffers, and of big objects in their segments.
	Page       = 4096
	cacheLine  = 64
	maxBuffers = 1 << 20
	maxSize    = math.MaxInt64 / 4
)

// Layout says where the parts of an object lie.
type Layout struct {
	head    span
	buffers []span
	size    int64
}

type span struct{ offset, size int64 }

// NewLayout lays out an object with a head and buffers of these lengths.
func NewLayout(head int64, buffers []int64) (Layout, error) {
	if len(buffers) > maxBuffers {
		return Layout{}, fmt.Errorf("lay out an object: %d buffers, the most is %d", len(buffers), maxBuffers)
	}
	l := Layout{buffers: make([]span, len(buffers)), size: 16 + 8*int64(len(buffers))}
	var err error
	if l.head, err = l.add(head, cacheLine); err != nil {
		return Layout{}, err
	}
	for i, n := range buffers {
		align := int64(cacheLine)
		if n >= Page {
			align = Page
		}
		if l.buffers[i], err = l.add(n, align); err != nil {
			return Layout{}, err
		}
	}
	return l, nil
}

func (l *Layout) add(n, align int64) (span, error) {
	if n < 0 || n > maxSize || l.size > maxSize {
		return span{}, fmt.Errorf("lay out an object: a part of %d bytes", n)
	}
	s := span{alignUp(l.size, align), n}
	l.size = s.offset + n
	return s, nil
}

func alignUp(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }

// Size is the length of the whole object.
func (l *Layout) Size() int64 { return l.size }

// Format writes the header into an object and returns its parts, to be filled.
func (l *Layout) Format(object []byte) (head []byte, buffers [][]byte) {
	binary.LittleEndian.PutUint32(object, layoutMagic)
	binary.LittleEndian.PutUint32(object[4:], uint32(len(l.buffers)))
	binary.LittleEndian.PutUint64(object[8:], uint64(l.head.size))
	for i, b := range l.buffers {
		binary.LittleEndian.PutUint64(object[16+8*i:], uint64(b.size))
	}
	return l.cut(object)
}

func (l *Layout) cut(object []byte) (head []byte, buffers [][]byte) {
	if len(l.buffers) > 0 {
		buffers = make([][]byte, len(l.buffers))
	}
	for i, b := range l.buffers {
		buffers[i] = object[b.offset : b.offset+b.size : b.offset+b.size]
	}
	return object[l.head.offset : l.head.offset+l.head.size : l.head.offset+l.head.size], buffers
}

// Parse reads the header of an object and returns its parts, which are slices of it.
func Parse(object []byte) (head []byte, buffers [][]byte, err error) {
	if len(object) < 16 || binary.LittleEndian.Uint32(object) != layoutMagic {
		return nil, nil, fmt.Errorf("an object of %d bytes has no header: it was not written by a client of this store", len(object))
	}
	n := int64(binary.LittleEndian.Uint32(object[4:]))
	if n > maxBuffers || 16+8*n > int64(len(object)) {
		return nil, nil, fmt.Errorf("an object of %d bytes says that it has %d buffers: it is damaged", len(object), n)
	}
	lengths := make([]int64, n)
	for i := range lengths {
		lengths[i] = int64(binary.LittleEndian.Uint64(object[16+8*i:]))
	}
	l, err := NewLayout(int64(binary.LittleEndian.Uint64(object[8:])), lengths)
	if err != nil {
		return nil, nil, fmt.Errorf("an object of %d bytes is damaged: %w", len(object), err)
	}
	if l.size > int64(len(object)) {
		return nil, nil, fmt.Errorf("an object of %d bytes is cut off: its header says %d", len(object), l.size)
	}
	head, buffers = l.cut(object)
	return head, buffers, nil
}
