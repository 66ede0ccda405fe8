package arrowvalue_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/extensions"
	"github.com/apache/arrow-go/v18/arrow/memory"

	_ "mobula/arrowvalue"
	"mobula/internal/codec"
	"mobula/internal/program"
)

func host(t testing.TB) codec.Host {
	t.Helper()
	p, err := program.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// encoded is v as it travels; buffers alias it.
func encoded[T any](t testing.TB, v T) codec.Encoded {
	t.Helper()
	m, err := codec.Encode(host(t), reflect.ValueOf(&v).Elem(), codec.Options{Name: "v"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func size(m codec.Encoded) int {
	n := len(m.Head)
	for _, b := range m.Buffers {
		n += len(b)
	}
	return n
}

// sent is what becomes of v in another process: buffers are copied, as the store does.
func sent[T any](t testing.TB, v T) (got T) {
	t.Helper()
	m := encoded(t, v)
	for i, b := range m.Buffers {
		m.Buffers[i] = append([]byte(nil), b...)
	}
	if err := codec.Decode(host(t), m, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	return got
}

func fromJSON(t testing.TB, typ arrow.DataType, text string) arrow.Array {
	t.Helper()
	a, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %v", typ, err)
	}
	return a
}

func list(t arrow.DataType) arrow.DataType { return arrow.ListOf(t) }

var (
	ints    = arrow.PrimitiveTypes.Int64
	text    = arrow.BinaryTypes.String
	numbers = `[1, 2, null, 4, 5, 6, null]`
	words   = `["a", "", null, "four", "five and more", "\u00e4", "a long string that is no short one"]`
	lists   = `[[1, 2], [], null, [null, 4], [5], [6, 7, 8], []]`
)

var cases = []struct {
	typ  arrow.DataType
	json string
}{
	{arrow.Null, `[null, null, null]`},
	{arrow.FixedWidthTypes.Boolean, `[true, false, null, true, true, false, null]`},
	{arrow.PrimitiveTypes.Int8, numbers}, {arrow.PrimitiveTypes.Int16, numbers}, {arrow.PrimitiveTypes.Int32, numbers}, {ints, numbers},
	{arrow.PrimitiveTypes.Uint8, numbers}, {arrow.PrimitiveTypes.Uint16, numbers}, {arrow.PrimitiveTypes.Uint32, numbers}, {arrow.PrimitiveTypes.Uint64, numbers},
	{arrow.FixedWidthTypes.Float16, numbers}, {arrow.PrimitiveTypes.Float32, numbers}, {arrow.PrimitiveTypes.Float64, numbers},
	{&arrow.Decimal32Type{Precision: 5, Scale: 2}, `["1.25", null, "3.00", "-4.10"]`}, {&arrow.Decimal64Type{Precision: 12, Scale: 2}, `["1.25", null, "3.00", "-4.10"]`},
	{&arrow.Decimal128Type{Precision: 30, Scale: 2}, `["1.25", null, "3.00", "-4.10"]`}, {&arrow.Decimal256Type{Precision: 60, Scale: 2}, `["1.25", null, "3.00", "-4.10"]`},
	{arrow.FixedWidthTypes.Date32, `["2026-01-02", null, "1969-12-31"]`}, {arrow.FixedWidthTypes.Date64, `["2026-01-02", null, "1969-12-31"]`},
	{arrow.FixedWidthTypes.Time32s, `["10:11:12", null, "00:00:01"]`}, {arrow.FixedWidthTypes.Time64ns, `["10:11:12.000000001", null, "00:00:01"]`},
	{arrow.FixedWidthTypes.Timestamp_ns, `["2026-01-02T10:11:12.5Z", null, "1969-12-31T00:00:00Z"]`},
	{&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"}, `["2026-01-02T10:11:12.5Z", null, "1969-12-31T00:00:00Z"]`},
	{arrow.FixedWidthTypes.Duration_ms, numbers}, {arrow.FixedWidthTypes.MonthInterval, `[{"months": 1}, null, {"months": -3}]`},
	{arrow.FixedWidthTypes.DayTimeInterval, `[{"days": 1, "milliseconds": 5}, null]`},
	{arrow.FixedWidthTypes.MonthDayNanoInterval, `[{"months": 1, "days": 2, "nanoseconds": 3}, null]`},
	{text, words}, {arrow.BinaryTypes.LargeString, words}, {arrow.BinaryTypes.StringView, words},
	{arrow.BinaryTypes.Binary, `["AQID", null, "", "AA=="]`}, {arrow.BinaryTypes.LargeBinary, `["AQID", null, "", "AA=="]`}, {arrow.BinaryTypes.BinaryView, `["AQID", null, "", "AA=="]`},
	{&arrow.FixedSizeBinaryType{ByteWidth: 3}, `["AQID", null, "AAAA"]`},
	{list(ints), lists}, {arrow.LargeListOf(ints), lists}, {arrow.ListViewOf(ints), lists}, {arrow.LargeListViewOf(ints), lists},
	{list(list(text)), `[[["a"], [], null, ["b", null]], null, [], [["long enough to be seen", "c"]]]`},
	{arrow.FixedSizeListOf(2, ints), `[[1, 2], null, [3, null], [5, 6], [7, 8]]`},
	{arrow.FixedSizeListOf(2, list(text)), `[[["a"], null], null, [[], ["b", "c"]]]`},
	{arrow.MapOf(text, ints), `[[{"key": "a", "value": 1}], null, [], [{"key": "b", "value": null}, {"key": "c", "value": 3}]]`},
	{
		arrow.StructOf(arrow.Field{Name: "n", Type: ints, Nullable: true}, arrow.Field{Name: "l", Type: list(text), Nullable: true}),
		`[{"n": 1, "l": ["a"]}, null, {"n": null, "l": []}, {"n": 4, "l": null}, {"n": 5, "l": ["b", null]}]`,
	},
	{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: text, Ordered: true}, `["red", "blue", null, "red", "green", "blue"]`},
	{list(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint32, ValueType: ints}), `[[1, 2, 1], null, [2], [], [1, null]]`},
	{arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, text), `["a", "a", "a", null, null, "b", "b"]`},
	{arrow.SparseUnionOf([]arrow.Field{{Name: "i", Type: ints, Nullable: true}, {Name: "s", Type: text, Nullable: true}}, []int8{3, 5}), `[[3, 1], [5, "x"], [3, null], [5, "yy"]]`},
	{arrow.DenseUnionOf([]arrow.Field{{Name: "i", Type: ints, Nullable: true}, {Name: "s", Type: text, Nullable: true}}, []int8{3, 5}), `[[3, 1], [5, "x"], [3, null], [5, "yy"]]`},
	{extensions.NewUUIDType(), `["00112233-4455-6677-8899-aabbccddeeff", null, "ffeeddcc-bbaa-9988-7766-554433221100"]`},
	{extensions.NewBool8Type(), `[true, null, false]`},
	{newMoney("EUR"), `[100, null, 250]`},
	{list(newMoney("USD")), `[[100, null], null, [250]]`},
}

// money is an extension type that nobody has registered with Arrow.
type money struct {
	arrow.ExtensionBase
	currency string
}

type moneyArray struct{ array.ExtensionArrayBase }

func newMoney(currency string) *money {
	return &money{arrow.ExtensionBase{Storage: arrow.PrimitiveTypes.Int64}, currency}
}

func (*moneyArray) ValueStr(int) string { return "" }
func (*money) ArrayType() reflect.Type  { return reflect.TypeFor[moneyArray]() }
func (*money) ExtensionName() string    { return "money" }
func (m *money) Serialize() string      { return m.currency }

func (m *money) ExtensionEquals(other arrow.ExtensionType) bool {
	o, ok := other.(*money)
	return ok && o.currency == m.currency
}

func (*money) Deserialize(_ arrow.DataType, data string) (arrow.ExtensionType, error) {
	return newMoney(data), nil
}

func check(t *testing.T, what string, want, got arrow.Array) {
	t.Helper()
	switch {
	case !arrow.TypeEqual(want.DataType(), got.DataType(), arrow.CheckMetadata()) || reflect.TypeOf(want) != reflect.TypeOf(got):
		t.Errorf("%s: %T of %v arrived as %T of %v", what, want, want.DataType(), got, got.DataType())
	case !array.Equal(want, got) || want.NullN() != got.NullN() || want.Len() != got.Len():
		t.Errorf("%s: %v arrived as %v", what, want, got)
	}
	if err := array.ValidateFull(got); err != nil && array.ValidateFull(want) == nil {
		t.Errorf("%s: %v", what, err)
	}
}

func TestArrays(t *testing.T) {
	for _, c := range cases {
		t.Run(c.typ.String(), func(t *testing.T) {
			small := fromJSON(t, c.typ, c.json)
			arrays := []arrow.Array{small}
			if big, err := array.Concatenate(repeat(small, many), memory.DefaultAllocator); err == nil {
				arrays = append(arrays, big)
			} else if c.typ.ID() != arrow.DENSE_UNION && c.typ.ID() != arrow.SPARSE_UNION {
				t.Fatal(err)
			}
			for _, a := range arrays {
				n := int64(a.Len())
				check(t, "all", a, sent(t, a))
				for _, part := range [][2]int64{{0, 0}, {n, n}, {0, 1}, {1, n}, {n - 1, n}, {n / 3, n - n/3}, {n / 2, n/2 + 1}, {min(n, 65), min(n, 131)}} {
					slice := array.NewSlice(a, part[0], part[1])
					got := sent(t, slice)
					check(t, fmt.Sprint(part), slice, got)
					again := array.NewSlice(got, int64(got.Len())/2, int64(got.Len()))
					check(t, fmt.Sprint("half of ", part), array.NewSlice(slice, int64(got.Len())/2, int64(got.Len())), sent(t, again))
				}
			}
		})
	}
}

// many repetitions make the buffers of most types large.
const many = 12_000

func repeat(a arrow.Array, n int) []arrow.Array {
	all := make([]arrow.Array, n)
	for i := range all {
		all[i] = a
	}
	return all
}

func floats(n int) *array.Float64 {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	b.Reserve(n)
	for i := range n {
		b.UnsafeAppend(float64(i))
	}
	return b.NewFloat64Array()
}

// TestBuffersAreNotCopied: neither when values are taken apart nor when they are put together, and parts of one array travel once.
func TestBuffersAreNotCopied(t *testing.T) {
	a := floats(1 << 20)
	parts := []arrow.Array{a, array.NewSlice(a, 1000, 900_000), array.NewSlice(a, 1<<19, 1<<20)}
	m := encoded(t, parts)
	if len(m.Buffers) != 2 { // the bits of what is null, and the values
		t.Fatalf("%d buffers of %d bytes", len(m.Buffers), size(m))
	}
	at := func(a arrow.Array) unsafe.Pointer {
		return unsafe.Pointer(&a.(*array.Float64).Float64Values()[0])
	}
	var got []arrow.Array
	if err := codec.Decode(host(t), m, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	for i := range parts {
		if at(parts[i]) != at(got[i]) {
			t.Errorf("the values of array %d were copied", i)
		}
	}
}

// TestSlicesTravelAlone: a few rows do not take the array along that they are a slice of.
func TestSlicesTravelAlone(t *testing.T) {
	for _, c := range cases {
		small := fromJSON(t, c.typ, c.json)
		big, err := array.Concatenate(repeat(small, many), memory.DefaultAllocator)
		switch c.typ.ID() {
		case arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW, arrow.STRING_VIEW, arrow.BINARY_VIEW, arrow.RUN_END_ENCODED:
			continue // rows refer to any part
		}
		if err != nil {
			continue
		}
		n := int64(big.Len())
		if got := size(encoded(t, array.NewSlice(big, n/2, n/2+10))); got > 30_000 {
			t.Errorf("%v: ten rows take %d bytes", c.typ, got)
		}
	}
}

func TestRecordsAndTables(t *testing.T) {
	metadata := arrow.NewMetadata([]string{"k"}, []string{"v"})
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: ints, Nullable: true, Metadata: metadata}, {Name: "s", Type: text, Nullable: true},
		{Name: "e", Type: newMoney("EUR"), Nullable: true},
	}, &metadata)
	columns := []arrow.Array{fromJSON(t, ints, numbers), fromJSON(t, text, words), fromJSON(t, newMoney("EUR"), numbers)}
	batch := array.NewRecordBatchWithMetadata(schema, columns, 7, metadata)
	empty := batch.NewSlice(3, 3)
	for _, b := range []arrow.RecordBatch{batch, batch.NewSlice(2, 5), empty, array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 0)} {
		got := sent(t, b)
		if !array.RecordEqual(b, got) || !b.Schema().Equal(got.Schema()) || got.NumRows() != b.NumRows() || reflect.TypeOf(got) != reflect.TypeOf(b) {
			t.Errorf("%v arrived as %v", b, got)
		}
		if m := got.(interface{ Metadata() arrow.Metadata }).Metadata(); b == batch && !m.Equal(metadata) {
			t.Errorf("metadata %v", m)
		}
	}
	table := array.NewTableFromRecords(schema, []arrow.RecordBatch{batch, empty, batch.NewSlice(0, 2)})
	if got := sent(t, table); !array.TableEqual(table, got) || !got.Schema().Equal(schema) || len(got.Column(0).Data().Chunks()) != 3 {
		t.Errorf("%v arrived as %v", table, got)
	}
	if got := sent(t, table.Column(1)); !array.ChunkedEqual(table.Column(1).Data(), got.Data()) || got.Name() != "s" {
		t.Errorf("a column arrived as %v", got)
	}
	if got := sent(t, schema); !got.Equal(schema) {
		t.Errorf("a schema arrived as %v", got)
	}
}

