package cellrt

import (
	"reflect"

	"mobula/interp/direct"
)

// SendTo returns the send operation of a channel, so that generated code converts the value
// as a send statement does: SendTo(ch)(v).
func SendTo[T any](c chan<- T) func(T) { return func(v T) { Send(c, v) } }

// Zero sets a variable to its zero value: var x T, run again.
func Zero[T any](p *T) {
	var zero T
	*p = zero
}

// Nop does nothing. Generated code mentions it where it would not use this package otherwise.
func Nop() {}

// Register makes a session variable (by pointer) or a function known to the tier that
// needs no compiler.
func Register(name string, v any) {
	if x := reflect.ValueOf(v); x.Kind() == reflect.Func {
		direct.Default.Func(name, x)
	} else {
		direct.Default.Var(name, x)
	}
}

// RegisterType makes a type of the notebook known by a nil pointer to it.
func RegisterType(link string, nilPointer any) {
	direct.Default.Type(link, reflect.TypeOf(nilPointer).Elem())
}
