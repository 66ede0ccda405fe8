package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/wire"
)

// commsOfTest are the targets that the kernels of tests answer by themselves.
var commsOfTest = map[string]CommHandler{
	"echo": func(c *Comm, open CommMessage) error {
		c.OnMessage(func(m CommMessage) {
			if string(m.Data) == `"panic"` {
				panic("a bug of the handler")
			}
			if err := c.Send(m.Data, object{"seen": true}, m.Buffers...); err != nil {
				panic(err)
			}
		})
		c.OnClose(func(CommMessage) { c.Kernel().OpenComm("farewell", object{"from": c.ID}, nil) })
		return c.Send(open.Data, nil, open.Buffers...)
	},
	"refuses": func(*Comm, CommMessage) error { return errors.New("not today") },
	"works": func(c *Comm, _ CommMessage) error {
		c.Go(func(ctx context.Context) {
			<-ctx.Done()
			c.Kernel().OpenComm("farewell", object{"from": c.ID}, nil)
		})
		return nil
	},
}

// comm sends a comm message and returns what comes for it up to idle.
func (c *client) comm(msgType, id, target string, data any, edit ...func(*wire.Message)) []*wire.Message {
	c.t.Helper()
	return c.until(c.send("shell", msgType, content{"comm_id": id, "target_name": target, "data": data}, edit...), isIdle)
}

// openComms is the number of open comms of a target, "" for all.
func (c *client) openComms(target string) int {
	return len(c.request("shell", "comm_info_request", content{"target_name": target}).reply["comms"].(map[string]any))
}

func withBuffers(m *wire.Message) { m.Buffers = [][]byte{{1, 2, 3}, {}} }

func TestComms(t *testing.T) {
	c := start(t)
	for _, target := range []string{"nobody", "refuses"} {
		got := c.comm("comm_open", "x", target, content{})
		if len(got) != 3 || got[1].Header.MsgType != "comm_close" || decode(t, got[1])["comm_id"] != "x" {
			t.Errorf("opening target %s: %v", target, outcome{iopub: got}.types())
		}
	}
	opened := c.comm("comm_open", "e", "echo", "hello", withBuffers)
	if got := opened[1]; got.Header.MsgType != "comm_msg" || decode(t, got)["data"] != "hello" || len(got.Buffers) != 2 || !slices.Equal(got.Buffers[0], []byte{1, 2, 3}) {
		t.Errorf("echo of open: %s %s %v", got.Header.MsgType, got.Content, got.Buffers)
	}
	if got := c.comm("comm_msg", "e", "", 42, withBuffers)[1]; decode(t, got)["data"] != 42.0 || string(got.Metadata) != `{"seen":true}` {
		t.Errorf("echo: %s, metadata %s", got.Content, got.Metadata)
	}
	if n := c.openComms("echo"); n != 1 {
		t.Errorf("%d comms are open, want 1", n)
	}
	for _, msgType := range []string{"comm_msg", "comm_close"} { // of a comm that is not there
		if got := c.comm(msgType, "none", "", nil); len(got) != 2 {
			t.Errorf("%s to an unknown comm: %v", msgType, outcome{iopub: got}.types())
		}
	}
	if got := c.comm("comm_close", "e", "", nil); len(got) != 2 {
		t.Errorf("after close: %v", outcome{iopub: got}.types())
	}
	c.farewell("e")
	if n := c.openComms("echo"); n != 0 {
		t.Errorf("%d comms are open after close", n)
	}
	c.comm("comm_open", "p", "echo", "hello")
	if got := c.comm("comm_msg", "p", "", "panic")[1]; got.Header.MsgType != "comm_close" {
		t.Errorf("after a panic of the handler: %s", got.Header.MsgType)
	}
}

// farewell waits for the comm that says that another was closed.
func (c *client) farewell(from string) {
	c.t.Helper()
	got := c.until("", func(m *wire.Message) bool { return m.Header.MsgType == "comm_open" })
	if last := decode(c.t, got[len(got)-1]); last["target_name"] != "farewell" || fmt.Sprint(last["data"]) != "map[from:"+from+"]" {
		c.t.Errorf("after the end of comm %s: %v", from, last)
	}
}

func TestCommGoroutinesEnd(t *testing.T) {
	c := start(t)
	c.comm("comm_open", "w", "works", nil)
	c.comm("comm_close", "w", "", nil)
	c.farewell("w")
	c.comm("comm_open", "v", "works", nil)
	c.k.Stop() // and the kernel ends, as the cleanup finds out
	c.farewell("v")
}

