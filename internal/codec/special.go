package codec

import (
	"context"
	"hash/maphash"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// special is how a type travels that is more than its fields, or does not travel.
type special struct {
	plain bool // see program
	// check reports why the value cannot leave, in Reason and Hint; nil checks nothing.
	check func(p unsafe.Pointer) *Error
	// scan tells the encoder what the value refers to; nil where it refers to nothing.
	scan func(e *encoder, at place, p unsafe.Pointer) error
	// write appends at least one byte, read takes what it wrote; nil leaves the value zero.
	write func(e *encoder, p unsafe.Pointer)
	read  func(d *decoder, p unsafe.Pointer)
}

// specials has the types that are found by identity. It is filled by init since the functions reach it again.
var specials map[reflect.Type]*special

func init() {
	specials = map[reflect.Type]*special{
		reflect.TypeFor[time.Time]():      timeSpecial,
		reflect.TypeFor[netip.Addr]():     addrSpecial,
		reflect.TypeFor[regexp.Regexp]():  regexpSpecial,
		reflect.TypeFor[sync.Mutex]():     zeroSpecial(4, "it is locked", "unlock it first"),
		reflect.TypeFor[sync.RWMutex]():   rwMutexSpecial,
		reflect.TypeFor[sync.WaitGroup](): zeroSpecial(8, "it is in use", "wait for it first"),
		reflect.TypeFor[sync.Map]():       syncMapSpecial,
		reflect.TypeFor[atomic.Value]():   atomicValueSpecial,
		reflect.TypeFor[maphash.Seed]():   zeroSpecial(8, "a seed is good in one process only", "make one in the task"),
		reflect.TypeFor[os.File]():        fileSpecial,
		reflect.TypeFor[reflect.Value]():  nonzeroSpecial("it stands for memory of this process", "send the value's Interface() instead"),
	}
	for t, parts := range map[reflect.Type][]string{
		reflect.TypeFor[sync.Pool](): {"New"},
		reflect.TypeFor[sync.Cond](): {"L", "notify"},
	} {
		for _, name := range parts {
			if f, ok := t.FieldByName(name); ok {
				partial[t] = append(partial[t], f)
			}
		}
	}
	if f, ok := reflect.TypeFor[sync.Cond]().FieldByName("notify"); ok {
		specials[f.Type] = notifySpecial
	}
}

// partial has the structs of which only some fields travel.
var partial = map[reflect.Type][]reflect.StructField{}

func partsOf(t reflect.Type) []reflect.StructField { return partial[t] }

var (
	contextType = reflect.TypeFor[context.Context]()

	fileSpecial  = refusal("it is open in this process only", "open it where it is used")
	connSpecial  = refusal("it is a connection or listener of this process", "open it where it is used")
	childSpecial = refusal("it is a child of this process", "start it where it is used")
	coroutine    = refusal("it is a coroutine, of iter.Pull, and lives in this process only", "range over the sequence where it is used")
	taskContext  = refusal("a context ends with what made it, in this process", "take the context that the task is given")
	weakSpecial  = nonzeroSpecial("what it points to is not kept by it", "send a pointer")
	handle       = nonzeroSpecial("it is unique in this process only", "send its Value() and make it again")
	mutex        = zeroSpecial(4, "it is locked", "unlock it first")
)

// specialOf returns how t travels where that is special, else nil.
func specialOf(t reflect.Type) *special {
	if s, ok := specials[t]; ok {
		return s
	}
	if s, ok := customs.Load(t); ok {
		return s.(*special)
	}
	generic, _, _ := strings.Cut(t.Name(), "[")
	switch t.PkgPath() {
	case "context":
		if reflect.PointerTo(t).Implements(contextType) && t.Kind() != reflect.Interface {
			return taskContext
		}
	case "internal/poll":
		if generic == "FD" {
			return connSpecial
		}
	case "net":
		if t.Kind() == reflect.Struct && holdsConn(t) {
			return connSpecial
		}
	case "os":
		if generic == "Process" {
			return childSpecial
		}
	case "iter":
		if generic == "coro" {
			return coroutine
		}
	case "internal/sync":
		if generic == "Mutex" {
			return mutex
		}
	case "unique":
		if generic == "Handle" {
			return handle
		}
	case "weak":
		if generic == "Pointer" {
			return weakSpecial
		}
	}
	return nil
}

// holdsConn reports whether a struct of package net is a connection or listener.
func holdsConn(t reflect.Type) bool {
	for f := range t.Fields() {
		switch {
		case f.Type.String() == "*net.netFD", f.Type.PkgPath() == "internal/poll" && f.Type.Name() == "FD":
			return true
		case f.Anonymous && f.Type.PkgPath() == "net" && f.Type.Kind() == reflect.Struct && holdsConn(f.Type):
			return true
		}
	}
	return false
}

// refusal is of types of which no value leaves.
func refusal(reason, hint string) *special {
	return &special{check: func(unsafe.Pointer) *Error { return &Error{Reason: reason, Hint: hint} }}
}

// nonzeroSpecial is of types of which only the zero value leaves; its first word is zero in no other.
func nonzeroSpecial(reason, hint string) *special {
	return &special{check: func(p unsafe.Pointer) *Error {
		if *(*uintptr)(p) == 0 {
			return nil
		}
		return &Error{Reason: reason, Hint: hint}
	}}
}

// zeroSpecial is of types that leave while an integer at their start is zero, and are zero then.
func zeroSpecial(size uintptr, reason, hint string) *special {
	return &special{check: func(p unsafe.Pointer) *Error {
		if loadAtomic(p, size) == 0 {
			return nil
		}
		return &Error{Reason: reason, Hint: hint}
	}}
}

// loadAtomic reads an integer of 4 or 8 bytes.
func loadAtomic(p unsafe.Pointer, size uintptr) uint64 {
	if size == 4 {
		return uint64(atomic.LoadUint32((*uint32)(p)))
	}
	return atomic.LoadUint64((*uint64)(p))
}
