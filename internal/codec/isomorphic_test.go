package codec

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// isomorphic compares two graphs as graphs: equal values, and every place in one stands for
// one place in the other, however it is reached.
func isomorphic(a, b reflect.Value) error {
	m := matcher{there: map[unsafe.Pointer]unsafe.Pointer{}, back: map[unsafe.Pointer]unsafe.Pointer{}, seen: map[visit]bool{}}
	return m.match(a, b, "")
}

type matcher struct {
	there, back map[unsafe.Pointer]unsafe.Pointer
	seen        map[visit]bool
}

type visit struct {
	p unsafe.Pointer
	t reflect.Type
	n int
}

// same notes that two places stand for each other.
func (m *matcher) same(a, b unsafe.Pointer, path string) error {
	x, ok := m.there[a]
	y, back := m.back[b]
	if ok != back || ok && (x != b || y != a) {
		return fmt.Errorf("%s: shared in one graph, apart in the other", path)
	}
	m.there[a], m.back[b] = b, a
	return nil
}

func (m *matcher) match(a, b reflect.Value, path string) error {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return fmt.Errorf("%s: types differ", path)
	}
	if !a.IsValid() {
		return nil
	}
	switch k := a.Kind(); {
	case k == reflect.Struct:
		for i := range a.NumField() {
			if err := m.match(a.Field(i), b.Field(i), path+"."+a.Type().Field(i).Name); err != nil {
				return err
			}
		}
		return nil
	case k == reflect.Array:
		return m.elements(a, b, path)
	case a.CanAddr() && b.CanAddr():
		if err := m.same(a.Addr().UnsafePointer(), b.Addr().UnsafePointer(), path); err != nil {
			return err
		}
	}
	return m.leaf(a, b, path)
}

func (m *matcher) elements(a, b reflect.Value, path string) error {
	if a.Len() != b.Len() {
		return fmt.Errorf("%s: lengths %d and %d", path, a.Len(), b.Len())
	}
	for i := range a.Len() {
		if err := m.match(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (m *matcher) leaf(a, b reflect.Value, path string) error {
	switch k := a.Kind(); k {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if a.IsNil() != b.IsNil() {
			return fmt.Errorf("%s: one is nil", path)
		}
		if a.IsNil() {
			return nil
		}
		return m.reference(a, b, path)
	case reflect.Interface:
		return m.match(a.Elem(), b.Elem(), path)
	case reflect.Float32, reflect.Float64:
		if math.Float64bits(a.Float()) != math.Float64bits(b.Float()) {
			return fmt.Errorf("%s: %v and %v", path, a, b)
		}
		return nil
	}
	if !a.Equal(b) {
		return fmt.Errorf("%s: %v and %v", path, a, b)
	}
	return nil
}

func (m *matcher) reference(a, b reflect.Value, path string) error {
	at := visit{p: a.UnsafePointer(), t: a.Type()}
	if a.Kind() == reflect.Slice {
		at.n = a.Len()
	}
	if m.seen[at] {
		return nil
	}
	m.seen[at] = true
	switch a.Kind() {
	case reflect.Pointer:
		if a.Type().Elem().Size() == 0 {
			return nil
		}
		return m.match(a.Elem(), b.Elem(), path)
	case reflect.Slice:
		return m.elements(a, b, path)
	case reflect.Map:
		if err := m.same(a.UnsafePointer(), b.UnsafePointer(), path); err != nil {
			return err
		}
		return m.entries(a, b, path)
	}
	return nil
}

// entries looks keys up; keys that hold pointers or NaN are counted alone.
func (m *matcher) entries(a, b reflect.Value, path string) error {
	if a.Len() != b.Len() {
		return fmt.Errorf("%s: %d and %d entries", path, a.Len(), b.Len())
	}
	if !programOf(a.Type().Key()).plain {
		return nil
	}
	for k, v := range a.Seq2() {
		if !k.Equal(k) {
			continue
		}
		if err := m.match(v, b.MapIndex(k), fmt.Sprintf("%s[%v]", path, k)); err != nil {
			return err
		}
	}
	return nil
}
