package controls

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"mobula/display"
	"mobula/internal/cellio"
)

// Bounds of what an output area keeps: the front end gets all of it at each change.
const (
	maxOutputText  = 128 << 10 // bytes of text in a row
	maxOutputItems = 100
)

// OutputControl is an area that shows what functions print and display. Make it with Output. It is an io.Writer, too.
type OutputControl struct {
	control

	// Guarded by hub.mu:
	items   []outputItem
	dropped bool // items or text were, for lack of room
	clear   bool // when the next output comes
}

// outputItem is text of a stream, or a bundle.
type outputItem struct {
	stream string
	text   []byte
	data   cellio.Data
	meta   cellio.Data
	id     string
}

// Output makes an empty area for output.
func Output(opts ...Option) *OutputControl {
	m := newModel("Output", attrs{"_model_module": outputModule, "_view_module": outputModule, "msg_id": "", "outputs": []any{}})
	m.state["_model_module_version"], m.state["_view_module_version"] = outputVersion, outputVersion
	m.apply(opts)
	o := &OutputControl{control: control{m}}
	m.twin = o.still
	return o
}

// Capture calls f. What it prints and displays goes to the area and not below the cell; so does what goroutines show that it starts,
// for as long as they live. Where there is no front end it goes where it would go without the area.
func (o *OutputControl) Capture(f func()) {
	port, err := cellio.Comms()
	if err != nil {
		f()
		return
	}
	port.Capture(capture{o}, f)
}

// Write adds text.
func (o *OutputControl) Write(p []byte) (int, error) {
	o.write("stdout", p)
	return len(p), nil
}

// Show adds values, as display.Show does to a cell.
func (o *OutputControl) Show(values ...any) {
	for _, v := range values {
		o.add(outputItem{data: display.Of(v)})
	}
}

// Clear empties the area.
func (o *OutputControl) Clear() {
	o.m.hub.do(func() {
		o.items, o.dropped = nil, false
		o.changed()
	})
}

// capture is the area as what takes the output of a function.
type capture struct{ o *OutputControl }

// Write adds text of a stream.
func (c capture) Write(stream string, text []byte) { c.o.write(stream, text) }

// Display adds rich output, or replaces what has its id. An update of what is elsewhere is declined.
func (c capture) Display(d cellio.Display) bool {
	if !d.Update {
		c.o.add(outputItem{data: d.Data, meta: d.Metadata, id: d.ID})
		return true
	}
	found := false
	c.o.m.hub.do(func() {
		for i := range c.o.items {
			if it := &c.o.items[i]; d.ID != "" && it.id == d.ID {
				it.data, it.meta, found = d.Data, d.Metadata, true
			}
		}
		if found {
			c.o.changed()
		}
	})
	return found
}

// ClearOutput empties the area, at once or when something new comes.
func (c capture) ClearOutput(wait bool) {
	if wait {
		c.o.m.hub.do(func() { c.o.clear = true })
		return
	}
	c.o.Clear()
}

func (o *OutputControl) write(stream string, text []byte) {
	o.m.hub.do(func() {
		o.begin()
		if n := len(o.items); n == 0 || o.items[n-1].stream != stream {
			o.items = append(o.items, outputItem{stream: stream})
		}
		last := &o.items[len(o.items)-1]
		last.text = append(last.text, text...)
		if len(last.text) > maxOutputText+maxOutputText/4 { // not at each write
			cut := len(last.text) - maxOutputText
			last.text = slices.Clone(last.text[cut+max(0, bytes.IndexByte(last.text[cut:], '\n')+1):]) // whole lines
			o.dropped = true
		}
		o.changed()
	})
}

func (o *OutputControl) add(it outputItem) {
	o.m.hub.do(func() {
		o.begin()
		o.items = append(o.items, it)
		o.changed()
	})
}

// begin does what waits for new output; hub.mu is held.
func (o *OutputControl) begin() {
	if o.clear {
		o.items, o.dropped, o.clear = nil, false, false
	}
}

// changed makes the items the model's state; hub.mu is held.
func (o *OutputControl) changed() {
	if over := len(o.items) - maxOutputItems; over > 0 {
		o.items, o.dropped = slices.Delete(o.items, 0, over), true
	}
	o.m.hub.set(o.m, attrs{"outputs": outputs{o}})
}

// outputs is the state of an area. It is made when it is sent, and not at each of many small writes.
type outputs struct{ o *OutputControl }

// MarshalJSON writes outputs as notebooks hold them; hub.mu is held.
func (s outputs) MarshalJSON() ([]byte, error) {
	list := []any{}
	if s.o.dropped {
		list = append(list, map[string]any{"output_type": "stream", "name": "stderr", "text": "… earlier output is not kept\n"})
	}
	for _, it := range s.o.items {
		if it.data == nil {
			list = append(list, map[string]any{"output_type": "stream", "name": it.stream, "text": string(whole(it.text))})
			continue
		}
		list = append(list, map[string]any{"output_type": "display_data", "data": it.data, "metadata": orEmpty(it.meta)})
	}
	return json.Marshal(list)
}

func orEmpty(d cellio.Data) cellio.Data {
	if d == nil {
		return cellio.Data{}
	}
	return d
}

// whole is text without the beginning of a character at its end: the rest of it comes with the next write.
func whole(text []byte) []byte {
	for n := 1; n <= min(utf8.UTFMax-1, len(text)); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return text[:len(text)-n]
			}
			break
		}
	}
	return text
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func (o *OutputControl) still() still {
	o.m.hub.mu.Lock()
	defer o.m.hub.mu.Unlock()
	var list []still
	for _, it := range o.items {
		text := colours.ReplaceAllString(string(whole(it.text)), "")
		page := "<pre>" + html.EscapeString(text) + "</pre>"
		if it.data != nil {
			text = asText(it.data[display.MIMEText])
			page = "<pre>" + html.EscapeString(text) + "</pre>"
			if h := asText(it.data[display.MIMEHTML]); h != "" {
				page = h
			} else if png := asText(it.data[display.MIMEPNG]); png != "" {
				page = fmt.Sprintf(`<img alt="%s" src="data:image/png;base64,%s">`, html.EscapeString(text), html.EscapeString(strings.TrimSpace(png)))
			}
		}
		list = append(list, still{strings.TrimSuffix(text, "\n"), page})
	}
	return stillBelow(list)
}

// asText is a JSON string, "" for anything else.
func asText(raw json.RawMessage) (s string) {
	_ = json.Unmarshal(raw, &s)
	return s
}
