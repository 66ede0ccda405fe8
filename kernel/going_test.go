package kernel

import (
	"fmt"
	"strings"
	"testing"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/wire"
	"mobula/widgets"
)

// showGoing shows two views that go on and one that does not go on any more, and returns the id of the cell's request.
func showGoing(c *client, sink interp.Sink) string {
	cell := c.request("shell", "execute_request", content{"code": "out hello"})
	for _, id := range []string{"a", "b", "c"} {
		sink.Display(1, cellio.Display{ID: id, Data: display.Of(widgets.Progress{Title: id, Counts: widgets.Counts{Total: 4, Running: 2}})})
	}
	sink.Display(1, cellio.Display{ID: "b", Update: true, Data: display.Of(widgets.Progress{Title: "b", Counts: widgets.Counts{Total: 4, Done: 3}})})
	sink.Display(1, cellio.Display{ID: "c", Update: true, Data: display.Of(widgets.Progress{Title: "c", Counts: widgets.Counts{Total: 4, Done: 4}, State: widgets.StateDone})})
	return cell.header.ParentID()
}

// stoppedViews are the updates that say so, by display id, up to that of b.
func stoppedViews(t *testing.T, c *client, cell string) map[string]string {
	t.Helper()
	found := map[string]string{}
	c.until(cell, func(m *wire.Message) bool {
		body := decode(t, m)
		text := fmt.Sprint(body["data"])
		if m.Header.MsgType == "update_display_data" && strings.Contains(text, "stopped") {
			found[fmt.Sprint(body["transient"].(map[string]any)["display_id"])] = text
		}
		return found["b"] != ""
	})
	return found
}

// TestViewsEndWithTheirProcess: what still goes on is stopped when the session's process or the kernel has ended, once.
func TestViewsEndWithTheirProcess(t *testing.T) {
	for name, end := range map[string]func(c *client, sink interp.CommSink){
		"session":  func(_ *client, sink interp.CommSink) { sink.CommsEnded(nil, nil); sink.CommsEnded(nil, nil) },
		"shutdown": func(c *client, _ interp.CommSink) { c.send("control", "shutdown_request", content{"restart": true}) },
	} {
		t.Run(name, func(t *testing.T) {
			c, _, sink := startHosted(t, func(interp.CommSink, cellio.CommEvent) error { return nil })
			cell := showGoing(c, sink)
			end(c, sink)
			got := stoppedViews(t, c, cell)
			if len(got) != 2 || !strings.Contains(got["a"], "0/4, stopped") || !strings.Contains(got["b"], "3/4, stopped") {
				t.Error(got)
			}
			if left := sink.(*outputs).going.take(); len(left) != 0 {
				t.Errorf("%d views are remembered", len(left))
			}
		})
	}
}

func TestGoingIsBounded(t *testing.T) {
	var g going
	running := display.Of(widgets.Progress{})
	for i := range 2 * maxGoing {
		g.note(1, cellio.Display{ID: fmt.Sprint(i), Data: running})
	}
	g.note(1, cellio.Display{Data: running}) // nothing can replace it
	if list := g.take(); len(list) != maxGoing || list[0].last.ID != fmt.Sprint(maxGoing) {
		t.Error(len(list), list[0].last.ID)
	}
}
