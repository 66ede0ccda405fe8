package core

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"mobula"
	_ "mobula/arrowvalue"
)

var tradeSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Int64},
	{Name: "symbol", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}},
	{Name: "note", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "legs", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true},
}, nil)

// trades is a record batch of n rows.
func trades(n int) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, tradeSchema)
	defer b.Release()
	symbols, legs := b.Field(1).(*array.BinaryDictionaryBuilder), b.Field(3).(*array.ListBuilder)
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		_ = symbols.AppendString([]string{"GOOG", "IBM", "SAP"}[i%3])
		if i%5 == 0 {
			b.Field(2).AppendNull()
			legs.AppendNull()
			continue
		}
		b.Field(2).(*array.StringBuilder).Append(fmt.Sprint("trade ", i))
		legs.Append(true)
		legs.ValueBuilder().(*array.Float64Builder).AppendValues([]float64{float64(i), 1}, nil)
	}
	return b.NewRecordBatch()
}

func column(b arrow.RecordBatch, i int) *array.Int64 { return b.Column(i).(*array.Int64) }

var arrows = []Program{
	{"Arrow record batches", func(ctx context.Context) (string, error) {
		for _, n := range []int{0, 10, 200_000} {
			batch := trades(n)
			got, err := mobula.Put(batch).Get(ctx)
			if err != nil {
				return "", err
			}
			back, err := mobula.Go(func() arrow.RecordBatch { defer got.Release(); got.Retain(); return got }).Get(ctx)
			if err != nil {
				return "", err
			}
			if !array.RecordEqual(batch, got) || !array.RecordEqual(batch, back) || !back.Schema().Equal(tradeSchema) {
				return fmt.Sprint("a batch of ", n), nil
			}
			batch.Release()
			got.Release()
			back.Release()
		}
		return "equal", nil
	}, "equal"},
	{"parts of an Arrow batch in tasks", func(ctx context.Context) (string, error) {
		const rows, parts = 100_000, 10
		r := mobula.Put(trades(rows))
		sums := mobula.Map([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, func(i int) int {
			total := 0
			batch := r.Value().NewSlice(int64(i*rows/parts), int64((i+1)*rows/parts))
			defer batch.Release()
			for j := range int(batch.NumRows()) {
				total += int(column(batch, 0).Value(j))
			}
			return total
		})
		list, err := mobula.All(ctx, sums)
		return fmt.Sprint(sum(list...)), err
	}, "4999950000"},
	{"slices of Arrow arrays as captures and results", func(ctx context.Context) (string, error) {
		batch := trades(100_000)
		var refs []mobula.Ref[arrow.Array]
		for i := range 4 {
			part := array.NewSlice(batch.Column(2), int64(i*25_000+1), int64(i*25_000+4))
			refs = append(refs, mobula.Go(func() arrow.Array { return array.NewSlice(part, 1, 3) }))
		}
		batch.Release()
		return text(mobula.All(ctx, refs))
	}, `[["trade 2" "trade 3"] ["trade 25002" "trade 25003"] ["trade 50002" "trade 50003"] ["trade 75002" "trade 75003"]]`},
	{"Arrow tables", func(ctx context.Context) (string, error) {
		table := array.NewTableFromRecords(tradeSchema, []arrow.RecordBatch{trades(30_000), trades(0), trades(50_000)})
		got, err := mobula.Go(func() arrow.Table { return table }).Get(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(array.TableEqual(table, got), got.NumRows(), len(got.Column(0).Data().Chunks())), nil
	}, "true 80000 3"},
	{"an actor keeps Arrow batches", func(ctx context.Context) (string, error) {
		type store struct{ batches []arrow.RecordBatch }
		a := mobula.NewActor(func() *store { return &store{} })
		for i := range 3 {
			batch := trades(20_000 + i)
			mobula.Call(a, func(s *store) int { s.batches = append(s.batches, batch); return 0 })
		}
		got, err := mobula.Call(a, func(s *store) []arrow.RecordBatch { return s.batches }).Get(ctx)
		if err != nil {
			return "", err
		}
		return fmt.Sprint(got[0].NumRows(), got[2].NumRows(), array.RecordEqual(got[1], trades(20_001))), nil
	}, "20000 20002 true"},
}
