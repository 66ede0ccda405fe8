package codec

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// madeFunc is a func value: made when the variables that it captures are complete.
type madeFunc struct {
	root     *decodedRoot
	captures unsafe.Pointer
	size     uintptr
	state    funcState
	value    reflect.Value
}

type funcState uint8

const (
	funcWaits funcState = iota
	funcNeeds           // others that it captures are made first
	funcMade
)

// patch is a place that gets a func.
type patch struct {
	p  unsafe.Pointer
	t  reflect.Type
	fn int
}

// finish does what needs complete values: customs and funcs first, since they may be in maps, then the entries of maps.
func (d *decoder) finish() {
	d.finishCustoms()
	if d.err == nil && len(d.funcs) > 0 {
		d.finishFuncs()
	}
	budget := partsAnyway + partsPerByte*len(d.b)
	for i := 0; i < len(d.maps) && d.err == nil; i++ {
		d.fill(&d.maps[i], &budget)
	}
	for i := 0; i < len(d.syncMaps) && d.err == nil; i++ {
		for k, v := range d.syncMaps[i].entries.Seq2() {
			d.syncMaps[i].into.Store(k.Interface(), v.Interface())
		}
	}
}

// finishFuncs makes all funcs, those that others capture by value before them.
func (d *decoder) finishFuncs() {
	if len(d.patches) > 1 {
		slices.SortFunc(d.patches, func(a, b patch) int { return cmp.Compare(uintptr(a.p), uintptr(b.p)) })
	}
	stack := d.stack
	for i := range d.funcs {
		stack = append(stack[:0], i)
		for len(stack) > 0 && d.err == nil {
			top := stack[len(stack)-1]
			f := &d.funcs[top]
			if f.state == funcWaits {
				f.state = funcNeeds
				stack = d.captured(f, stack)
				continue
			}
			stack = stack[:len(stack)-1]
			if f.state == funcNeeds {
				d.makeFunc(f)
			}
		}
	}
	d.stack = stack
	d.apply(d.patches)
}

// patchesIn returns the places for funcs in the variables that f captures.
func (d *decoder) patchesIn(f *madeFunc) []patch {
	at := func(a patch, p uintptr) int { return cmp.Compare(uintptr(a.p), p) }
	from, _ := slices.BinarySearchFunc(d.patches, uintptr(f.captures), at)
	to, _ := slices.BinarySearchFunc(d.patches, uintptr(f.captures)+f.size, at)
	return d.patches[from:to]
}

func (d *decoder) captured(f *madeFunc, stack []int) []int {
	for _, a := range d.patchesIn(f) {
		if d.funcs[a.fn].state == funcWaits {
			stack = append(stack, a.fn)
		}
	}
	return stack
}

func (d *decoder) makeFunc(f *madeFunc) {
	d.apply(d.patchesIn(f))
	value, err := d.h.MakeFunc(f.root.code, f.root.fn, f.captures)
	switch {
	case err != nil:
		d.fail("%w", err)
	case !value.IsValid() || value.Type() != f.root.fn || value.IsNil():
		d.fail("%s is no %s here: both sides must run the same code", f.root.code, f.root.fn)
	default:
		f.value, f.state = value, funcMade
	}
}

// apply sets the places whose func is made.
func (d *decoder) apply(patches []patch) {
	for _, a := range patches {
		if f := &d.funcs[a.fn]; f.state == funcMade && d.err == nil {
			a.set(f.value)
		}
	}
}

// set puts a func where it belongs. Values of types that convert to each other are alike.
func (a *patch) set(f reflect.Value) {
	if f.CanAddr() {
		*(*unsafe.Pointer)(a.p) = *(*unsafe.Pointer)(unsafe.Pointer(f.UnsafeAddr()))
		return
	}
	reflect.NewAt(a.t, a.p).Elem().Set(f.Convert(a.t))
}

func (d *decoder) fill(m *mapEntries, budget *int) {
	t := m.m.Type()
	careful := !programOf(t.Key()).plain // else every key has a hash
	for i := range m.keys.Len() {
		key := m.keys.Index(i)
		if careful {
			if err := hashable(key, maxKeyDepth, budget); err != nil {
				d.damaged("a key of %s: %v", t, err)
				return
			}
		}
		m.m.SetMapIndex(key, m.values.Index(i))
	}
}

// Values in interfaces can be nested without end in damaged input, and hashing them would not
// end either. A key has this depth at most, and all of a message's have so many parts, in
// sum, for each of its bytes.
const (
	maxKeyDepth  = 10_000
	partsPerByte = 16
	partsAnyway  = 1 << 16
)

var errTooDeep = errors.New("it is nested too deep")

// hashable reports why a key has no hash.
func hashable(v reflect.Value, depth int, budget *int) error {
	*budget--
	if *budget < 0 || depth == 0 {
		return errTooDeep
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Func:
		return fmt.Errorf("%s has no hash", v.Type())
	case reflect.Interface:
		if !v.IsNil() {
			return hashable(v.Elem(), depth-1, budget)
		}
	case reflect.Array:
		if programOf(v.Type()).plain {
			return nil
		}
		for i := range v.Len() {
			if err := hashable(v.Index(i), depth-1, budget); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if err := hashable(f, depth-1, budget); err != nil {
				return err
			}
		}
	}
	return nil
}
