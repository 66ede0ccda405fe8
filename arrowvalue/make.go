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
	if depth == 0 || *left < 0 || n.Type == nil || n.Length < 0 || n.Offset < 0 {
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
