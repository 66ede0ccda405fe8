package id

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestText(t *testing.T) {
	g := NewGenerator([8]byte{0xab, 1, 2, 3, 4, 5, 6, 7})
	task := Task{g.Next()}
	const want = "ab010203040506070000000000000001"
	if task.String() != want || task.Short() != "ab010001" {
		t.Errorf("%v, %s", task, task.Short())
	}
	if back, err := Parse[Task](want); err != nil || back != task {
		t.Errorf("%v, %v", back, err)
	}
	if task.IsZero() || !(Task{}).IsZero() {
		t.Error("only the zero value is zero")
	}
	if task.Object().ID != task.ID {
		t.Error("a result has the bytes of its task")
	}
}

func TestJSON(t *testing.T) {
	type record struct {
		Node  Node
		Table map[Job]int
	}
	in := record{New[Node](), map[Job]int{New[Job](): 1}}
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out record
	if err := json.Unmarshal(data, &out); err != nil || out.Node != in.Node || len(out.Table) != 1 {
		t.Errorf("%s: %v, %v", data, out, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{"", "ab", strings.Repeat("g", 32), strings.Repeat("0", 33), strings.Repeat("x", 1000)} {
		node, err := Parse[Node](text)
		if _, ok := errors.AsType[*ParseError](err); !ok || !node.IsZero() || len(err.Error()) > 120 {
			t.Errorf("%q: %v, %v", text, node, err)
		}
	}
}

// TestOrder: ids of one process are distinct and sort by creation, whoever asks.
func TestOrder(t *testing.T) {
	g := NewGenerator([8]byte{1})
	lists := make([][]ID, 4)
	var all sync.WaitGroup
	for i := range lists {
		all.Go(func() {
			for range 1000 {
				lists[i] = append(lists[i], g.Next())
			}
		})
	}
	all.Wait()
	for _, list := range lists {
		if !slices.IsSortedFunc(list, ID.Compare) {
			t.Error("not in order of creation")
		}
	}
	joined := slices.Concat(lists...)
	slices.SortFunc(joined, ID.Compare)
	if len(slices.Compact(joined)) != 4000 {
		t.Error("an id came twice")
	}
}

func TestNewAllocatesNothing(t *testing.T) {
	var last Lease
	if n := testing.AllocsPerRun(100, func() { last = New[Lease]() }); n != 0 || last.IsZero() {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ab010203040506070000000000000001")
	f.Fuzz(func(t *testing.T, text string) {
		if object, err := Parse[Object](text); err == nil && object.String() != strings.ToLower(text) {
			t.Errorf("%q became %v", text, object)
		}
	})
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New[Task]()
	}
}
