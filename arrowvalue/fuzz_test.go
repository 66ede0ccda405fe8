package arrowvalue_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"

	"mobula/internal/codec"
)

// strictHost finds types by the names that it has given alone: those of executables are not checked.
type strictHost struct {
	codec.Host
	types map[string]reflect.Type
}

func (h strictHost) TypeName(t reflect.Type) (string, error) {
	name, err := h.Host.TypeName(t)
	h.types[name] = t
	return name, err
}

func (h strictHost) TypeByName(name string) (reflect.Type, error) {
	if t, ok := h.types[name]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no type %q", name)
}

func (strictHost) StaticName(unsafe.Pointer, uintptr) (string, uintptr, bool) { return "", 0, false }

func (strictHost) StaticVariable(string) (codec.Static, bool) { return codec.Static{}, false }

func (strictHost) MakeFunc(string, reflect.Type, unsafe.Pointer) (reflect.Value, error) {
	return reflect.Value{}, errors.New("no func")
}

func (strictHost) CaptureType(string, reflect.Type) (reflect.Type, error) {
	return nil, errors.New("no func")
}

// FuzzDecode damages messages: each is an array or an error, never a panic.
func FuzzDecode(f *testing.F) {
	var all []codec.Encoded
	for i, c := range cases {
		m := encoded(f, fromJSON(f, c.typ, c.json))
		all = append(all, m)
		f.Add(uint8(i), uint16(len(m.Head)/2), uint8(1), uint16(len(m.Head)-3), uint8(255))
	}
	h := strictHost{host(f), map[string]reflect.Type{}}
	for _, c := range cases {
		v := fromJSON(f, c.typ, c.json)
		if _, err := codec.Encode(h, reflect.ValueOf(&v).Elem(), codec.Options{}); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(_ *testing.T, which uint8, at uint16, flip uint8, also uint16, flop uint8) {
		m := all[int(which)%len(all)]
		head := append([]byte(nil), m.Head...)
		head[int(at)%len(head)] ^= flip
		head[int(also)%len(head)] ^= flop
		var got arrow.Array
		_ = codec.Decode(h, codec.Encoded{Head: head, Buffers: m.Buffers}, reflect.ValueOf(&got).Elem())
	})
}
