package state

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTable compares tables with maps, old versions of them too, with names that are prefixes of each other and hold zeros.
func TestTable(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	word := func() string {
		b := make([]byte, r.IntN(4))
		for i := range b {
			b[i] = "\x00\x01ab\xff"[r.IntN(5)]
		}
		return string(b)
	}
	type version struct {
		table table[name, int]
		model map[name]int
	}
	now := version{model: map[name]int{}}
	var old []version
	for i := range 20_000 {
		key := name{word(), word()}
		next := version{model: now.model}
		switch r.IntN(5) {
		case 0, 1:
			next.table = now.table.remove(key)
			delete(next.model, key)
		default:
			next.table = now.table.set(key, i)
			next.model[key] = i
		}
		now = next
		if i%400 == 0 {
			old = append(old, version{now.table, maps.Clone(now.model)})
		}
		got, ok := now.table.get(key)
		if want, has := now.model[key]; ok != has || got != want {
			t.Fatalf("%q is %d, %v after step %d; want %d, %v", key, got, ok, i, want, has)
		}
	}
	for _, v := range old {
		if v.table.len() != len(v.model) {
			t.Errorf("%d entries, want %d", v.table.len(), len(v.model))
		}
		keys := slices.SortedFunc(maps.Keys(v.model), name.Compare)
		for range 20 {
			from := name{word(), word()}
			at, _ := slices.BinarySearchFunc(keys, from, name.Compare)
			want := keys[at:]
			for key, value := range v.table.from(from) {
				if len(want) == 0 || key != want[0] || value != v.model[key] {
					t.Fatalf("from %q: %q comes, want %q", from, key, want)
				}
				want = want[1:]
			}
			if len(want) > 0 {
				t.Fatalf("from %q: %q do not come", from, want)
			}
		}
		if got := slices.Collect(maps.Keys(maps.Collect(v.table.all()))); len(got) != len(keys) {
			t.Error("all yields other keys")
		}
		if again := tableOf(v.table.all()); !slices.Equal(slices.Collect(again.values()), slices.Collect(v.table.values())) {
			t.Error("the table made again differs")
		}
	}
	if (table[name, int]{}).remove(name{}) != (table[name, int]{}) {
		t.Error("to remove nothing changes a table")
	}
}
