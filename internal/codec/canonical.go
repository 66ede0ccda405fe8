package codec

import (
	"cmp"
	"reflect"
	"sort"
)

// sortEntries orders the entries of a map by keys that have an order. Others stay as they are.
func sortEntries(keys, values reflect.Value) {
	less := lessOf(keys)
	if less == nil {
		return
	}
	sort.Sort(entries{keys.Len(), less, reflect.Swapper(keys.Interface()), reflect.Swapper(values.Interface())})
}

type entries struct {
	n          int
	less       func(i, j int) bool
	keys, vals func(i, j int)
}

func (e entries) Len() int           { return e.n }
func (e entries) Less(i, j int) bool { return e.less(i, j) }
func (e entries) Swap(i, j int)      { e.keys(i, j); e.vals(i, j) }

func lessOf(keys reflect.Value) func(i, j int) bool {
	kind := keys.Type().Elem()
	zero := reflect.Zero(kind)
	switch {
	case kind.Kind() == reflect.String:
		return func(i, j int) bool { return keys.Index(i).String() < keys.Index(j).String() }
	case zero.CanInt():
		return func(i, j int) bool { return keys.Index(i).Int() < keys.Index(j).Int() }
	case zero.CanUint():
		return func(i, j int) bool { return keys.Index(i).Uint() < keys.Index(j).Uint() }
	case zero.CanFloat():
		return func(i, j int) bool { return cmp.Less(keys.Index(i).Float(), keys.Index(j).Float()) }
	}
	return nil
}
