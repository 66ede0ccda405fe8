package codec

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// refuse is the error that names a place.
func (e *encoder) refuse(at place, reason, hint string) error {
	return &Error{Path: e.path(at), Type: at.slot, Reason: reason, Hint: hint}
}

// refuseFor is refuse with what the host has said.
func (e *encoder) refuseFor(at place, err error) error {
	if known, ok := errors.AsType[*Error](err); ok {
		return e.refuse(at, known.Reason, known.Hint)
	}
	return e.refuse(at, err.Error(), "")
}

// path returns how a program would write the place, from the value on. A step through a
// pointer or interface is not seen.
func (e *encoder) path(at place) string {
	var steps []string
	for at.region >= 0 {
		r := &e.regions[at.region]
		steps = append(steps, e.step(r, at))
		at = r.place
	}
	var b strings.Builder
	b.WriteString(e.opts.Name)
	for i := range steps {
		b.WriteString(steps[len(steps)-1-i])
	}
	return strings.TrimPrefix(b.String(), ".")
}

// step is the part of a path within one region.
func (e *encoder) step(r *region, at place) string {
	inner := steps(r.prog.typ, at.at, at.slot)
	if r.kind != kindElements && r.kind != kindKeys && r.kind != kindValues {
		if r.kind == kindCaptures {
			inner = ".capture" + inner
		}
		return inner
	}
	i := int(at.at / r.prog.size)
	inner = steps(r.prog.typ, at.at%r.prog.size, at.slot)
	switch r.kind {
	case kindKeys:
		return "(map key)" + inner
	case kindValues:
		keys := &e.regions[e.keysOf(r)]
		return "[" + keyText(reflect.SliceAt(keys.prog.typ, keys.p, keys.n).Index(i)) + "]" + inner
	}
	return "[" + strconv.Itoa(i) + "]" + inner
}

func (e *encoder) keysOf(values *region) int32 {
	for _, m := range e.mapNodes {
		if &e.regions[m.values] == values {
			return m.keys
		}
	}
	panic("codec: values of no map")
}

// keyText is a key as a program writes it, if it is short.
func keyText(key reflect.Value) string {
	if key.Kind() == reflect.Interface && !key.IsNil() {
		key = key.Elem()
	}
	switch {
	case key.Kind() == reflect.String && key.Len() <= 40:
		return strconv.Quote(key.String())
	case key.CanInt():
		return strconv.FormatInt(key.Int(), 10)
	case key.CanUint():
		return strconv.FormatUint(key.Uint(), 10)
	case key.Kind() == reflect.Bool:
		return strconv.FormatBool(key.Bool())
	}
	return "..."
}

// steps names the slot of a type at an offset in a value of type t.
func steps(t reflect.Type, offset uintptr, slot reflect.Type) string {
	var b strings.Builder
	for t != slot || offset != 0 {
		switch {
		case t.PkgPath() == "sync/atomic": // what it holds goes by its name
			return b.String()
		case t.Kind() == reflect.Array && t.Elem().Size() > 0:
			b.WriteString("[" + strconv.Itoa(int(offset/t.Elem().Size())) + "]")
			t, offset = t.Elem(), offset%t.Elem().Size()
			continue
		case t.Kind() == reflect.Struct:
			if f, ok := fieldAt(t, offset, slot); ok {
				b.WriteString("." + f.Name)
				t, offset = f.Type, offset-f.Offset
				continue
			}
		}
		return b.String()
	}
	return b.String()
}

// fieldAt returns the field at an offset; where one has no size, the one that the slot is.
func fieldAt(t reflect.Type, offset uintptr, slot reflect.Type) (reflect.StructField, bool) {
	for f := range t.Fields() {
		switch {
		case f.Offset == offset && f.Type == slot:
			return f, true
		case f.Type.Size() > 0 && f.Offset <= offset && offset < f.Offset+f.Type.Size():
			return f, true
		}
	}
	return reflect.StructField{}, false
}
