// Package memo remembers what was computed of things that a process has for good: types, functions.
//
// A Table finds what was asked for lately by an address that the caller takes from the key, without hashing it; the rest is in a sync.Map. So
// it is for values that are asked for all the time, by keys that are few.
//
// # Usage
//
//	var programs memo.Table[reflect.Type, *program]
//	p, ok := programs.Load(memo.OfType(t), t)
//	p = programs.Store(memo.OfType(t), t, made)   // the one that was there first
//
// # Concurrency
//
// All methods may be called from any goroutine. The zero Table is empty.
//
// # Testing
//
// The tests store more keys than lately ones have room, of one address too, from many goroutines.
package memo

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// Table maps keys to values.
type Table[K comparable, V any] struct {
	lately [256]atomic.Pointer[entry[K, V]]
	all    sync.Map // K to *entry
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

// slot mixes the bits of an address in which things of one kind differ.
func (t *Table[K, V]) slot(address uintptr) *atomic.Pointer[entry[K, V]] {
	return &t.lately[(address>>4^address>>12)%uintptr(len(t.lately))]
}

// Load returns the value of a key. The address may be any number that tells keys apart as a rule, and is always the same for a key.
func (t *Table[K, V]) Load(address uintptr, key K) (value V, ok bool) {
	slot := t.slot(address)
	if e := slot.Load(); e != nil && e.key == key {
		return e.value, true
	}
	found, ok := t.all.Load(key)
	if !ok {
		return value, false
	}
	e := found.(*entry[K, V])
	slot.Store(e)
	return e.value, true
}

// Store keeps a value, unless the key has one. It returns the value that is kept.
func (t *Table[K, V]) Store(address uintptr, key K, value V) V {
	kept, _ := t.all.LoadOrStore(key, &entry[K, V]{key, value})
	e := kept.(*entry[K, V])
	t.slot(address).Store(e)
	return e.value
}

// Clear forgets all. A Load at the same time may bring one back.
func (t *Table[K, V]) Clear() {
	t.all.Clear()
	for i := range t.lately {
		t.lately[i].Store(nil)
	}
}

// OfType returns an address that tells types apart.
func OfType(t reflect.Type) uintptr { return (*[2]uintptr)(unsafe.Pointer(&t))[1] }
