package batch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"mobula/internal/cellio"
	"mobula/internal/utf8text"
	"mobula/interp"
	"mobula/notebook"
)

// recorder gathers what cells show. It is the engine's Sink.
type recorder struct {
	output func(cell int, stream, text string)

	mu     sync.Mutex // guards what follows
	cells  map[int]*record
	newest int
	shown  map[string][]*item // by display id
}

// record is what one cell has shown.
type record struct {
	items   []*item
	partial map[string][]byte // by stream: a UTF-8 sequence that the next chunk goes on with
	clear   bool              // the next output takes the place of all
}

type item struct {
	notebook.Output
	text []byte // of a stream
}

var _ interp.Sink = (*recorder)(nil)

func newRecorder(output func(int, string, string)) *recorder {
	return &recorder{output: output, cells: map[int]*record{}, shown: map[string][]*item{}}
}

// begin makes a record of a cell.
func (r *recorder) begin(cell int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cells[cell] = &record{partial: map[string][]byte{}}
	r.newest = cell
}

// find returns the record of a cell, or of the newest. r.mu is held.
func (r *recorder) find(cell int) *record {
	if c := r.cells[cell]; c != nil {
		return c
	}
	if c := r.cells[r.newest]; c != nil {
		return c
	}
	return &record{partial: map[string][]byte{}} // before the first cell: nobody sees it
}

// outputs is what a cell has shown so far.
func (r *recorder) outputs(cell int) []notebook.Output {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []notebook.Output
	for _, it := range r.find(cell).items {
		o := it.Output
		if o.Type == notebook.Stream {
			if o.Text = overwrite(strings.ToValidUTF8(string(it.text), "\uFFFD")); o.Text == "" {
				continue
			}
		}
		list = append(list, o)
	}
	return list
}

// add makes room for an output. r.mu is held.
func (r *recorder) add(c *record, it *item) {
	if c.clear {
		r.drop(c)
	}
	if n := len(c.items); n > 0 && c.items[n-1].Type == notebook.Stream {
		last := c.items[n-1]
		if cut := utf8text.Incomplete(last.text); cut > 0 {
			c.partial[last.Name] = slices.Clone(last.text[len(last.text)-cut:])
			last.text = last.text[:len(last.text)-cut]
		}
	}
	c.items = append(c.items, it)
}

// drop forgets what a cell has shown. r.mu is held.
func (r *recorder) drop(c *record) {
	for id, list := range r.shown {
		r.shown[id] = slices.DeleteFunc(list, func(it *item) bool { return slices.Contains(c.items, it) })
	}
	c.items, c.clear = nil, false
	clear(c.partial)
}

// Stream implements interp.Sink.
func (r *recorder) Stream(cell int, name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text == "" {
		return
	}
	c := r.find(cell)
	if n := len(c.items); n == 0 || c.clear || c.items[n-1].Type != notebook.Stream || c.items[n-1].Name != name {
		r.add(c, &item{Output: notebook.Output{Type: notebook.Stream, Name: name}, text: c.partial[name]})
		delete(c.partial, name)
	}
	last := c.items[len(c.items)-1]
	last.text = append(last.text, text...)
	r.tell(cell, name, text)
}

// tell passes text on. r.mu is held, so that it comes in order.
func (r *recorder) tell(cell int, stream, text string) {
	if r.output != nil && text != "" {
		r.output(cell, stream, text)
	}
}

// Display implements interp.Sink. There are no comms here, so a view of a model is shown as the rest of its bundle.
func (r *recorder) Display(cell int, d cellio.Display) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := notebook.Output{Type: notebook.Display, Data: map[string]jsonValue{}, Metadata: d.Metadata}
	for mime, value := range d.Data {
		if mime != cellio.MIMEWidgetView {
			o.Data[mime] = value
		}
	}
	if d.ID != "" {
		for _, it := range r.shown[d.ID] {
			it.Data, it.Metadata = o.Data, o.Metadata
		}
	}
	if d.Update {
		return
	}
	if d.Result {
		o.Type = notebook.Result
		o.ExecutionCount = new(cell)
	}
	it := &item{Output: o}
	r.add(r.find(cell), it)
	if d.ID != "" {
		r.shown[d.ID] = append(r.shown[d.ID], it)
	}
	if text := o.PlainText(); text != "" {
		r.tell(cell, "stdout", text+"\n")
	}
}

// Clear implements interp.Sink.
func (r *recorder) Clear(cell int, wait bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.find(cell); wait {
		c.clear = true
	} else {
		r.drop(c)
	}
}

// Fault implements interp.Sink.
func (r *recorder) Fault(cell int, err *interp.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(r.find(cell), &item{Output: notebook.Output{Type: notebook.Error, ErrorName: err.Name, ErrorValue: err.Value, Traceback: err.Lines()}})
	r.tell(cell, "stderr", strings.Join(err.Lines(), "\n")+"\n")
}

// errNobody is what a cell gets that asks the user.
var errNobody = errors.New("nobody can be asked: this notebook runs as a batch job; give the value as a parameter")

// Input implements interp.Sink.
func (r *recorder) Input(context.Context, int, string, bool) (string, error) { return "", errNobody }

// overwrite does what a terminal does at \r and \b, as JupyterLab does before it saves.
func overwrite(text string) string {
	if !strings.ContainsAny(text, "\r\b") {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, "\n")
		var shown []rune
		at := 0
		for _, c := range body {
			switch c {
			case '\r':
				at = 0
			case '\b':
				at = max(0, at-1)
			default:
				if at == len(shown) {
					shown = append(shown, c)
				} else {
					shown[at] = c
				}
				at++
			}
		}
		b.WriteString(string(shown))
		if ended {
			b.WriteByte('\n')
		}
	}
	return b.String()
}
