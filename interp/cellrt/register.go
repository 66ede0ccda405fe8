package cellrt

import (
	"reflect"

	"mobula/interp/direct"
)

// Register makes a variable (by pointer) or a function known to the tier that needs no compiler.
func Register(name string, v any) {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Func {
		direct.Default.Func(name, r)
		return
	}
	direct.Default.Var(name, r)
}

// RegisterType makes the type that ptr points to known.
func RegisterType(name string, ptr any) { direct.Default.Type(name, reflect.TypeOf(ptr).Elem()) }

// Nop does nothing: it keeps the import used.
func Nop() {}
