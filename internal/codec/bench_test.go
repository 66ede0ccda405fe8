package codec

import (
	"reflect"
	"testing"
	"time"
)

type flatStruct struct {
	ID    int
	Score float64
	Name  string
	Done  bool
}

type treeNode struct {
	Left, Right *treeNode
	Value       int
}

func tree(depth int) *treeNode {
	if depth == 0 {
		return nil
	}
	return &treeNode{tree(depth - 1), tree(depth - 1), depth}
}

func benchmarkValue(b *testing.B, x any) {
	b.Helper()
	h := newRegistry(flatStruct{})
	v := reflect.ValueOf(x)
	message, err := Encode(h, v, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(message.Head)))
		for b.Loop() {
			if _, err := Encode(h, v, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			if out, _, err = Append(out[:0], nil, h, v, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		into := reflect.New(v.Type()).Elem()
		for b.Loop() {
			if err := Decode(h, message, into); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkInt(b *testing.B)    { benchmarkValue(b, 42) }
func BenchmarkString(b *testing.B) { benchmarkValue(b, "a short string") }
func BenchmarkStruct(b *testing.B) { benchmarkValue(b, flatStruct{1, 2.5, "name", true}) }
func BenchmarkFloats(b *testing.B) { benchmarkValue(b, make([]float64, 10)) }
func BenchmarkTime(b *testing.B)   { benchmarkValue(b, time.Now().UTC()) }
func BenchmarkBuffer(b *testing.B) { benchmarkValue(b, make([]float64, 1<<20)) }
func BenchmarkPointer(b *testing.B) {
	benchmarkValue(b, &flatStruct{1, 2.5, "name", true})
}
func BenchmarkInterface(b *testing.B) { benchmarkValue(b, &[]any{1, "two", flatStruct{}}) }
func BenchmarkMap(b *testing.B)       { benchmarkValue(b, map[string]int{"a": 1, "b": 2, "c": 3}) }
func BenchmarkTree(b *testing.B)      { benchmarkValue(b, tree(12)) }
func BenchmarkList(b *testing.B)      { benchmarkValue(b, list(100_000)) }

type listNode struct {
	Next  *listNode
	Value int
}

func list(n int) *listNode {
	var head *listNode
	for i := range n {
		head = &listNode{head, i}
	}
	return head
}
