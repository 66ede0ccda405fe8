package state

import "iter"

// ordered is what keys can do.
type ordered[K any] interface{ Compare(K) int }

// table is a map in order of its keys that is never changed: set and remove return another one, which shares most of its
// nodes. It is an AVL tree; the zero value is empty.
type table[K ordered[K], V any] struct{ root *branch[K, V] }

type branch[K ordered[K], V any] struct {
	key         K
	value       V
	left, right *branch[K, V]
	size        int32
	height      int8
}

func (t table[K, V]) len() int { return int(t.root.count()) }

// get returns the value of a key.
func (t table[K, V]) get(key K) (value V, ok bool) {
	for b := t.root; b != nil; {
		switch c := key.Compare(b.key); {
		case c < 0:
			b = b.left
		case c > 0:
			b = b.right
		default:
			return b.value, true
		}
	}
	return value, false
}

// set returns a table in which key has the value.
func (t table[K, V]) set(key K, value V) table[K, V] { return table[K, V]{t.root.set(key, value)} }

// remove returns a table without key.
func (t table[K, V]) remove(key K) table[K, V] {
	if _, ok := t.get(key); !ok {
		return t
	}
	return table[K, V]{t.root.remove(key)}
}

// all yields everything in order of the keys.
func (t table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.root.walk(nil, yield) }
}

// from yields everything that is not before key, in order of the keys.
func (t table[K, V]) from(key K) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) { t.root.walk(&key, yield) }
}

// values yields the values in order of the keys.
func (t table[K, V]) values() iter.Seq[V] {
	return func(yield func(V) bool) {
		t.root.walk(nil, func(_ K, v V) bool { return yield(v) })
	}
}

func (b *branch[K, V]) walk(from *K, yield func(K, V) bool) bool {
	if b == nil {
		return true
	}
	if from != nil && (*from).Compare(b.key) > 0 {
		return b.right.walk(from, yield)
	}
	return b.left.walk(from, yield) && yield(b.key, b.value) && b.right.walk(nil, yield)
}

func (b *branch[K, V]) count() int32 {
	if b == nil {
		return 0
	}
	return b.size
}

func (b *branch[K, V]) level() int8 {
	if b == nil {
		return 0
	}
	return b.height
}

// with returns a copy with other children, balanced if their heights differ by at most 2.
func (b *branch[K, V]) with(left, right *branch[K, V]) *branch[K, V] {
	switch difference := left.level() - right.level(); {
	case difference > 1:
		if left.left.level() < left.right.level() {
			left = left.right.join(left.join(left.left, left.right.left), left.right.right)
		}
		return left.join(left.left, b.join(left.right, right))
	case difference < -1:
		if right.right.level() < right.left.level() {
			right = right.left.join(right.left.left, right.join(right.left.right, right.right))
		}
		return right.join(b.join(left, right.left), right.right)
	}
	return b.join(left, right)
}

// join returns a copy with other children, whose heights differ by at most 1.
func (b *branch[K, V]) join(left, right *branch[K, V]) *branch[K, V] {
	return &branch[K, V]{b.key, b.value, left, right, left.count() + right.count() + 1, max(left.level(), right.level()) + 1}
}

func (b *branch[K, V]) set(key K, value V) *branch[K, V] {
	if b == nil {
		return &branch[K, V]{key: key, value: value, size: 1, height: 1}
	}
	switch c := key.Compare(b.key); {
	case c < 0:
		return b.with(b.left.set(key, value), b.right)
	case c > 0:
		return b.with(b.left, b.right.set(key, value))
	}
	return &branch[K, V]{key, value, b.left, b.right, b.size, b.height}
}

// remove takes out a key that is there.
func (b *branch[K, V]) remove(key K) *branch[K, V] {
	switch c := key.Compare(b.key); {
	case c < 0:
		return b.with(b.left.remove(key), b.right)
	case c > 0:
		return b.with(b.left, b.right.remove(key))
	case b.left == nil:
		return b.right
	case b.right == nil:
		return b.left
	}
	next := b.right
	for next.left != nil {
		next = next.left
	}
	return next.with(b.left, b.right.remove(next.key))
}

// sorted makes a table of keys that ascend.
func sorted[K ordered[K], V any](keys []K, values []V) table[K, V] {
	return table[K, V]{balanced(keys, values)}
}

func balanced[K ordered[K], V any](keys []K, values []V) *branch[K, V] {
	if len(keys) == 0 {
		return nil
	}
	middle := len(keys) / 2
	b := branch[K, V]{key: keys[middle], value: values[middle]}
	return b.join(balanced(keys[:middle], values[:middle]), balanced(keys[middle+1:], values[middle+1:]))
}
