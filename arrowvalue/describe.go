package arrowvalue

import (
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// node is an array.Data as it travels. Its buffers alias the array's, and become those of the copy.
type node struct {
	Type       arrow.DataType
	Length     int
	Offset     int // in rows of the buffers
	Nulls      int
	Buffers    [][]byte // nil: there is none
	Children   []node
	Dictionary *node
}

// describe takes the data of an array apart: the rows that it shows.
func describe(d arrow.ArrayData) (node, error) {
	if x, ok := d.(*array.Data); !ok || x == nil || x.DataType() == nil || x.Buffers() == nil && x.Len() > 0 && hasBuffers(x.DataType()) {
		return node{}, errReleased
	}
	return all(d), nil
}

func hasBuffers(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.NULL, arrow.RUN_END_ENCODED:
		return false
	}
	return true
}

// wordRows is a number of rows whose bits, and values, begin at a multiple of eight bytes.
const wordRows = 64

// rows describes the rows of d from lo up to hi, as its buffers count them, and so many before them as make the buffers begin at whole words.
func rows(d arrow.ArrayData, lo, hi int) node {
	t := storage(d.DataType())
	base := lo / wordRows * wordRows
	if t.ID() == arrow.RUN_END_ENCODED {
		base = 0 // the ends of runs count from the first row
	}
	n := node{Type: d.DataType(), Length: hi - lo, Offset: lo - base, Nulls: nulls(d, lo, hi), Buffers: make([][]byte, len(d.Buffers()))}
	first := len(d.Buffers()) - len(t.Layout().Buffers)
	if t.Layout().VariadicSpec != nil {
		first = 0
	}
	for i, b := range d.Buffers() {
		if b != nil {
			n.Buffers[i] = rowsOf(b.Bytes(), specOf(t, i-first), base, hi)
		}
	}
	n.children(d, t, lo, base, hi)
	if dictionary, ok := d.Dictionary().(*array.Data); ok && dictionary != nil {
		whole := all(dictionary)
		n.Dictionary = &whole
	}
	return n
}

func all(d arrow.ArrayData) node { return rows(d, d.Offset(), d.Offset()+d.Len()) }

// storage is the type that says how the buffers lie.
func storage(t arrow.DataType) arrow.DataType {
	for {
		x, ok := t.(arrow.ExtensionType)
		if !ok {
			return t
		}
		t = x.StorageType()
	}
}

// nulls counts those of some rows, if that costs nothing.
func nulls(d arrow.ArrayData, lo, hi int) int {
	switch {
	case lo == d.Offset() && hi == lo+d.Len():
		return d.NullN()
	case storage(d.DataType()).ID() == arrow.NULL:
		return hi - lo
	case d.NullN() == 0 || len(d.Buffers()) == 0 || d.Buffers()[0] == nil:
		return 0
	}
	return array.UnknownNullCount
}

// specOf says what a buffer holds: the i-th of the layout, or one of the unbounded rest; unions have a buffer before it, which is nil.
func specOf(t arrow.DataType, i int) arrow.BufferSpec {
	if list := t.Layout().Buffers; i >= 0 && i < len(list) {
		return list[i]
	}
	return arrow.SpecVariableWidth()
}

// rowsOf is the part of a buffer that has the rows from base to hi.
func rowsOf(b []byte, spec arrow.BufferSpec, base, hi int) []byte {
	switch spec.Kind {
	case arrow.KindBitmap:
		return cut(b, base/8, (hi+7)/8)
	case arrow.KindFixedWidth:
		return cut(b, base*spec.ByteWidth, hi*spec.ByteWidth)
	}
	return b
}

// cut is b[from:to] of what is there.
func cut(b []byte, from, to int) []byte {
	to = min(to, len(b))
	from = min(from, to)
	return b[from:to:to]
}

// children describes what the rows from lo to hi refer to beside their own buffers, and cuts offsets.
func (n *node) children(d arrow.ArrayData, t arrow.DataType, lo, base, hi int) {
	switch t := t.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		n.Buffers[2] = text[int32](n, d, lo, base, hi)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		n.Buffers[2] = text[int64](n, d, lo, base, hi)
	case *arrow.ListType, *arrow.MapType:
		n.Children = []node{elements[int32](n, d, lo, base, hi)}
	case *arrow.LargeListType:
		n.Children = []node{elements[int64](n, d, lo, base, hi)}
	case *arrow.FixedSizeListType:
		n.parallel(d, base*int(t.Len()), hi*int(t.Len()))
	case *arrow.StructType, *arrow.SparseUnionType:
		n.parallel(d, base, hi)
	default: // dense unions, views of lists and encoded runs refer to any of their elements
		for _, c := range d.Children() {
			n.Children = append(n.Children, all(c))
		}
	}
}

// parallel describes children with rows of their own for each of these.
func (n *node) parallel(d arrow.ArrayData, from, to int) {
	for _, c := range d.Children() {
		end := c.Offset() + min(to, c.Len())
		n.Children = append(n.Children, rows(c, min(c.Offset()+from, end), end))
	}
}

// text returns the bytes of strings that the rows show.
func text[O int32 | int64](n *node, d arrow.ArrayData, lo, base, hi int) []byte {
	offsets, first, last := span[O](n, d, lo, base, hi)
	values := n.Buffers[2]
	if values == nil || offsets == nil {
		return values
	}
	if first > int(unsafe.Sizeof(O(0)))*len(offsets) { // else what goes along costs less than new offsets
		n.Buffers[1] = rebased(offsets, O(first))
		return cut(values, first, last)
	}
	return cut(values, 0, last)
}

// elements describes the elements of lists that the rows show.
func elements[O int32 | int64](n *node, d arrow.ArrayData, lo, base, hi int) node {
	offsets, first, last := span[O](n, d, lo, base, hi)
	c := d.Children()[0]
	switch {
	case offsets == nil:
		return all(c)
	case first > len(offsets):
		n.Buffers[1] = rebased(offsets, O(first))
	default:
		first = 0
	}
	return rows(c, c.Offset()+first, c.Offset()+last)
}

// span sets the buffer of offsets to that of the rows, and returns it with the offsets of the first and behind the last row that
// are shown; nil where there are none.
func span[O int32 | int64](n *node, d arrow.ArrayData, lo, base, hi int) (offsets []O, first, last int) {
	b := d.Buffers()[1]
	width := int(unsafe.Sizeof(O(0)))
	if b == nil || b.Len() < (hi+1)*width {
		return nil, 0, 0
	}
	n.Buffers[1] = cut(b.Bytes(), base*width, (hi+1)*width)
	offsets = unsafe.Slice((*O)(unsafe.Pointer(unsafe.SliceData(n.Buffers[1]))), hi+1-base)
	return offsets, int(offsets[lo-base]), int(offsets[hi-base])
}

// rebased returns offsets that count from first. Those of rows before it, which nobody sees, are 0.
func rebased[O int32 | int64](offsets []O, first O) []byte {
	list := make([]O, len(offsets))
	for i, o := range offsets {
		list[i] = max(o-first, 0)
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(list))), len(list)*int(unsafe.Sizeof(first)))
}

// aligned returns b at an address that is good for numbers of any size.
func aligned(b []byte) []byte {
	const most = unsafe.Alignof(uint64(0))
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%most == 0 || len(b) == 0 {
		return b
	}
	words := make([]uint64, (len(b)+7)/8)
	there := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(b))
	copy(there, b)
	return there
}

func bufferOf(b []byte) *memory.Buffer {
	if b == nil {
		return nil
	}
	return memory.NewBufferBytes(aligned(b))
}