func TestOversizedCommMessages(t *testing.T) {
	c := start(t)
	c.comm("comm_open", "e", "echo", "hello")
	large := func(m *wire.Message) { m.Buffers = [][]byte{make([]byte, cellio.MaxCommMessage)} }
	if got := c.comm("comm_msg", "e", "", 1, large); len(got) != 3 || !strings.Contains(string(got[1].Content), "at most 33554432 are taken") {
		t.Errorf("%v", outcome{iopub: got}.types())
	}
	if got := c.comm("comm_msg", "e", "", 2); decode(t, got[1])["data"] != 2.0 {
		t.Error("the comm was closed")
	}
}

// hostedEngine is a fakeEngine whose cells have comms.
type hostedEngine struct {
	*fakeEngine
	handle func(cellio.CommEvent) error

	mu     sync.Mutex // guards below
	events []cellio.CommEvent
	stops  int
}

func (e *hostedEngine) Comm(ctx context.Context, ev cellio.CommEvent) error {
	e.mu.Lock()
	e.events = append(e.events, ev)
	e.mu.Unlock()
	if string(ev.Message.Data) == `"block"` {
		select {
		case <-e.gate:
		case <-ctx.Done():
		}
	}
	return e.handle(ev)
}

func (e *hostedEngine) InterruptComms() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stops++
}

// startHosted runs a kernel whose engine answers comms by handle.
func startHosted(t *testing.T, handle func(sink interp.CommSink, e cellio.CommEvent) error) (*client, *hostedEngine, interp.CommSink) {
	t.Helper()
	e := &hostedEngine{fakeEngine: &fakeEngine{gate: make(chan struct{})}}
	c := startWith(t, e.fakeEngine, func(_ context.Context, sink interp.Sink) (interp.Engine, error) {
		e.sink = sink
		e.handle = func(ev cellio.CommEvent) error { return handle(sink.(interp.CommSink), ev) }
		return e, nil
	})
	<-c.k.opened
	return c, e, e.sink.(interp.CommSink)
}

// TestCommsOfCells: what a cell sends while it handles a message is answer to that message, and idle comes after it.
func TestCommsOfCells(t *testing.T) {
	c, e, sink := startHosted(t, func(sink interp.CommSink, e cellio.CommEvent) error {
		if e.Op == cellio.CommSend {
			sink.Comm(cellio.CommEvent{Op: cellio.CommSend, Cell: 1, ID: e.ID, Message: cellio.CommMessage{Data: json.RawMessage(`"answer"`), Buffers: e.Message.Buffers}})
		}
		return nil
	})
	cell := c.request("shell", "execute_request", content{"code": "out hello"})
	sink.Comm(cellio.CommEvent{Op: cellio.CommOpen, Cell: 1, ID: "m", Target: "jupyter.widget", Message: cellio.CommMessage{Data: json.RawMessage(`{"state":{}}`), Metadata: json.RawMessage(`{"version":"2.1.0"}`)}})
	opened := c.until(cell.header.ParentID(), func(m *wire.Message) bool { return m.Header.MsgType == "comm_open" })
	if got := opened[len(opened)-1]; string(got.Metadata) != `{"version":"2.1.0"}` || decode(t, got)["target_name"] != "jupyter.widget" {
		t.Errorf("%s %s", got.Content, got.Metadata)
	}
	if n := c.openComms("jupyter.widget"); n != 1 {
		t.Errorf("%d comms are open", n)
	}
	got := c.comm("comm_msg", "m", "", 42, withBuffers)
	if len(got) != 3 || decode(t, got[1])["data"] != "answer" || len(got[1].Buffers) != 2 {
		t.Errorf("%v", outcome{iopub: got}.types())
	}
	c.comm("comm_close", "m", "", nil)
	var ops []cellio.CommOp
	for _, ev := range e.events {
		ops = append(ops, ev.Op)
	}
	if !slices.Equal(ops, []cellio.CommOp{cellio.CommSend, cellio.CommClose}) || e.events[0].Cell != 1 {
		t.Errorf("%v", e.events)
	}
	c.request("control", "interrupt_request", content{})
	if e.mu.Lock(); e.stops != 1 {
		t.Error("handlers were not interrupted")
	}
	e.mu.Unlock()
}

