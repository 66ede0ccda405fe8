package kernel

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"mobula/kernel/wire"
)

func TestMain(m *testing.M) {
	RegisterComm("echo", func(c *Comm, open CommMessage) error {
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
	})
	RegisterComm("refuses", func(*Comm, CommMessage) error { return errors.New("not today") })
	m.Run()
}

func TestComms(t *testing.T) {
	c := start(t)
	buffers := func(m *wire.Message) { m.Buffers = [][]byte{{1, 2, 3}, {}} }
	comm := func(msgType, id, target string, data any, edit ...func(*wire.Message)) []*wire.Message {
		return c.until(c.send("shell", msgType, content{"comm_id": id, "target_name": target, "data": data}, edit...), isIdle)
	}
	infos := func() int {
		return len(c.request("shell", "comm_info_request", content{"target_name": "echo"}).reply["comms"].(map[string]any))
	}
	for _, target := range []string{"nobody", "refuses"} {
		got := comm("comm_open", "x", target, content{})
		if len(got) != 3 || got[1].Header.MsgType != "comm_close" || decode(t, got[1])["comm_id"] != "x" {
			t.Errorf("opening target %s: %v", target, outcome{iopub: got}.types())
		}
	}
	opened := comm("comm_open", "e", "echo", "hello", buffers)
	if got := opened[1]; got.Header.MsgType != "comm_msg" || decode(t, got)["data"] != "hello" || len(got.Buffers) != 2 || !slices.Equal(got.Buffers[0], []byte{1, 2, 3}) {
		t.Errorf("echo of open: %s %s %v", got.Header.MsgType, got.Content, got.Buffers)
	}
	if got := comm("comm_msg", "e", "", 42, buffers)[1]; decode(t, got)["data"] != 42.0 || string(got.Metadata) != `{"seen":true}` {
		t.Errorf("echo: %s, metadata %s", got.Content, got.Metadata)
	}
	if n := infos(); n != 1 {
		t.Errorf("%d comms are open, want 1", n)
	}
	for _, msgType := range []string{"comm_msg", "comm_close"} { // of a comm that is not there
		if got := comm(msgType, "none", "", nil); len(got) != 2 {
			t.Errorf("%s to an unknown comm: %v", msgType, outcome{iopub: got}.types())
		}
	}
	if got := comm("comm_close", "e", "", nil)[1]; got.Header.MsgType != "comm_open" || fmt.Sprint(decode(t, got)["target_name"]) != "farewell" {
		t.Errorf("after close: %s %s", got.Header.MsgType, got.Content)
	}
	if n := infos(); n != 0 {
		t.Errorf("%d comms are open after close", n)
	}
	comm("comm_open", "p", "echo", "hello")
	if got := comm("comm_msg", "p", "", "panic")[1]; got.Header.MsgType != "comm_close" {
		t.Errorf("after a panic of the handler: %s", got.Header.MsgType)
	}
}
