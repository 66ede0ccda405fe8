package controls

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Input is a control by which the user gives a value.
type Input[T any] struct {
	labelled
	key   string // of the value in the model's state
	kinds kinds[T]

	// Guarded by hub.mu:
	value    T
	onChange []func(T)
}

// kinds is what the kinds of inputs differ in.
type kinds[T any] struct {
	// fit is the nearest value that is allowed; it panics where there is none.
	fit func(T) T
	// encode is the value as the model's state has it, decode the reverse, for any JSON.
	encode func(T) any
	decode func(json.RawMessage) (T, error)
	// twin is the static twin.
	twin func(label string, v T) still
}

// newInput makes an input of a model whose state lacks the value.
func newInput[T any](m *model, label, key string, start T, k kinds[T], opts []Option) *Input[T] {
	in := &Input[T]{labelled: labelled{control{m}}, key: key, kinds: k}
	maps.Copy(m.state, m.labelled(label))
	maps.Copy(m.state, attrs{"disabled": false, "tooltip": nil})
	m.apply(opts)
	in.value = k.fit(start)
	m.state[key] = k.encode(in.value)
	m.update = in.update
	m.twin = func() still { return k.twin(in.label(), in.Value()) }
	return in
}

// Value is the present value.
func (in *Input[T]) Value() T {
	in.m.hub.mu.Lock()
	defer in.m.hub.mu.Unlock()
	return in.value
}

// Set changes the value, to the nearest that is allowed. It calls no handler: those hear of the user's changes.
func (in *Input[T]) Set(v T) {
	v = in.kinds.fit(v)
	encoded := in.kinds.encode(v)
	in.m.hub.do(func() {
		in.value = v
		in.m.hub.set(in.m, attrs{in.key: encoded})
	})
}

// OnChange has f called with each value that the user gives. Several handlers are called in the order in which they were added.
func (in *Input[T]) OnChange(f func(T)) {
	in.m.hub.mu.Lock()
	defer in.m.hub.mu.Unlock()
	in.onChange = append(in.onChange, f)
}

// update takes a value from the front end. One that is not allowed becomes the nearest, and the front end learns of it.
func (in *Input[T]) update(c change) (tell func(), err error) {
	raw, ok := c.state[in.key]
	if !ok {
		return nil, nil
	}
	v, err := in.kinds.decode(raw)
	if err != nil {
		return nil, fmt.Errorf("the front end gave %s the value %s: %w", in.m.kind, raw, err)
	}
	encoded := in.kinds.encode(v)
	var handlers []func(T)
	in.m.hub.do(func() {
		in.value = v
		in.m.state[in.key] = encoded // the front end has it
		in.m.hub.stillChanged(in.m)
		handlers = slices.Clone(in.onChange)
	})
	return func() {
		if !sameJSON(raw, encoded) {
			in.m.hub.change(in.m, attrs{in.key: encoded})
		}
		for _, f := range handlers {
			f(v)
		}
	}, nil
}

// sameJSON reports whether raw is how v is encoded, but for spaces and how numbers are written.
func sameJSON(raw json.RawMessage, v any) bool {
	text, err := json.Marshal(v)
	var a, b any
	return err == nil && json.Unmarshal(raw, &a) == nil && json.Unmarshal(text, &b) == nil && reflect.DeepEqual(a, b)
}

// decodeJSON is the decode of inputs whose state holds the value itself.
func decodeJSON[T any](raw json.RawMessage) (v T, err error) {
	if string(raw) == "null" {
		return v, fmt.Errorf("want a %T", v)
	}
	return v, json.Unmarshal(raw, &v)
}

func itself[T any](v T) T { return v }

func encodeItself[T any](v T) any { return v }

// Text lets the user type a line. It is empty at first.
func Text(label string, opts ...Option) *Input[string] {
	m := newModel("Text", attrs{"continuous_update": true, "placeholder": "\u200b"})
	return newInput(m, label, "value", "", kinds[string]{fit: itself[string], encode: encodeItself[string], decode: decodeJSON[string], twin: stillOf}, opts)
}

// Checkbox lets the user say yes or no. It is no at first.
func Checkbox(label string, opts ...Option) *Input[bool] {
	m := newModel("Checkbox", attrs{"indent": false})
	twin := func(label string, on bool) still {
		box := "☐ "
		if on {
			box = "☑ "
		}
		return stillOf("", box+label)
	}
	return newInput(m, label, "value", false, kinds[bool]{fit: itself[bool], encode: encodeItself[bool], decode: decodeJSON[bool], twin: twin}, opts)
}

// Dropdown lets the user choose one of some values, the first at first. Setting a value that is none of them panics.
func Dropdown[T comparable](choices []T, label string, opts ...Option) *Input[T] {
	if len(choices) == 0 {
		panic(fmt.Sprintf("controls: Dropdown %q has no choices", label))
	}
	choices = slices.Clone(choices)
	names := make([]string, len(choices))
	for i, c := range choices {
		names[i] = fmt.Sprint(c)
	}
	m := newModel("Dropdown", attrs{"_options_labels": names})
	k := kinds[T]{fit: func(v T) T {
		if !slices.Contains(choices, v) {
			panic(fmt.Sprintf("controls: %v is none of the choices of Dropdown %q: %v", v, label, names))
		}
		return v
	}}
	k.encode = func(v T) any { return slices.Index(choices, v) }
	k.decode = func(raw json.RawMessage) (v T, err error) {
		i, err := decodeJSON[int](raw)
		if err == nil && (i < 0 || i >= len(choices)) {
			err = fmt.Errorf("there are %d choices", len(choices))
		}
		if err != nil {
			return v, err
		}
		return choices[i], nil
	}
	k.twin = func(label string, v T) still { return stillOf(label, names[slices.Index(choices, v)]) }
	in := newInput(m, label, "index", choices[0], k, opts)
	given := m.state["_options_labels"].([]string)
	if len(given) != len(choices) {
		panic(fmt.Sprintf("controls: Dropdown %q has %d choices and %d Names", label, len(choices), len(given)))
	}
	copy(names, given)
	m.state["_options_labels"] = names
	return in
}
