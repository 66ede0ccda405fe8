package codec

import (
	"reflect"
	"sync"
	"unsafe"

	"mobula/internal/memo"
)

// info is what is computed once about a type that is the root of others. A message names a
// type by its root and its place among the types that are reached from there by elements,
// keys and fields: both sides have the same list, since the structure is the same.
type info struct {
	typ         reflect.Type
	types       []reflect.Type
	index       map[reflect.Type]int
	fingerprint func() uint64
	description func() string
}

var infos memo.Table[reflect.Type, *info]

func infoOf(t reflect.Type) *info {
	if i, ok := infos.Load(memo.OfType(t), t); ok {
		return i
	}
	i := &info{typ: t, index: map[reflect.Type]int{}}
	i.visit(t)
	i.fingerprint = sync.OnceValue(func() uint64 { return computeFingerprint(t) })
	i.description = sync.OnceValue(func() string { return computeDescription(t) })
	return infos.Store(memo.OfType(t), t, i)
}

// number is the place of a type among those of the root.
func (i *info) number(t reflect.Type) int {
	if t == i.typ {
		return 0
	}
	return i.index[t]
}

func (i *info) visit(t reflect.Type) {
	if _, ok := i.index[t]; ok {
		return
	}
	i.index[t] = len(i.types)
	i.types = append(i.types, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array:
		i.visit(t.Elem())
	case reflect.Map:
		i.visit(t.Key())
		i.visit(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			i.visit(f.Type)
		}
	}
}

// words is an interface value in memory: what says its type, and its data.
type words struct {
	tab  unsafe.Pointer
	data unsafe.Pointer
}

// isDirect reports whether an interface holds a value of this type in its data word itself
// and not behind it.
func isDirect(t reflect.Type) bool {
	if t.Size() != unsafe.Sizeof(uintptr(0)) {
		return false
	}
	zero := reflect.Zero(t).Interface()
	return (*words)(unsafe.Pointer(&zero)).data == nil
}

// memoryOf returns where the value lies. A value that has no address is read where an
// interface keeps it; hold keeps it there.
func memoryOf(v reflect.Value, hold *any) unsafe.Pointer {
	if v.CanAddr() {
		return v.Addr().UnsafePointer()
	}
	if v.Kind() == reflect.Interface { // what Interface returns is another one
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return p.UnsafePointer()
	}
	*hold = v.Interface()
	w := (*words)(unsafe.Pointer(hold))
	if programOf(v.Type()).direct {
		return unsafe.Pointer(&w.data)
	}
	return w.data
}
