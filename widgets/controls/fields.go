package controls

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

var bytesType = reflect.TypeFor[[]byte]()

// fieldsOf is a state as a model has it, by JSON name: JSON, and copies of its []byte.
func fieldsOf(s any) (attrs, error) {
	v := reflect.ValueOf(s)
	if !v.IsValid() || v.Kind() != reflect.Struct && (v.Kind() != reflect.Map || v.Type().Key().Kind() != reflect.String) {
		return nil, fmt.Errorf("a %T is no struct and no map with string keys", s)
	}
	blobs := map[string][]byte{}
	rest := withoutBytes(v, blobs)
	text, err := json.Marshal(rest.Interface())
	if err != nil {
		return nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	fields := attrs{}
	for key, v := range raw {
		fields[key] = v
	}
	for key, b := range blobs {
		fields[key] = b
	}
	for key := range fields {
		if strings.HasPrefix(key, "_") {
			return nil, fmt.Errorf("field %q: names that begin with _ are the protocol's", key)
		}
	}
	return fields, nil
}

// withoutBytes returns a shallow copy of a struct or map without its []byte, which it copies to blobs.
func withoutBytes(v reflect.Value, blobs map[string][]byte) reflect.Value {
	rest := reflect.New(v.Type()).Elem()
	if v.Kind() == reflect.Struct {
		rest.Set(v)
		for i := range v.NumField() {
			if f := v.Type().Field(i); isBytes(f) {
				blobs[jsonName(f)] = cloneBytes(v.Field(i))
				rest.Field(i).SetZero()
			}
		}
		return rest
	}
	rest.Set(reflect.MakeMap(v.Type()))
	for _, key := range v.MapKeys() {
		item := v.MapIndex(key)
		if item.Kind() == reflect.Interface {
			item = item.Elem()
		}
		if item.IsValid() && item.Type() == bytesType {
			blobs[key.String()] = cloneBytes(item)
		} else {
			rest.SetMapIndex(key, v.MapIndex(key))
		}
	}
	return rest
}

func cloneBytes(v reflect.Value) []byte { return append([]byte{}, v.Bytes()...) }

func isBytes(f reflect.StructField) bool {
	return f.IsExported() && f.Type == bytesType && f.Tag.Get("json") != "-"
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

// withFields returns a state with what the front end has changed. What JSON has of it shares nothing with s.
func withFields[S any](s S, c change) (S, error) {
	known, err := fieldsOf(s)
	if err != nil {
		return s, err
	}
	for key, v := range c.state {
		if !strings.HasPrefix(key, "_") {
			known[key] = v
		}
	}
	for key, b := range c.buffers {
		known[key] = b
	}
	blobs := map[string][]byte{}
	for key, v := range known {
		if b, ok := v.([]byte); ok {
			blobs[key] = b
			delete(known, key)
		}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return s, err
	}
	var fresh S
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err = d.Decode(&fresh); err == nil {
		err = setBytes(reflect.ValueOf(&fresh).Elem(), blobs)
	}
	if err != nil {
		return s, fmt.Errorf("the front end has set what a %T does not take: %w", s, err)
	}
	return keepHidden(s, fresh), nil
}

// keepHidden returns fresh with the fields of s that JSON does not have.
func keepHidden[S any](s, fresh S) S {
	to, from := reflect.ValueOf(&s).Elem(), reflect.ValueOf(fresh)
	if to.Kind() != reflect.Struct {
		return fresh
	}
	for i := range to.NumField() {
		if f := to.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
			to.Field(i).Set(from.Field(i))
		}
	}
	return s
}

// setBytes puts bytes into a struct or map by their JSON names.
func setBytes(v reflect.Value, blobs map[string][]byte) error {
	if v.Kind() == reflect.Map {
		for key, b := range blobs {
			if !bytesType.AssignableTo(v.Type().Elem()) {
				return fmt.Errorf("%q is bytes, and the elements are %v", key, v.Type().Elem())
			}
			v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), reflect.ValueOf(b))
		}
		return nil
	}
	fields := reflect.VisibleFields(v.Type())
	for key, b := range blobs {
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return len(f.Index) == 1 && isBytes(f) && jsonName(f) == key })
		if i < 0 {
			return fmt.Errorf("%q is bytes, and no field of type []byte has that name", key)
		}
		v.FieldByIndex(fields[i].Index).SetBytes(b)
	}
	return nil
}
