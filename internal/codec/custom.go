package codec

import (
	"reflect"
	"sync"
	"unsafe"
)

// Custom is how values of a type travel that its package writes and reads itself.
type Custom struct {
	// Encode returns what is sent for the value at p. It is called once for each value in memory, on the goroutine of the
	// encoding whose Host is h.
	Encode func(h Host, p unsafe.Pointer) ([]byte, error)
	// Decode fills the zero value at p. data is valid only during the call.
	Decode func(h Host, data []byte, p unsafe.Pointer) error
}

var customs sync.Map // reflect.Type to *special

// Register says how values of type t travel, a type of the calling package, before any is encoded.
func Register(t reflect.Type, c Custom) {
	customs.Store(t, &special{
		write: func(e *encoder, p unsafe.Pointer) {
			data, err := c.Encode(e.h, p)
			if err != nil && e.err == nil {
				e.err = err
			}
			e.uvarint(uint64(len(data)))
			e.out = append(e.out, data...)
		},
		read: func(d *decoder, p unsafe.Pointer) {
			data := d.take(d.uvarint())
			if d.err != nil {
				return
			}
			if err := c.Decode(d.h, data, p); err != nil {
				d.err = err
			}
		},
	})
}