// TestABusyHandler: messages of its comm wait, those of others do not, and too many are refused with an error under the cell.
func TestABusyHandler(t *testing.T) {
	c, e, sink := startHosted(t, func(interp.CommSink, cellio.CommEvent) error { return nil })
	cell := c.request("shell", "execute_request", content{"code": "out hello"})
	for _, id := range []string{"a", "b"} {
		sink.Comm(cellio.CommEvent{Op: cellio.CommOpen, Cell: 1, ID: id, Target: "t"})
	}
	first := c.send("shell", "comm_msg", content{"comm_id": "a", "data": "block"})
	var last string
	for i := range maxWaiting + 1 { // one is handled
		last = c.send("shell", "comm_msg", content{"comm_id": "a", "data": i})
	}
	c.comm("comm_msg", "b", "", "beside")
	c.until(last, isIdle)
	refused := c.until(cell.header.ParentID(), func(m *wire.Message) bool { return m.Header.MsgType == "error" })
	if text := string(refused[len(refused)-1].Content); !strings.Contains(text, "1000 others") || !strings.Contains(text, "stays open") {
		t.Error(text)
	}
	close(e.gate)
	c.until(first, isIdle)
	c.comm("comm_msg", "a", "", "end")
	if n := len(e.events); n != maxWaiting+3 {
		t.Errorf("%d messages were handled", n)
	}
}

func TestTargetsOfCells(t *testing.T) {
	c, _, sink := startHosted(t, func(sink interp.CommSink, e cellio.CommEvent) error {
		if string(e.Message.Data) == `"bad"` {
			return errors.New("no such thing")
		}
		return nil
	})
	sink.Comm(cellio.CommEvent{Op: cellio.CommServe, Cell: 1, Target: "cells"})
	if got := c.comm("comm_open", "x", "cells", "bad"); len(got) != 3 || !strings.Contains(string(got[1].Content), "no such thing") {
		t.Errorf("%v", outcome{iopub: got}.types())
	}
	if got := c.comm("comm_open", "y", "cells", "good"); len(got) != 2 || c.openComms("") != 1 {
		t.Errorf("%v", outcome{iopub: got}.types())
	}
	sink.CommsEnded(nil, []string{"cells"})
	c.until("", func(m *wire.Message) bool { return m.Header.MsgType == "comm_close" })
	if got := c.comm("comm_open", "z", "cells", "good"); got[1].Header.MsgType != "comm_close" || c.openComms("") != 0 {
		t.Errorf("%v", outcome{iopub: got}.types())
	}
}

// TestViewsBecomeStill: what shows a model is replaced, before its comm is closed, by the rest of its bundle or by what was left for that.
func TestViewsBecomeStill(t *testing.T) {
	c, _, sink := startHosted(t, func(interp.CommSink, cellio.CommEvent) error { return nil })
	view := func(model string) cellio.Display {
		return cellio.Display{Data: cellio.Data{cellio.MIMEWidgetView: json.RawMessage(`{"model_id":"` + model + `"}`), "text/plain": json.RawMessage(`"` + model + ` at first"`)}}
	}
	cell := c.request("shell", "execute_request", content{"code": "out hello"})
	for _, id := range []string{"a", "b", "c"} {
		sink.Comm(cellio.CommEvent{Op: cellio.CommOpen, Cell: 1, ID: id, Target: "jupyter.widget"})
		d := view(id)
		d.Result = id == "b"
		d.ID = map[string]string{"c": "named"}[id]
		sink.Display(1, d)
	}
	sink.Display(1, cellio.Display{ID: "named", Update: true, Data: plain("no view any more")})
	sink.Display(1, view("nobody"))
	sink.Comm(cellio.CommEvent{Op: cellio.CommStill, ID: "a", Still: plain("a at last")})
	sink.CommsEnded([]string{"a", "b", "c"}, nil)
	closed := 0
	got := c.until(cell.header.ParentID(), func(m *wire.Message) bool {
		if m.Header.MsgType == "comm_close" {
			closed++
		}
		return closed == 3
	})
	ids, last := map[string]string{}, map[string]string{}
	for i, m := range got {
		body := decode(t, m)
		text := fmt.Sprint(body["data"])
		transient, _ := body["transient"].(map[string]any)
		id := fmt.Sprint(transient["display_id"])
		switch m.Header.MsgType {
		case "display_data", "execute_result":
			ids[id] = text
			if strings.Contains(text, "nobody") && strings.Contains(text, "model_id") {
				t.Error("a view of no model was shown")
			}
		case "update_display_data":
			last[ids[id]] = text
		case "comm_close":
			if i < len(got)-3 {
				t.Error("a comm was closed before the views of all were replaced")
			}
		}
	}
	want := map[string]string{"a": "a at last", "b": "b at first", "c": "no view any more"}
	for shown, text := range last {
		name := shown[strings.Index(shown, "model_id:")+len("model_id:"):][:1]
		if text != "map[text/plain:"+want[name]+"]" {
			t.Errorf("%s became %s", shown, text)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not replaced: %v", want)
	}
}
