package notebook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// Object is a JSON object that keeps the order of its keys and the text of its values. The zero value is empty.
type Object struct {
	keys   []string
	values map[string]json.RawMessage
}

// Get returns the value of a key, or nil.
func (o *Object) Get(key string) json.RawMessage { return o.values[key] }

// Has reports whether there is a value of a key.
func (o *Object) Has(key string) bool { _, ok := o.values[key]; return ok }

// Len is the number of keys.
func (o *Object) Len() int { return len(o.keys) }

// All ranges over keys and values in their order.
func (o *Object) All() iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		for _, key := range o.keys {
			if !yield(key, o.values[key]) {
				return
			}
		}
	}
}

// Put sets a value that is JSON already. A new key comes where the order of the alphabet puts it, if the others are in that order, as nbformat
// writes them; else it comes last.
func (o *Object) Put(key string, value json.RawMessage) {
	if o.values == nil {
		o.values = map[string]json.RawMessage{}
	}
	if _, ok := o.values[key]; !ok {
		at := len(o.keys)
		if slices.IsSorted(o.keys) {
			at, _ = slices.BinarySearch(o.keys, key)
		}
		o.keys = slices.Insert(o.keys, at, key)
	}
	o.values[key] = value
}

// Set sets a value. It panics where the value is none of JSON.
func (o *Object) Set(key string, value any) { o.Put(key, encode(value)) }

// Delete removes a key.
func (o *Object) Delete(key string) {
	if o.Has(key) {
		delete(o.values, key)
		o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
	}
}

// Decode stores the value of a key in target, as encoding/json does. It reports whether there is one that fits.
func (o *Object) Decode(key string, target any) bool {
	raw, ok := o.values[key]
	return ok && json.Unmarshal(raw, target) == nil
}

// UnmarshalJSON reads an object. Of a key that comes twice the last value counts.
func (o *Object) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	*o = Object{}
	if t, err := d.Token(); err != nil {
		return err
	} else if t == nil {
		return nil // as encoding/json does
	} else if t != json.Delim('{') {
		return fmt.Errorf("want an object, have %s", kindOf(data))
	}
	*o = Object{values: map[string]json.RawMessage{}}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return fmt.Errorf("want a key, have %v", t)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if !o.Has(key) {
			o.keys = append(o.keys, key)
		}
		o.values[key] = value
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// MarshalJSON writes the object.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, key := range o.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encode(key))
		b.WriteByte(':')
		b.Write(o.values[key])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// object makes an Object of keys and values in turn.
func object(pairs ...any) Object {
	var o Object
	for i := 0; i+1 < len(pairs); i += 2 {
		o.Set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// encode writes a value as JSON without escapes for HTML.
func encode(value any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(fmt.Sprintf("notebook: %T is no value of JSON: %v", value, err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// kindOf names the kind of a JSON value, for errors.
func kindOf(raw []byte) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
