package controls

import (
	"reflect"
	"unsafe"

	"mobula/internal/codec"
)

// A control stays where its front end is: a task that captures one is refused, with the way out.
func init() {
	codec.Register(reflect.TypeFor[model](), codec.Custom{
		EncodeBuffers: func(codec.Host, unsafe.Pointer) (codec.Encoded, error) { return codec.Encoded{}, errStays },
		DecodeBuffers: func(codec.Host, codec.Encoded, unsafe.Pointer) error { return errStays },
	})
}

var errStays = &codec.Error{Reason: "a control belongs to the notebook's own process", Hint: "take its Value into a variable first, and use that in the task"}
