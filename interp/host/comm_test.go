//go:build linux && amd64

package host_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"mobula/internal/cellio"
	"mobula/internal/eventually"
	"mobula/interp/hostrpc"
)

// front is the front end's side of the comms of a session.
type front struct {
	*session
	mu     sync.Mutex // guards events
	events []cellio.CommEvent
}

func openFront(t *testing.T) *front {
	f := &front{session: open(t)}
	f.on = func(e *hostrpc.Event) {
		if e.Comm != nil {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.events = append(f.events, *e.Comm)
		}
	}
	return f
}

// sent are the messages that came on a comm.
func (f *front) sent(id string) (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.ID == id && e.Op == cellio.CommSend {
			list = append(list, string(e.Message.Data))
		}
	}
	return list
}

// opened is the first comm that a cell has opened for a target.
func (f *front) opened(target string) cellio.CommEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.events {
		if e.Target == target && e.Op == cellio.CommOpen {
			return e
		}
	}
	f.t.Fatalf("no comm was opened for %s", target)
	return cellio.CommEvent{}
}

// say sends data on a comm and waits until it was handled.
func (f *front) say(id, data string, buffers ...[]byte) {
	f.call(&hostrpc.Request{Comm: &cellio.CommEvent{Op: cellio.CommSend, ID: id, Message: cellio.CommMessage{Data: json.RawMessage(data), Buffers: buffers}}})
}

// openComm is the body of a cell that opens a comm whose handler is the function handle.
const openComm = `
	p, err := cellio.Comms()
	if err != nil { panic(err) }
	C, err = p.OpenComm("test", cellio.CommMessage{Data: []byte("1")}, cellio.CommHandler{Message: handle, Closed: func(cellio.CommMessage) { fmt.Println("closed") }})
	if err != nil { panic(err) }`

