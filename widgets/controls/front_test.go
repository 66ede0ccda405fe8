package controls

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"mobula/display"
	"mobula/internal/cellio"
)

// front is a front end that remembers what it is told.
type front struct {
	cellio.Discard
	t *testing.T

	mu      sync.Mutex // guards below
	opened  []*frontComm
	served  map[string]func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error)
	log     []string
	cellEnd func()
	fail    error // of the next things that are sent
}

// frontComm is one comm of a front.
type frontComm struct {
	f       *front
	id      string
	handler cellio.CommHandler
	open    cellio.CommMessage
	sent    []cellio.CommMessage
	still   cellio.Data
	closed  bool
}

// attach makes a new front end that of the process, and forgets all models.
func attach(t *testing.T) *front {
	f := &front{t: t, served: map[string]func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error){}}
	old, oldHub := cellio.Current(), theHub
	cellio.Install(f)
	theHub = newHub()
	t.Cleanup(func() { cellio.Install(old); theHub = oldHub })
	return f
}

func (f *front) note(format string, args ...any) { f.log = append(f.log, fmt.Sprintf(format, args...)) }

func (f *front) OpenComm(target string, open cellio.CommMessage, h cellio.CommHandler) (cellio.Comm, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	c := &frontComm{f: f, id: fmt.Sprintf("m%d", len(f.opened)+1), handler: h, open: open}
	f.opened = append(f.opened, c)
	f.note("open %s %s %s %s %q", c.id, target, open.Metadata, open.Data, open.Buffers)
	return c, nil
}

func (f *front) ServeComms(target string, accept func(cellio.Comm, cellio.CommMessage) (cellio.CommHandler, error)) error {
	f.served[target] = accept
	f.note("serve %s", target)
	return nil
}

func (f *front) OnCellEnd(end func()) { f.cellEnd = end }

func (f *front) Capture(out cellio.Outputs, do func()) {
	old := cellio.Current()
	cellio.Install(capturing{f, out})
	defer cellio.Install(old)
	do()
}

// capturing is a front whose displays are captured.
type capturing struct {
	*front
	out cellio.Outputs
}

func (c capturing) Display(d cellio.Display) error {
	if !c.out.Display(d) {
		c.note("display %s", d.ID)
	}
	return nil
}

func (c capturing) ClearOutput(wait bool) error { c.out.ClearOutput(wait); return nil }

func (c *frontComm) ID() string { return c.id }

func (c *frontComm) Send(m cellio.CommMessage) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.fail != nil {
		return c.f.fail
	}
	c.sent = append(c.sent, m)
	c.f.note("%s <- %s %q", c.id, m.Data, m.Buffers)
	return nil
}

func (c *frontComm) Still(d cellio.Data) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.still = d
	return nil
}

func (c *frontComm) Close(cellio.CommMessage) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	c.closed = true
	c.f.note("close %s, still %s", c.id, c.still["text/plain"])
	return nil
}

// of is the comm of a control.
func (f *front) of(c Control) *frontComm {
	f.t.Helper()
	theHub.mu.Lock()
	id := c.base().comm.ID()
	theHub.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.opened, func(c *frontComm) bool { return c.id == id })
	if i < 0 {
		f.t.Fatal("the control was not shown")
	}
	return f.opened[i]
}

// messages are what was sent on a control's comm.
func (f *front) messages(c Control) []cellio.CommMessage {
	f.t.Helper()
	comm := f.of(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(comm.sent)
}

// still is the text that is left for a control's end, as JSON.
func (f *front) still(c Control) string {
	f.t.Helper()
	comm := f.of(c)
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(comm.still[display.MIMEText])
}

// say is what the front end says on a control's comm.
func (f *front) say(c Control, data string, buffers ...[]byte) error {
	f.t.Helper()
	comm := f.of(c)
	return comm.handler.Message(comm, cellio.CommMessage{Data: json.RawMessage(data), Buffers: buffers})
}

// user has the user give a value.
func (f *front) user(c Control, key string, value any) error {
	f.t.Helper()
	text, err := json.Marshal(map[string]any{"method": "update", "state": map[string]any{key: value}, "buffer_paths": []any{}})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.say(c, string(text))
}

// state is what the front end has of a control by now.
func (f *front) state(c Control) map[string]any {
	f.t.Helper()
	state := map[string]any{}
	for _, m := range append([]cellio.CommMessage{f.of(c).open}, f.messages(c)...) {
		var body struct {
			Method string
			State  map[string]any
		}
		if err := json.Unmarshal(m.Data, &body); err != nil {
			f.t.Fatal(err)
		}
		maps.Copy(state, body.State)
	}
	return state
}

// takeLog returns what was said since the last time.
func (f *front) takeLog() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := strings.Join(f.log, "\n")
	f.log = nil
	return text
}

// plainText is the text of a bundle.
func plainText(d display.Displayer) string { return d.Display()[display.MIMEText].(string) }