// TestValuesWithArrays: arrays in structs, maps, interfaces, closures and behind two pointers.
func TestValuesWithArrays(t *testing.T) {
	a := floats(100_000)
	type value struct {
		typed  *array.Float64
		plain  any
		byName map[string]arrow.Array
		data   arrow.ArrayData
		buffer *memory.Buffer
		values []float64
		sum    func() float64
		cash   *moneyArray
	}
	cash := fromJSON(t, newMoney("EUR"), numbers).(*moneyArray)
	got := sent(t, &value{a, a, map[string]arrow.Array{"a": a}, a.Data(), a.Data().Buffers()[1], a.Float64Values(), func() float64 { return a.Value(7) + a.Value(8) }, cash})
	if got.plain.(*array.Float64) != got.typed || got.byName["a"].(*array.Float64) != got.typed || got.sum() != 15 || got.values[9] != 9 {
		t.Errorf("%v %v", got.sum(), got.values[9])
	}
	if !array.Equal(array.MakeFromData(got.data), a) || got.buffer.Len() != a.Data().Buffers()[1].Len() {
		t.Error("data or buffer differ")
	}
	if &got.buffer.Bytes()[0] != &got.data.Buffers()[1].Bytes()[0] {
		t.Error("the data has another buffer")
	}
	check(t, "an extension", cash, got.cash)
}

