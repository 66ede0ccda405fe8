package arrowvalue

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"mobula/internal/codec"
)

// arrays are all types of arrays; those of extension types have ExtensionArrayBase in them.
var arrays = []any{
	array.Null{}, array.Boolean{}, array.Int8{}, array.Int16{}, array.Int32{}, array.Int64{}, array.Uint8{}, array.Uint16{}, array.Uint32{}, array.Uint64{},
	array.Float16{}, array.Float32{}, array.Float64{}, array.Decimal32{}, array.Decimal64{}, array.Decimal128{}, array.Decimal256{},
	array.Date32{}, array.Date64{}, array.Time32{}, array.Time64{}, array.Timestamp{}, array.Duration{},
	array.MonthInterval{}, array.DayTimeInterval{}, array.MonthDayNanoInterval{},
	array.String{}, array.LargeString{}, array.StringView{}, array.Binary{}, array.LargeBinary{}, array.BinaryView{}, array.FixedSizeBinary{},
	array.List{}, array.LargeList{}, array.ListView{}, array.LargeListView{}, array.FixedSizeList{}, array.Map{}, array.Struct{},
	array.SparseUnion{}, array.DenseUnion{}, array.Dictionary{}, array.RunEndEncoded{}, array.ExtensionArrayBase{},
}

func init() {
	for _, a := range arrays {
		registerArray(reflect.TypeOf(a))
	}
	register(func(d *array.Data) (node, error) { return describe(d) }, func(d *array.Data, n *node) error {
		made, err := n.make()
		return fill(d, made, err)
	})
	register(describeBuffer, fillBuffer)
	register(describeChunked, fillChunked)
	registerAs(recordType, describeRecord, fillRecord)
	registerAs(tableType, describeTable, fillTable)
	if f, ok := reflect.TypeFor[array.BooleanBuilder]().FieldByName("builder"); ok { // all builders have one
		refused := &codec.Error{Reason: "a builder of an Arrow array is not done", Hint: "send the array that it makes"}
		codec.Register(f.Type, codec.Custom{
			EncodeBuffers: func(codec.Host, unsafe.Pointer) (codec.Encoded, error) { return codec.Encoded{}, refused },
			DecodeBuffers: func(codec.Host, codec.Encoded, unsafe.Pointer) error { return refused },
		})
	}
}

func registerArray(t reflect.Type) {
	pointer := func(p unsafe.Pointer) reflect.Value { return reflect.NewAt(t, p) }
	registerAs(t, func(p unsafe.Pointer) (node, error) {
		return describe(pointer(p).Interface().(interface{ Data() arrow.ArrayData }).Data())
	}, func(p unsafe.Pointer, n *node) error {
		a, err := n.array()
		if err != nil {
			return err
		}
		made := reflect.ValueOf(a).Elem()
		if made.Type() != t && a.DataType().ID() == arrow.EXTENSION {
			made = made.FieldByName("ExtensionArrayBase")
		}
		if !made.IsValid() || made.Type() != t {
			return fmt.Errorf("%w: %v is no %v", codec.ErrDamaged, made.Type(), t)
		}
		pointer(p).Elem().Set(made)
		return nil
	})
}

// register says how a type travels, by what describe makes of it.
func register[T, N any](describe func(*T) (N, error), fill func(*T, *N) error) {
	registerAs(reflect.TypeFor[T](),
		func(p unsafe.Pointer) (N, error) { return describe((*T)(p)) },
		func(p unsafe.Pointer, n *N) error { return fill((*T)(p), n) })
}

func registerAs[N any](t reflect.Type, describe func(unsafe.Pointer) (N, error), fill func(unsafe.Pointer, *N) error) {
	codec.Register(t, codec.Custom{
		EncodeBuffers: func(h codec.Host, p unsafe.Pointer) (codec.Encoded, error) {
			n, err := describe(p)
			if err != nil {
				return codec.Encoded{}, err
			}
			return codec.Encode(h, reflect.ValueOf(&n).Elem(), codec.Options{})
		},
		DecodeBuffers: func(h codec.Host, m codec.Encoded, p unsafe.Pointer) (err error) {
			var n N
			if err := codec.Decode(h, m, reflect.ValueOf(&n).Elem()); err != nil {
				return err
			}
			defer func() { // Arrow panics where buffers do not fit
				if v := recover(); v != nil {
					err = fmt.Errorf("%w: an Arrow value: %v", codec.ErrDamaged, v)
				}
			}()
			return fill(p, &n)
		},
	})
}

