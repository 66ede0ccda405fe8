package codec

import (
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

// rwMutexSpecial leaves a lock that nobody holds zero.
var rwMutexSpecial = &special{check: func(p unsafe.Pointer) *Error {
	held := loadAtomic(p, 4) != 0 // the writers' mutex
	for _, name := range []string{"readerCount", "readerWait"} {
		if f, ok := reflect.TypeFor[sync.RWMutex]().FieldByName(name); ok {
			held = held || loadAtomic(unsafe.Add(p, f.Offset), 4) != 0
		}
	}
	if !held {
		return nil
	}
	return &Error{Reason: "it is locked", Hint: "unlock it first"}
}}

// notifySpecial is of the list of waiters in a sync.Cond: two counters that are equal while nobody waits.
var notifySpecial = &special{check: func(p unsafe.Pointer) *Error {
	if loadAtomic(p, 4) == loadAtomic(unsafe.Add(p, 4), 4) {
		return nil
	}
	return &Error{Reason: "goroutines of this process wait for it", Hint: "wake them first"}
}}

var entriesType = reflect.TypeFor[map[any]any]()

// syncMapSpecial is an ordinary map with the same entries.
var syncMapSpecial = &special{
	scan: func(e *encoder, at place, p unsafe.Pointer) error {
		if _, ok := e.maps.get(p); ok {
			return nil
		}
		entries := map[any]any{}
		(*sync.Map)(p).Range(func(k, v any) bool {
			entries[k] = v
			return true
		})
		return e.scanEntries(at, p, reflect.ValueOf(entries), rootLibrary)
	},
	write: func(e *encoder, p unsafe.Pointer) { e.writeMap(p) },
	read: func(d *decoder, p unsafe.Pointer) {
		if m := d.mapAt(d.uvarint()); m.IsValid() && m.Type() == entriesType {
			d.syncMaps = append(d.syncMaps, syncMap{(*sync.Map)(p), m})
			return
		}
		d.damaged("a sync.Map has no entries")
	},
}

// atomicValueSpecial is the interface value in an atomic.Value.
var atomicValueSpecial = &special{
	scan: func(e *encoder, at place, p unsafe.Pointer) error {
		held := (*atomic.Value)(p).Load()
		if held == nil {
			return nil
		}
		at.slot = anyType
		return e.scanInterface(at, unsafe.Pointer(&held), held)
	},
	write: func(e *encoder, p unsafe.Pointer) {
		held := (*atomic.Value)(p).Load()
		e.writeInterface(unsafe.Pointer(&held), held)
	},
	read: func(d *decoder, p unsafe.Pointer) {
		// The only field is the interface value, and nobody else sees it yet.
		d.readInterface(anyType, p)
	},
}

var anyType = reflect.TypeFor[any]()
