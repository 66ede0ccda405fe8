package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"mobula/interp"
	"mobula/kernel/wire"
)

const patience = 20 * time.Second // for what must come

// client is a front end on real sockets.
type client struct {
	t       *testing.T
	k       *Kernel
	engine  *fakeEngine
	codec   *wire.Codec
	sockets map[string]zmq4.Socket
	in      map[string]chan *wire.Message
	ended   chan error // gets what Wait returns
	kept    []*wire.Message
}

const testKey = "a test key"

// start runs a kernel with a fake engine and connects to it.
func start(t *testing.T) *client {
	t.Helper()
	e := &fakeEngine{gate: make(chan struct{})}
	return startWith(t, e, func(_ context.Context, sink interp.Sink) (interp.Engine, error) {
		e.sink = sink
		return e, nil
	})
}

func startWith(t *testing.T, e *fakeEngine, open func(context.Context, interp.Sink) (interp.Engine, error)) *client {
	t.Helper()
	k, err := Start(t.Context(), Options{
		Connection: wire.ConnectionInfo{Transport: "tcp", IP: "127.0.0.1", Key: testKey},
		Open:       open, Version: "test", HistoryDir: t.TempDir(), Comms: commsOfTest,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{t: t, k: k, engine: e, codec: wire.NewCodec(testKey), sockets: map[string]zmq4.Socket{}, in: map[string]chan *wire.Message{}, ended: make(chan error, 1)}
	go func() { c.ended <- k.Wait() }()
	id := zmq4.WithID(zmq4.SocketIdentity("front-end"))
	c.connect("iopub", zmq4.NewSub(t.Context()))
	c.connect("shell", zmq4.NewDealer(t.Context(), id))
	c.connect("control", zmq4.NewDealer(t.Context(), id))
	c.connect("stdin", zmq4.NewDealer(t.Context(), id))
	c.sockets["iopub"].SetOption(zmq4.OptionSubscribe, "")
	if m := c.next("iopub"); m.Header.MsgType != "iopub_welcome" || string(m.Parent) != "{}" {
		t.Fatalf("the first message on iopub is %s with parent %s", m.Header.MsgType, m.Parent)
	}
	t.Cleanup(c.stop)
	return c
}

func (c *client) connect(channel string, s zmq4.Socket) {
	if err := s.Dial("tcp://" + c.k.Addr(channel).String()); err != nil {
		c.t.Fatal(err)
	}
	messages := make(chan *wire.Message, 1000)
	c.sockets[channel], c.in[channel] = s, messages
	go func() {
		for {
			raw, err := s.Recv()
			if err != nil {
				return
			}
			if m, err := c.codec.Decode(raw.Frames); err != nil {
				c.t.Errorf("%s: %v", channel, err)
			} else {
				messages <- m
			}
		}
	}()
}

func (c *client) stop() {
	c.k.Stop()
	select {
	case err := <-c.ended:
		if err != nil {
			c.t.Error(err)
		}
	case <-time.After(patience):
		c.t.Error("the kernel did not end")
	}
	for _, s := range c.sockets {
		s.Close()
	}
}

// next returns the next message of a channel.
func (c *client) next(channel string) *wire.Message {
	c.t.Helper()
	select {
	case m := <-c.in[channel]:
		return m
	case <-time.After(patience):
		c.t.Fatalf("nothing came on %s", channel)
		return nil
	}
}

// send sends a message and returns its id.
func (c *client) send(channel, msgType string, content any, edit ...func(*wire.Message)) string {
	c.t.Helper()
	body, err := json.Marshal(content)
	if err != nil {
		c.t.Fatal(err)
	}
	m := &wire.Message{Header: wire.NewHeader("test session", msgType), Content: body}
	for _, f := range edit {
		f(m)
	}
	frames, err := c.codec.Encode(m)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.sockets[channel].SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
		c.t.Fatal(err)
	}
	return m.Header.MsgID
}

// content is decoded JSON.
type content map[string]any

func decode(t *testing.T, m *wire.Message) content {
	t.Helper()
	var v content
	if err := json.Unmarshal(m.Content, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// until reads iopub up to the first message with the given parent that satisfies stop, and
// returns all with that parent. Others are kept for later calls.
func (c *client) until(id string, stop func(*wire.Message) bool) []*wire.Message {
	c.t.Helper()
	var found, rest []*wire.Message
	kept := c.kept
	c.kept = nil
	for {
		var m *wire.Message
		if len(kept) > 0 {
			m, kept = kept[0], kept[1:]
		} else {
			m = c.next("iopub")
		}
		if m.ParentID() != id {
			rest = append(rest, m)
			continue
		}
		found = append(found, m)
		if stop(m) {
			c.kept = append(rest, kept...)
			return found
		}
	}
}

func isIdle(m *wire.Message) bool {
	return m.Header.MsgType == "status" && string(m.Content) == `{"execution_state":"idle"}`
}

// outcome is what a request brought.
type outcome struct {
	reply  content
	header *wire.Message
	iopub  []*wire.Message
}

// of returns the contents of the iopub messages of a type.
func (o outcome) of(t *testing.T, msgType string) []content {
	t.Helper()
	var found []content
	for _, m := range o.iopub {
		if m.Header.MsgType == msgType {
			found = append(found, decode(t, m))
		}
	}
	return found
}

func (o outcome) types() (s []string) {
	for _, m := range o.iopub {
		s = append(s, m.Header.MsgType)
	}
	return s
}

// outcome waits for the reply and for idle.
func (c *client) outcome(channel, id string) outcome {
	c.t.Helper()
	reply := c.next(channel)
	if reply.ParentID() != id {
		c.t.Fatalf("a reply to %s, want %s", reply.ParentID(), id)
	}
	return outcome{reply: decode(c.t, reply), header: reply, iopub: c.until(id, isIdle)}
}

func (c *client) request(channel, msgType string, body any) outcome {
	c.t.Helper()
	return c.outcome(channel, c.send(channel, msgType, body))
}

func (c *client) run(code string) outcome {
	c.t.Helper()
	return c.request("shell", "execute_request", content{"code": code})
}

// printed waits until the request has printed text.
func (c *client) printed(id, text string) {
	c.t.Helper()
	c.until(id, func(m *wire.Message) bool {
		return m.Header.MsgType == "stream" && decode(c.t, m)["text"] == text
	})
}

func (o outcome) status(t *testing.T, want string) {
	t.Helper()
	if o.reply["status"] != want {
		t.Fatalf("status %v, want %s: %v", o.reply["status"], want, o.reply)
	}
}

func (o outcome) stdout(t *testing.T) string {
	t.Helper()
	var text strings.Builder
	for _, s := range o.of(t, "stream") {
		if s["name"] == "stdout" {
			text.WriteString(s["text"].(string))
		}
	}
	return text.String()
}

var errNoEngine = errors.New("no engine on this machine")
