package host

import (
	"reflect"

	"mobula/interp/direct"
	"mobula/interp/hostrpc"
)

// migrate moves the values of session variables to redeclared types. A variable whose own type
// stays (Old is New) is rebuilt where an interface in it holds a value of an old type. What two
// variables share they share afterwards too.
func migrate(list []hostrpc.Migration) (dropped []hostrpc.Value) {
	if len(list) == 0 {
		return nil
	}
	c := newConverter(list[0].Types)
	for _, m := range list {
		if err := c.migrate(m); err != nil {
			dropped = append(dropped, hostrpc.Value{Name: m.Name, Text: err.Error()})
		}
	}
	return dropped
}

func (c *converter) migrate(m hostrpc.Migration) error {
	from, ok := direct.Default.Variable(m.Old)
	if !ok {
		return errUnknown(m.Old)
	}
	to, ok := direct.Default.Variable(m.New)
	if !ok {
		return errUnknown(m.New)
	}
	if m.Old == m.New && !c.holds(from, map[place]bool{}) {
		return nil
	}
	v, err := c.convert(from, to.Type())
	if err != nil {
		return err
	}
	to.Set(v)
	return nil
}

// holds reports whether a value of a redeclared type can be reached from v.
func (c *converter) holds(v reflect.Value, seen map[place]bool) bool {
	if _, ok := c.types[v.Type()]; ok {
		return true
	}
	if !c.mentions(v.Type(), map[reflect.Type]bool{}) {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if v.IsNil() {
			return false
		}
		at := place{p: v.UnsafePointer(), from: v.Type()}
		if v.Kind() == reflect.Slice {
			at.n = v.Len()
		}
		if seen[at] {
			return false
		}
		seen[at] = true
	}
	switch v.Kind() {
	case reflect.Interface:
		return !v.IsNil() && c.holds(v.Elem(), seen)
	case reflect.Pointer:
		return c.holds(v.Elem(), seen)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if c.holds(v.Index(i), seen) {
				return true
			}
		}
	case reflect.Map:
		for k, e := range v.Seq2() {
			if c.holds(k, seen) || c.holds(e, seen) {
				return true
			}
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if c.holds(f, seen) {
				return true
			}
		}
	}
	return false
}

// foreign reports whether a type belongs to a package: what such values keep inside is not
// touched, be it locks, lists or files.
func foreign(t reflect.Type) bool { return t.PkgPath() != "" && t.PkgPath() != "main" }
