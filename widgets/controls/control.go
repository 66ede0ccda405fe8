package controls

import (
	"errors"
	"fmt"
	"os"
	"unicode/utf8"

	"mobula/display"
	"mobula/internal/cellio"
)

// Control is what this package shows: an input, a button, a box of others.
type Control interface {
	display.Displayer
	// Close ends the control and those in it: the front end shows what it was as text. Closing twice does nothing.
	Close()

	base() *model
}

// Show shows each control below the cell, in order.
func Show(controls ...Control) {
	for _, c := range controls {
		display.Show(c)
	}
}

// control is the part that all controls have.
type control struct{ m *model }

func (c control) base() *model { return c.m }

// Display is the control as an output: live in front ends that can draw it, with a static twin for those that cannot.
func (c control) Display() display.Bundle {
	id, err := c.m.hub.show(c.m)
	b := c.m.twin().bundle()
	switch {
	case err == nil:
		b[cellio.MIMEWidgetView] = map[string]any{"version_major": 2, "version_minor": 0, "model_id": id}
	case !errors.Is(err, cellio.ErrNoComms): // a program has no front end, and misses nothing
		fmt.Fprintln(os.Stderr, "controls: "+c.m.kind+" is shown without its front end:", err)
	}
	return b
}

// Close ends the control and those in it: the front end shows what it was as text. Closing twice does nothing.
func (c control) Close() { c.m.hub.close(c.m) }

// labelled is the part of controls that have a label and can be switched off.
type labelled struct{ control }

// SetLabel changes the text beside the control, or on the button.
func (c labelled) SetLabel(label string) { c.m.hub.change(c.m, c.m.labelled(label)) }

// SetDisabled switches the control off for the user, or on again. Code may still change it.
func (c labelled) SetDisabled(off bool) { c.m.hub.change(c.m, attrs{"disabled": off}) }

// label is the text beside the control.
func (c labelled) label() string {
	c.m.hub.mu.Lock()
	defer c.m.hub.mu.Unlock()
	s, _ := c.m.state["description"].(string)
	return s
}

// shortLabel is how many characters fit into the width that ipywidgets gives labels, so that controls below each other align.
const shortLabel = 10

// labelled is the state of a label: longer ones get the room that they need.
func (m *model) labelled(label string) attrs {
	a := attrs{"description": label}
	if utf8.RuneCountInString(label) > shortLabel && m.kind != "Button" {
		style := newModel("DescriptionStyle", attrs{"description_width": "initial", "_view_module": baseModule, "_view_name": "StyleView"})
		a["style"] = style
	}
	return a
}

// Option changes how a control looks or behaves. One that a control does not know makes its constructor panic.
type Option struct {
	name, key string
	value     any
}

// Disabled switches the control off for the user; SetDisabled switches it on.
func Disabled() Option { return Option{"Disabled", "disabled", true} }

// Tooltip is shown where the pointer rests on the control.
func Tooltip(text string) Option { return Option{"Tooltip", "tooltip", text} }

// Placeholder is shown in an empty text.
func Placeholder(text string) Option { return Option{"Placeholder", "placeholder", text} }

// OnRelease has a slider tell its value when the user lets go of it, and a text when Enter is pressed or the text is left; without it they tell at
// once.
func OnRelease() Option { return Option{"OnRelease", "continuous_update", false} }

// Icon is shown on a button: a name of Font Awesome 4, "play" for example.
func Icon(name string) Option { return Option{"Icon", "icon", name} }

// Look is the meaning that a button's colour gives it.
type Look string

// The looks of buttons.
const (
	Primary Look = "primary"
	Success Look = "success"
	Info    Look = "info"
	Warning Look = "warning"
	Danger  Look = "danger"
)

// Style gives a button one of the colours of the front end's theme.
func Style(l Look) Option { return Option{"Style", "button_style", string(l)} }

// Names are what a dropdown shows for its choices, one for each in order. Without it they are shown as fmt prints them.
func Names(names ...string) Option { return Option{"Names", "_options_labels", names} }

// Width is the control's width, in CSS: "300px", "50%".
func Width(css string) Option { return Option{"Width", "layout", attrs{"width": css}} }

// apply gives a new model its options.
func (m *model) apply(opts []Option) {
	for _, o := range opts {
		_, known := m.state[o.key]
		if style, ok := o.value.(attrs); ok {
			layout := newModel("Layout", style)
			for _, part := range []string{"_model", "_view"} {
				layout.state[part+"_module"] = baseModule
			}
			o.value, known = layout, true
		}
		if !known {
			panic(fmt.Sprintf("controls: %s is no option of %s", o.name, m.kind))
		}
		m.state[o.key] = o.value
	}
}
