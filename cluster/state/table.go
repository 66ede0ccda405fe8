package state

import (
	"iter"

	"github.com/tidwall/btree"
)

// ordered is what keys can do.
type ordered[K any] interface{ Compare(K) int }

// table is a map in order of its keys that is never changed: set and remove return another one, which shares most of its
// nodes. The zero value is empty. Many may read while one makes new tables.
type table[K ordered[K], V any] struct{ tree *btree.BTreeG[entry[K, V]] }

type entry[K, V any] struct {
	key   K
	value V
}

// degree is small because each change copies the nodes above it.
const degree = 8

// edit returns a tree to change: a copy, of which each node is shared until it is changed.
func (t table[K, V]) edit() *btree.BTreeG[entry[K, V]] {
	if t.tree != nil {
		return t.tree.IsoCopy()
	}
	less := func(a, b entry[K, V]) bool { return a.key.Compare(b.key) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: degree})
}

func (t table[K, V]) len() int {
	if t.tree == nil {
		return 0
	}
	return t.tree.Len()
}

// get returns the value of a key.
func (t table[K, V]) get(key K) (value V, ok bool) {
	if t.tree == nil {
		return value, false
	}
	e, ok := t.tree.Get(entry[K, V]{key: key})
	return e.value, ok
}

// set returns a table in which key has the value.
func (t table[K, V]) set(key K, value V) table[K, V] {
	tree := t.edit()
	tree.Set(entry[K, V]{key, value})
	return table[K, V]{tree}
}

// remove returns a table without key.
func (t table[K, V]) remove(key K) table[K, V] {
	if _, ok := t.get(key); !ok {
		return t
	}
	tree := t.edit()
	tree.Delete(entry[K, V]{key: key})
	return table[K, V]{tree}
}

// all yields everything in order of the keys.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.tree != nil {
			t.tree.Scan(func(e entry[K, V]) bool { return yield(e.key, e.value) })
		}
	}
}

// from yields everything that is not before key, in order of the keys.
func (t table[K, V]) from(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		if t.tree != nil {
			t.tree.Ascend(entry[K, V]{key: key}, func(e entry[K, V]) bool { return yield(e.key, e.value) })
		}
	}
}

// values yields the values in order of the keys.
func (t table[K, V]) values() iter.Seq[V] {
	return func(yield func(V) bool) {
		t.all()(func(_ K, v V) bool { return yield(v) })
	}
}

// tableOf makes a table of all that is yielded.
func tableOf[K ordered[K], V any](all iter.Seq2[K, V]) table[K, V] {
	tree := table[K, V]{}.edit()
	for key, value := range all {
		tree.Set(entry[K, V]{key, value})
	}
	return table[K, V]{tree}
}
