package controls

import "slices"

// BoxControl is a box of other controls. Make it with HBox or VBox.
type BoxControl struct{ control }

// HBox puts controls beside each other.
func HBox(controls ...Control) *BoxControl { return box("HBox", stillBeside, controls) }

// VBox puts controls below each other.
func VBox(controls ...Control) *BoxControl { return box("VBox", stillBelow, controls) }

func box(kind string, twin func([]still) still, controls []Control) *BoxControl {
	m := newModel(kind, attrs{"children": []*model{}, "box_style": ""})
	b := &BoxControl{control{m}}
	m.twin = func() still {
		var list []still
		for _, c := range b.children() {
			list = append(list, c.twin())
		}
		return twin(list)
	}
	b.Set(controls...)
	return b
}

// Set replaces the controls in the box. A box that would be in itself panics.
func (b *BoxControl) Set(controls ...Control) {
	list := make([]*model, 0, len(controls))
	for _, c := range controls {
		list = append(list, c.base())
	}
	b.m.hub.do(func() {
		for _, c := range list {
			if c.holds(b.m) {
				panic("controls: a box cannot be in itself")
			}
		}
		for _, c := range b.m.state["children"].([]*model) {
			c.parents = slices.DeleteFunc(slices.Clone(c.parents), func(p *model) bool { return p == b.m })
		}
		for _, c := range list {
			c.parents = append(c.parents, b.m)
		}
		b.m.hub.set(b.m, attrs{"children": list})
	})
}

// Style gives the box one of the colours of the front end's theme, "" for none.
func (b *BoxControl) Style(l Look) { b.m.hub.change(b.m, attrs{"box_style": string(l)}) }

func (b *BoxControl) children() []*model {
	b.m.hub.mu.Lock()
	defer b.m.hub.mu.Unlock()
	list, _ := b.m.state["children"].([]*model)
	return list
}

// holds reports whether other is m or in it; hub.mu is held.
func (m *model) holds(other *model) bool {
	list, _ := m.state["children"].([]*model)
	return m == other || slices.ContainsFunc(list, func(c *model) bool { return c.holds(other) })
}