// TestReferences: each side releases what it has, and nobody loses what he reads.
func TestReferences(t *testing.T) {
	checked := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer checked.AssertSize(t, 0)
	b := array.NewInt64Builder(checked)
	for i := range 50_000 {
		b.Append(int64(i))
	}
	column := b.NewInt64Array()
	b.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: ints}}, nil)
	batch := array.NewRecordBatch(schema, []arrow.Array{column}, -1)
	m := encoded(t, batch)
	for i, b := range m.Buffers {
		m.Buffers[i] = append([]byte(nil), b...)
	}
	column.Release()
	batch.Release()
	var got arrow.RecordBatch
	if err := codec.Decode(host(t), m, reflect.ValueOf(&got).Elem()); err != nil {
		t.Fatal(err)
	}
	kept := got.Column(0).(*array.Int64)
	slice := array.NewSlice(kept, 10, 20).(*array.Int64)
	got.Retain()
	got.Release()
	got.Release()
	if kept.Value(49_999) != 49_999 || slice.Value(0) != 10 {
		t.Error("a reader lost its array")
	}
	kept.Release()
	slice.Release()
	var released arrow.Array = column
	if _, err := codec.Encode(host(t), reflect.ValueOf(&released).Elem(), codec.Options{Name: "v"}); err == nil || !strings.Contains(err.Error(), "it was released") {
		t.Error(err)
	}
	if _, err := codec.Encode(host(t), reflect.ValueOf(&batch).Elem(), codec.Options{Name: "v"}); err == nil || !strings.Contains(err.Error(), "it was released") {
		t.Error(err)
	}
}

func TestBuildersAreRefused(t *testing.T) {
	for _, v := range []any{array.NewInt64Builder(memory.DefaultAllocator), array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{{Name: "n", Type: text}}, nil))} {
		_, err := codec.Encode(host(t), reflect.ValueOf(&v).Elem(), codec.Options{Name: "v"})
		if _, ok := errors.AsType[*codec.Error](err); !ok || !strings.Contains(err.Error(), "a builder of an Arrow array is not done; send the array that it makes") || !strings.HasPrefix(err.Error(), "v") {
			t.Errorf("%T: %v", v, err)
		}
	}
}