// fill sets a value to one that was made, or passes its error on.
func fill[T any](into, made *T, err error) error {
	if err == nil {
		reflect.ValueOf(into).Elem().Set(reflect.ValueOf(made).Elem())
	}
	return err
}

var errReleased = &codec.Error{Reason: "it was released", Hint: "release it after the call that sends it"}

// buffer is a memory.Buffer.
type buffer struct{ Bytes []byte }

func describeBuffer(b *memory.Buffer) (buffer, error) { return buffer{b.Bytes()}, nil }

// fillBuffer makes a buffer that may grow: then its bytes are copied.
func fillBuffer(into *memory.Buffer, b *buffer) error {
	return fill(into, memory.NewBufferWithAllocator(aligned(b.Bytes), memory.NewGoAllocator()), nil)
}

// chunked is an arrow.Chunked.
type chunked struct {
	Type   arrow.DataType
	Chunks []arrow.Array
}

func describeChunked(c *arrow.Chunked) (chunked, error) {
	if c.Chunks() == nil {
		return chunked{}, errReleased
	}
	return chunked{c.DataType(), c.Chunks()}, nil
}

func fillChunked(into *arrow.Chunked, c *chunked) error {
	if left := maxNodes; !finite(c.Type, maxDepth, &left) {
		return fmt.Errorf("%w: the type of an Arrow column has no end", codec.ErrDamaged)
	}
	return fill(into, arrow.NewChunked(c.Type, c.Chunks), nil)
}

// record is an arrow.RecordBatch.
type record struct {
	Schema   *arrow.Schema
	Metadata arrow.Metadata
	Rows     int64
	Columns  []arrow.Array
}

type withMetadata interface{ Metadata() arrow.Metadata }

func recordAt(p unsafe.Pointer) reflect.Value { return reflect.NewAt(recordType, p) }

var recordType = reflect.TypeOf(array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 0)).Elem()

func describeRecord(p unsafe.Pointer) (record, error) {
	b := recordAt(p).Interface().(arrow.RecordBatch)
	r := record{Schema: b.Schema(), Rows: b.NumRows(), Columns: b.Columns()}
	if m, ok := b.(withMetadata); ok {
		r.Metadata = m.Metadata()
	}
	if len(r.Columns) != r.Schema.NumFields() && r.Rows > 0 {
		return record{}, errReleased
	}
	return r, nil
}

func fillRecord(p unsafe.Pointer, r *record) error {
	if err := checkSchema(r.Schema); err != nil {
		return err
	}
	made := array.NewRecordBatchWithMetadata(r.Schema, r.Columns, r.Rows, r.Metadata)
	recordAt(p).Elem().Set(reflect.ValueOf(made).Elem())
	return nil
}

// table is an arrow.Table.
type table struct {
	Schema  *arrow.Schema
	Rows    int64
	Columns []*arrow.Chunked
}

var tableType = reflect.TypeOf(array.NewTable(arrow.NewSchema(nil, nil), nil, 0)).Elem()

func describeTable(p unsafe.Pointer) (table, error) {
	t := reflect.NewAt(tableType, p).Interface().(arrow.Table)
	x := table{Schema: t.Schema(), Rows: t.NumRows()}
	if int(t.NumCols()) != x.Schema.NumFields() {
		return table{}, errors.New("its columns are not those of its schema")
	}
	for i := range int(t.NumCols()) {
		c := t.Column(i).Data()
		if c == nil || c.Len() < int(x.Rows) {
			return table{}, errReleased
		}
		x.Columns = append(x.Columns, c)
	}
	return x, nil
}

func fillTable(p unsafe.Pointer, x *table) error {
	if err := checkSchema(x.Schema); err != nil {
		return err
	}
	if len(x.Columns) != x.Schema.NumFields() {
		return fmt.Errorf("%w: a table of %d columns", codec.ErrDamaged, len(x.Columns))
	}
	columns := make([]arrow.Column, len(x.Columns))
	for i, c := range x.Columns {
		columns[i] = *arrow.NewColumn(x.Schema.Field(i), c)
	}
	reflect.NewAt(tableType, p).Elem().Set(reflect.ValueOf(array.NewTable(x.Schema, columns, x.Rows)).Elem())
	return nil
}
