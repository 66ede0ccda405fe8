package controls

import (
	"encoding/json"
	"html"
	"slices"
)

// ButtonControl is a button. Make it with Button.
type ButtonControl struct {
	labelled
	onClick []func() // guarded by hub.mu
}

// Button makes a button; OnClick says what it does.
func Button(label string, opts ...Option) *ButtonControl {
	m := newModel("Button", attrs{"description": label, "disabled": false, "tooltip": nil, "icon": "", "button_style": ""})
	m.apply(opts)
	b := &ButtonControl{labelled: labelled{control{m}}}
	m.custom = b.receive
	m.twin = func() still {
		return still{"[" + b.label() + "]", "<div><button disabled>" + html.EscapeString(b.label()) + "</button></div>"}
	}
	return b
}

// OnClick has f called at each click. Several handlers are called in the order in which they were added.
func (b *ButtonControl) OnClick(f func()) {
	b.m.hub.mu.Lock()
	defer b.m.hub.mu.Unlock()
	b.onClick = append(b.onClick, f)
}

func (b *ButtonControl) receive(content json.RawMessage, _ [][]byte) error {
	var c struct {
		Event string `json:"event"`
	}
	if err := json.Unmarshal(content, &c); err != nil || c.Event != "click" {
		return nil // other events are for others
	}
	b.m.hub.mu.Lock()
	handlers := slices.Clone(b.onClick)
	b.m.hub.mu.Unlock()
	for _, f := range handlers {
		f()
	}
	return nil
}

// LabelControl is a line of text that code changes. Make it with Label.
type LabelControl struct{ control }

// Label makes a line of text.
func Label(text string, opts ...Option) *LabelControl {
	m := newModel("Label", attrs{"value": text, "tooltip": nil})
	m.apply(opts)
	l := &LabelControl{control{m}}
	m.twin = func() still { return stillOf("", l.Text()) }
	return l
}

// Text is the present text.
func (l *LabelControl) Text() string {
	l.m.hub.mu.Lock()
	defer l.m.hub.mu.Unlock()
	return l.m.state["value"].(string)
}

// Set changes the text.
func (l *LabelControl) Set(text string) { l.m.hub.change(l.m, attrs{"value": text}) }
