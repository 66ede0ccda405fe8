package controls

import (
	"encoding/json"
	"fmt"
	"html"
	"reflect"
	"slices"
	"sync"

	"mobula/display"
	"mobula/internal/cellio"
)

// anywidgetVersion is the range of anywidget's front end that can draw these controls.
const anywidgetVersion = "~0.11.*"

// Module is the front end's side of a control of one's own, as anywidget takes it.
type Module struct {
	ESM string // source, or the URL, of a JavaScript module whose default export has initialize({model}) or render({model, el})
	CSS string // style sheet, or its URL
}

// AnyControl is a control whose front end its user has written. Make it with Any.
type AnyControl[S any] struct {
	control

	changing sync.Mutex // held while the state is replaced; before hub.mu

	// Guarded by hub.mu:
	state     S
	keys      map[string]bool // that the front end has
	onChange  []func(S)
	onMessage []func(Message)
	static    func(S) any
}

// Message is one that the front end has sent with model.send(content, callbacks, buffers).
type Message struct {
	Content json.RawMessage
	Buffers [][]byte
}

// Decode decodes the content, as json.Unmarshal does.
func (m Message) Decode(into any) error { return json.Unmarshal(m.Content, into) }

// Any makes a control that the module draws. It needs anywidget beside the front end (pip install anywidget).
//
// S is a struct or a map with string keys. Its exported fields, under their JSON names, are what model.get and model.set have; those of type
// []byte travel as they are, and are a DataView there. A state that JSON does not take makes Any, Set and Update panic.
func Any[S any](module Module, state S, opts ...Option) *AnyControl[S] {
	m := newModel("Any", attrs{
		"_model_module": "anywidget", "_model_module_version": anywidgetVersion, "_view_module": "anywidget", "_view_module_version": anywidgetVersion,
		"_esm": module.ESM, "_anywidget_id": "mobula", "tooltip": nil,
	})
	if module.ESM == "" {
		panic("controls: Any needs a Module with ESM, the source of a JavaScript module")
	}
	if module.CSS != "" {
		m.state["_css"] = module.CSS
	}
	a := &AnyControl[S]{control: control{m}, keys: map[string]bool{}}
	m.apply(opts)
	m.update, m.custom, m.twin = a.update, a.custom, a.still
	a.Set(state)
	return a
}

// State is the present state.
func (a *AnyControl[S]) State() S {
	a.m.hub.mu.Lock()
	defer a.m.hub.mu.Unlock()
	return a.state
}

// Set replaces the state.
func (a *AnyControl[S]) Set(state S) { a.Update(func(s *S) { *s = state }) }

// Update has f change a copy of the state, which then replaces it. Updates come one after another, so f must not use this control.
func (a *AnyControl[S]) Update(f func(*S)) {
	a.changing.Lock()
	defer a.changing.Unlock()
	s := a.State()
	f(&s)
	fields, err := fieldsOf(s)
	if err != nil {
		panic(fmt.Errorf("controls: the state of an Any cannot be sent: %w", err))
	}
	a.replace(s, fields)
}

// replace makes s the state. Fields that are as they were are not sent.
func (a *AnyControl[S]) replace(s S, fields attrs) {
	a.m.hub.do(func() {
		a.state = s
		for key := range a.keys {
			if _, ok := fields[key]; !ok {
				fields[key] = nil // it was left out
			}
		}
		for key, v := range fields {
			a.keys[key] = true
			if reflect.DeepEqual(a.m.state[key], v) {
				delete(fields, key)
			}
		}
		a.m.hub.set(a.m, fields)
	})
}

// OnChange has f called with the state that the front end has changed.
func (a *AnyControl[S]) OnChange(f func(S)) {
	a.m.hub.mu.Lock()
	defer a.m.hub.mu.Unlock()
	a.onChange = append(a.onChange, f)
}

// OnMessage has f called with each message of the front end.
func (a *AnyControl[S]) OnMessage(f func(Message)) {
	a.m.hub.mu.Lock()
	defer a.m.hub.mu.Unlock()
	a.onMessage = append(a.onMessage, f)
}

// Send sends a message, which the module gets from model.on("msg:custom", (content, buffers) => ...), after all changes of the state before it.
// Content is what encoding/json takes. It waits where messages are sent faster than front ends take them. Before the control is shown there is
// nobody to hear it, and the message is dropped.
func (a *AnyControl[S]) Send(content any, buffers ...[]byte) error {
	data, err := json.Marshal(map[string]any{"method": "custom", "content": content})
	if err != nil {
		return fmt.Errorf("controls: the message cannot be sent: %w", err)
	}
	return a.m.hub.sendMessage(a.m, cellio.CommMessage{Data: data, Buffers: buffers})
}

// Static has f say what saved notebooks show for a state, as display.Show would. Without it they show the state as JSON.
func (a *AnyControl[S]) Static(f func(S) any) {
	a.m.hub.do(func() {
		a.static = f
		a.m.hub.stillChanged(a.m)
	})
}

func (a *AnyControl[S]) custom(content json.RawMessage, buffers [][]byte) error {
	a.m.hub.mu.Lock()
	handlers := slices.Clone(a.onMessage)
	a.m.hub.mu.Unlock()
	for _, f := range handlers {
		f(Message{content, buffers})
	}
	return nil
}

// update takes fields from the front end.
func (a *AnyControl[S]) update(c change) (tell func(), err error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	s, err := withFields(a.State(), c)
	if err != nil {
		return nil, err
	}
	fields, err := fieldsOf(s)
	if err != nil {
		return nil, err
	}
	var handlers []func(S)
	a.m.hub.do(func() {
		a.state = s
		for key, v := range fields {
			a.m.state[key], a.keys[key] = v, true // the front end has it
		}
		a.m.hub.stillChanged(a.m)
		handlers = slices.Clone(a.onChange)
	})
	return func() {
		for _, f := range handlers {
			f(s)
		}
	}, nil
}

// still is the state without the module.
func (a *AnyControl[S]) still() (twin still) {
	a.m.hub.mu.Lock()
	s, f := a.state, a.static
	a.m.hub.mu.Unlock()
	text, err := json.Marshal(s)
	if err != nil {
		text = []byte(err.Error())
	}
	twin = still{string(text), "<pre>" + html.EscapeString(string(text)) + "</pre>"}
	if f == nil {
		return twin
	}
	defer func() {
		if v := recover(); v != nil { // f is the user's, and this is no goroutine of a cell
			twin = stillOf("", fmt.Sprintf("the static view failed: %v", v))
		}
	}()
	data := display.Of(f(s))
	twin = still{asText(data[display.MIMEText]), asText(data[display.MIMEHTML])}
	if twin.html == "" {
		twin.html = "<pre>" + html.EscapeString(twin.text) + "</pre>"
	}
	return twin
}