// TestCommHandlers: they run while a cell is busy, in order, and what they show is shown under the cell that has opened the comm.
func TestCommHandlers(t *testing.T) {
	f := openFront(t)
	f.run("var C cellio.Comm", `handle := func(c cellio.Comm, m cellio.CommMessage) error {
	switch string(m.Data) {
	case "\"panic\"":
		var list []int
		_ = list[len(m.Data)]
	case "\"error\"":
		return errors.New("cannot be done")
	case "\"exit\"":
		runtime.Goexit()
	}
	fmt.Println("got", string(m.Data), m.Buffers)
	return c.Send(m)
}`+openComm, "mobula/internal/cellio", "fmt", "errors", "runtime")
	id := f.opened("test").ID
	busy := make(chan *hostrpc.Reply)
	fn := f.load("var Stop = make(chan bool)", "<-Stop")
	go func() { busy <- f.call(&hostrpc.Request{Run: &hostrpc.Run{Cell: f.n, Func: fn}}) }()
	var want strings.Builder
	for i := range 100 {
		f.say(id, fmt.Sprint(i), []byte{byte(i)})
		fmt.Fprintf(&want, "got %d [[%d]]\n", i, i)
	}
	if got := f.text(1, "stdout"); got != want.String() || len(f.sent(id)) != 100 {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{`"panic"`, `"error"`, `"exit"`} {
		f.say(id, bad)
	}
	faults := f.faults()
	if len(faults) != 2 || !faults[0].Handler || faults[0].Cell != 1 || faults[0].Frames[0].File != "cell[1]" || faults[0].Frames[0].Line != 5 || !strings.Contains(faults[1].Message, "cannot be done") {
		t.Errorf("%+v", faults)
	}
	f.say(id, "7")
	if got := f.sent(id); len(got) != 101 || got[100] != "7" {
		t.Error("the comm does not live on")
	}
	f.call(&hostrpc.Request{Comm: &cellio.CommEvent{Op: cellio.CommClose, ID: id}})
	if !strings.HasSuffix(f.text(1, "stdout"), "closed\n") {
		t.Errorf("%q", f.text(1, "stdout"))
	}
	f.say(id, "8")
	if len(f.sent(id)) != 101 {
		t.Error("a closed comm has answered")
	}
	if err := f.p.Interrupt(0); err != nil {
		t.Fatal(err)
	}
	<-busy
}

// TestCommHandlerIsInterrupted: one that computes for ever, and one that waits. Other code of the cell goes on.
func TestCommHandlerIsInterrupted(t *testing.T) {
	f := openFront(t)
	f.run(`var C cellio.Comm
var Ticks atomic.Int64`, `handle := func(c cellio.Comm, m cellio.CommMessage) error {
	fmt.Println("begin")
	switch string(m.Data) {
	case "1":
		for {}
	case "2":
		select {}
	}
	return nil
}`+openComm+`
	go func() { for { Ticks.Add(1); time.Sleep(time.Millisecond) } }()`, "mobula/internal/cellio", "fmt", "time", "sync/atomic")
	id := f.opened("test").ID
	for i := range 3 {
		handled := make(chan bool)
		go func() {
			f.say(id, fmt.Sprint(i))
			close(handled)
		}()
		eventually.Holds(t, "the handler begins", func() bool { return strings.Count(f.text(1, "stdout"), "begin\n") == i+1 })
		if err := f.p.Tell(&hostrpc.Request{Interrupt: &hostrpc.Interrupt{Comms: true}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-handled:
		case <-time.After(10 * time.Second):
			t.Fatalf("handler %d was not ended", i)
		}
	}
	if faults := f.faults(); len(faults) != 2 || faults[0].Name != "interrupted" || !faults[0].Handler {
		t.Errorf("%+v", faults)
	}
	f.run("var Ticks atomic.Int64", "n := Ticks.Load(); for Ticks.Load() == n { time.Sleep(time.Millisecond) }", "sync/atomic", "time")
}

func TestServedTargets(t *testing.T) {
	f := openFront(t)
	f.run("", `
	p, err := cellio.Comms()
	if err != nil { panic(err) }
	err = p.ServeComms("served", func(c cellio.Comm, m cellio.CommMessage) (cellio.CommHandler, error) {
		if string(m.Data) == "0" { return cellio.CommHandler{}, errors.New("not for you") }
		fmt.Println("open", string(m.Data))
		return cellio.CommHandler{Message: func(c cellio.Comm, m cellio.CommMessage) error {
			return errors.Join(c.Close(m), c.Close(m), c.Send(m))
		}}, nil
	})
	if err != nil { panic(err) }`, "mobula/internal/cellio", "fmt", "errors")
	open := func(id, data string) *hostrpc.Reply {
		return f.call(&hostrpc.Request{Comm: &cellio.CommEvent{Op: cellio.CommOpen, ID: id, Target: "served", Message: cellio.CommMessage{Data: json.RawMessage(data)}}})
	}
	if r := open("a", "0"); r.Fault == nil || !strings.Contains(r.Fault.Message, "not for you") {
		t.Errorf("%+v", r)
	}
	if r := open("b", "5"); r.Fault != nil || f.text(1, "stdout") != "open 5\n" {
		t.Errorf("%+v %q", r, f.text(1, "stdout"))
	}
	f.say("b", "1")
	faults := f.faults()
	if last := faults[len(faults)-1]; !strings.Contains(last.Message, "it is closed") {
		t.Errorf("%+v", last)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	closes := 0
	for _, e := range f.events {
		if e.Op == cellio.CommClose && e.ID == "b" {
			closes++
		}
	}
	if closes != 1 {
		t.Errorf("closed %d times", closes)
	}
}

// TestCapture: what a function and its goroutines show goes elsewhere, until it returns.
func TestCapture(t *testing.T) {
	f := openFront(t)
	r := f.run(`type box struct{ got strings.Builder }
func (b *box) Write(stream string, text []byte) { fmt.Fprintf(&b.got, "%s:%s", stream, text) }
func (b *box) Display(d cellio.Display) bool { fmt.Fprintf(&b.got, "display:%s\n", d.ID); return d.ID != "pass" }
func (b *box) ClearOutput(bool) { b.got.WriteString("clear\n") }
func kept() { defer func() { recover() }(); panic(1) }`, `
	p, err := cellio.Comms()
	if err != nil { panic(err) }
	b := &box{}
	p.Capture(b, func() {
		fmt.Println("a")
		fmt.Fprintln(os.Stderr, "e")
		done := make(chan bool)
		go func() { defer close(done); fmt.Println("goroutine"); p.ClearOutput(false) }()
		<-done
		p.Display(cellio.Display{ID: "here"})
		p.Display(cellio.Display{ID: "pass"})
		kept()
	})
	fmt.Print(b.got.String() == "stdout:a\nstderr:e\nstdout:goroutine\nclear\ndisplay:here\ndisplay:pass\n")
	func() {
		defer func() { fmt.Println(recover()) }()
		p.Capture(b, func() { panic("out") })
	}()`, "mobula/internal/cellio", "fmt", "os", "strings")
	if r.Fault != nil || f.text(1, "stdout") != "trueout\n" {
		t.Errorf("%+v %q", r.Fault, f.text(1, "stdout"))
	}
	var displays []string
	for _, e := range f.session.events {
		if e.Display != nil {
			displays = append(displays, e.Display.Display.ID)
		}
	}
	if fmt.Sprint(displays) != "[pass]" {
		t.Error(displays)
	}
}
