package ship

import (
	"reflect"
	"strings"
	"unsafe"

	"mobula/internal/codec"
	"mobula/interp/direct"
)

// target is what a variable of an interface or pointer type points to.
func target(v reflect.Value) unsafe.Pointer {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Pointer {
		return nil
	}
	return v.UnsafePointer()
}

// homeMark begins the names of what variables of the session point to.
const homeMark = "="

// HomeName names what a variable that was set here points to, such as an error that others are compared with: in the process
// that the value came from it is the same. It is for what goes back there.
func (p *Program) HomeName(at unsafe.Pointer) (string, bool) {
	name, ok := p.homes.Load(at)
	if !ok {
		return "", false
	}
	return homeMark + name.(string), true
}

// StaticVariable also finds what HomeName has named.
func (p *Program) StaticVariable(name string) (codec.Static, bool) {
	link, home := strings.CutPrefix(name, homeMark)
	if !home {
		return p.Image.StaticVariable(name)
	}
	v, ok := direct.Default.Variable(strings.TrimPrefix(link, mainPrefix))
	if !ok {
		return codec.Static{}, false
	}
	at := target(v)
	if at == nil {
		return codec.Static{}, false
	}
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	t := v.Type().Elem()
	return codec.Static{Pointer: at, Size: t.Size(), Type: t}, true
}
