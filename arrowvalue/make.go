package arrowvalue

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"mobula/internal/codec"
)

// Bounds of what is taken for data, since damaged input may contain itself.
const (
	maxDepth = 1000
	maxNodes = 1 << 20
)

// make puts data together. It has one reference, and its buffers have none: they belong to the garbage collector.
func (n *node) make() (*array.Data, error) {
	left := maxNodes
	return n.build(maxDepth, &left)
}

func (n *node) build(depth int, left *int) (*array.Data, error) {
	*left--
	if depth == 0 || *left < 0 || n.Length < 0 || n.Offset < 0 || n.Type == nil || !finite(n.Type, maxDepth, left) {
		return nil, fmt.Errorf("%w: an Arrow array of %d rows from %d", codec.ErrDamaged, n.Length, n.Offset)
	}
	buffers := make([]*memory.Buffer, len(n.Buffers))
	for i, b := range n.Buffers {
		buffers[i] = bufferOf(b)
	}
	var children []arrow.ArrayData
	for i := range n.Children {
		c, err := n.Children[i].build(depth-1, left)
		if err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	d := array.NewData(n.Type, n.Length, buffers, children, n.Nulls, n.Offset)
	if n.Dictionary != nil {
		dictionary, err := n.Dictionary.build(depth-1, left)
		if err != nil {
			return nil, err
		}
		d.SetDictionary(dictionary)
	}
	return d, nil
}

// finite tells whether a data type has an end: Arrow follows one that is made of itself until the stack is full.
func finite(t arrow.DataType, depth int, left *int) bool {
	*left--
	if depth == 0 || *left < 0 {
		return false
	}
	switch t := t.(type) {
	case interface{ StorageType() arrow.DataType }: // an extension
		return finite(t.StorageType(), depth-1, left)
	case *arrow.DictionaryType:
		return finite(t.IndexType, depth-1, left) && finite(t.ValueType, depth-1, left)
	case arrow.NestedType:
		for _, f := range t.Fields() {
			if !finite(f.Type, depth-1, left) {
				return false
			}
		}
	}
	return true
}

// checkSchema says what is wrong with a schema that was read.
func checkSchema(s *arrow.Schema) error {
	if s == nil {
		return fmt.Errorf("%w: an Arrow value has no schema", codec.ErrDamaged)
	}
	left := maxNodes
	for _, f := range s.Fields() {
		if !finite(f.Type, maxDepth, &left) {
			return fmt.Errorf("%w: the type of the Arrow column %.40q has no end", codec.ErrDamaged, f.Name)
		}
	}
	return nil
}

// array makes the array of the data. It has a reference beside its owner's, so that whoever releases it does not take it from others that
// have parts of it: the collector knows best.
func (n *node) array() (arrow.Array, error) {
	d, err := n.make()
	if err != nil {
		return nil, err
	}
	a := array.MakeFromData(d)
	a.Retain()
	return a, nil
}
