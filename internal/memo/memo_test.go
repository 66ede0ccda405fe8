package memo

import (
	"reflect"
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	const keys = 5000
	for name, address := range map[string]func(int) uintptr{
		"of their own": func(k int) uintptr { return uintptr(k) * 16 },
		"of one":       func(int) uintptr { return 7 },
	} {
		t.Run(name, func(t *testing.T) {
			var table Table[int, string]
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for k := range keys {
						want := string(rune(k))
						if got, ok := table.Load(address(k), k); ok && got != want {
							t.Errorf("%d: %q", k, got)
						}
						if got := table.Store(address(k), k, want); got != want {
							t.Errorf("%d: %q", k, got)
						}
					}
				})
			}
			wg.Wait()
			for k := range keys {
				if got, ok := table.Load(address(k), k); !ok || got != string(rune(k)) {
					t.Fatalf("%d: %q, %v", k, got, ok)
				}
			}
			if _, ok := table.Load(address(keys), keys); ok {
				t.Error("a key that nobody has stored")
			}
			if got := table.Store(address(1), 1, "other"); got != string(rune(1)) {
				t.Errorf("a second value is kept: %q", got)
			}
			table.Clear()
			if got, ok := table.Load(address(1), 1); ok {
				t.Errorf("after Clear: %q", got)
			}
		})
	}
}

func TestOfType(t *testing.T) {
	if OfType(reflect.TypeFor[int]()) == OfType(reflect.TypeFor[string]()) || OfType(reflect.TypeFor[int]()) != OfType(reflect.TypeFor[[]int]().Elem()) {
		t.Error("types and addresses")
	}
}

func BenchmarkLoad(b *testing.B) {
	var table Table[reflect.Type, int]
	of := reflect.TypeFor[string]()
	table.Store(OfType(of), of, 5)
	for b.Loop() {
		if n, _ := table.Load(OfType(of), of); n != 5 {
			b.Fatal(n)
		}
	}
}
