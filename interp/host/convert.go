package host

import (
	"fmt"
	"reflect"
	"unsafe"

	"mobula/interp/direct"
	"mobula/interp/hostrpc"
)

func errUnknown(name string) error { return fmt.Errorf("%s is not known to the session", name) }

// converter rebuilds values for redeclared types: fields go by name, what points to one
// thing goes on pointing to one thing, cycles included.
type converter struct {
	types map[reflect.Type]reflect.Type // old to new
	done  map[place]reflect.Value
}

// place is a pointer, slice or map that has been converted to a type.
type place struct {
	p    unsafe.Pointer
	n    int
	from reflect.Type
	to   reflect.Type
}

func newConverter(pairs []hostrpc.Pair) *converter {
	c := &converter{types: map[reflect.Type]reflect.Type{}, done: map[place]reflect.Value{}}
	for _, p := range pairs {
		from, ok1 := direct.Default.TypeNamed(p.Old)
		to, ok2 := direct.Default.TypeNamed(p.New)
		if ok1 && ok2 {
			c.types[from] = to
		}
	}
	return c
}

// successor returns what a value of type t becomes inside an interface.
func (c *converter) successor(t reflect.Type) reflect.Type {
	if to, ok := c.types[t]; ok {
		return to
	}
	if t.Name() != "" {
		return t
	}
	switch t.Kind() {
	case reflect.Pointer:
		return reflect.PointerTo(c.successor(t.Elem()))
	case reflect.Slice:
		return reflect.SliceOf(c.successor(t.Elem()))
	case reflect.Array:
		return reflect.ArrayOf(t.Len(), c.successor(t.Elem()))
	case reflect.Map:
		return reflect.MapOf(c.successor(t.Key()), c.successor(t.Elem()))
	}
	return t
}

// convert returns v as a value of type to.
func (c *converter) convert(v reflect.Value, to reflect.Type) (reflect.Value, error) {
	if v.Kind() == reflect.Interface {
		if v.IsNil() {
			return reflect.Zero(to), nil
		}
		return c.dynamic(v.Elem(), to)
	}
	if v.Type() == to && !c.mentions(to, map[reflect.Type]bool{}) {
		return v, nil
	}
	if v.Kind() != to.Kind() {
		return v, fmt.Errorf("a %s does not become a %s", v.Type(), to)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return reflect.Zero(to), nil
		}
		return c.reference(v, to)
	case reflect.Array:
		return c.array(v, to)
	case reflect.Struct:
		out := reflect.New(to).Elem()
		return out, c.fields(v, out)
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		if !v.Type().ConvertibleTo(to) {
			return v, fmt.Errorf("a %s cannot become a %s", v.Type(), to)
		}
	}
	return v.Convert(to), nil
}

func (c *converter) dynamic(v reflect.Value, to reflect.Type) (reflect.Value, error) {
	x, err := c.convert(v, c.successor(v.Type()))
	if err != nil {
		return v, err
	}
	if !x.Type().AssignableTo(to) {
		return v, fmt.Errorf("%s does not implement %s any more", x.Type(), to)
	}
	out := reflect.New(to).Elem()
	out.Set(x)
	return out, nil
}

func (c *converter) array(v reflect.Value, to reflect.Type) (reflect.Value, error) {
	if v.Len() != to.Len() {
		return v, fmt.Errorf("a %s does not become a %s", v.Type(), to)
	}
	out := reflect.New(to).Elem()
	return out, c.elements(v, out)
}

func (c *converter) elements(v, out reflect.Value) error {
	for i := range v.Len() {
		x, err := c.convert(open(v.Index(i)), out.Type().Elem())
		if err != nil {
			return fmt.Errorf("[%d]: %w", i, err)
		}
		out.Index(i).Set(x)
	}
	return nil
}

// reference converts what a pointer, slice or map refers to, once.
func (c *converter) reference(v reflect.Value, to reflect.Type) (reflect.Value, error) {
	n := 0
	if v.Kind() == reflect.Slice {
		n = v.Len()
	}
	at := place{v.UnsafePointer(), n, v.Type(), to}
	if out, ok := c.done[at]; ok {
		return out, nil
	}
	var out reflect.Value
	var fill func() error
	switch v.Kind() {
	case reflect.Pointer:
		out = reflect.New(to.Elem())
		fill = func() error {
			x, err := c.convert(v.Elem(), to.Elem())
			if err == nil {
				out.Elem().Set(x)
			}
			return err
		}
		out = out.Convert(to)
	case reflect.Slice:
		out = reflect.MakeSlice(to, v.Len(), v.Cap())
		fill = func() error { return c.elements(v, out) }
	default:
		out = reflect.MakeMapWithSize(to, v.Len())
		fill = func() error { return c.entries(v, out) }
	}
	c.done[at] = out
	return out, fill()
}

func (c *converter) entries(v, out reflect.Value) error {
	for k, e := range v.Seq2() {
		nk, err := c.convert(k, out.Type().Key())
		if err != nil {
			return fmt.Errorf("key %v: %w", k, err)
		}
		ne, err := c.convert(e, out.Type().Elem())
		if err != nil {
			return fmt.Errorf("[%v]: %w", k, err)
		}
		out.SetMapIndex(nk, ne)
	}
	return nil
}

func (c *converter) fields(v, out reflect.Value) error {
	v = addressable(v)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		to, ok := out.Type().FieldByName(f.Name)
		if !ok || len(to.Index) != 1 || f.Name == "_" {
			continue
		}
		x, err := c.convert(open(v.Field(i)), to.Type)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		open(out.FieldByIndex(to.Index)).Set(x)
	}
	return nil
}

// mentions reports whether a value of type t may hold one of a redeclared type.
func (c *converter) mentions(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if foreign(t) {
		return false
	}
	if _, ok := c.types[t]; ok || t.Kind() == reflect.Interface {
		return true
	}
	switch t.Kind() {
	case reflect.Map:
		return c.mentions(t.Key(), seen) || c.mentions(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return c.mentions(t.Elem(), seen)
	case reflect.Struct:
		for field := range t.Fields() {
			if c.mentions(field.Type, seen) {
				return true
			}
		}
	}
	return false
}

// open returns a value that may be read and set though it is of an unexported field.
func open(v reflect.Value) reflect.Value {
	if v.CanInterface() || !v.CanAddr() {
		return v
	}
	return reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
}

func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	p := reflect.New(v.Type()).Elem()
	p.Set(v)
	return p
}
