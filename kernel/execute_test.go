package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"mobula/interp"
	"mobula/kernel/wire"
)

func TestExecute(t *testing.T) {
	c := start(t)
	o := c.run("out one\nresult two")
	o.status(t, "ok")
	want := []string{"status", "execute_input", "stream", "execute_result", "status"}
	if got := o.types(); !slices.Equal(got, want) {
		t.Errorf("iopub: %v, want %v", got, want)
	}
	if got := o.of(t, "execute_result")[0]; got["execution_count"] != 1.0 || got["data"].(map[string]any)["text/plain"] != "two" {
		t.Errorf("execute_result %v", got)
	}
	if o.header.Header.MsgType != "execute_reply" || o.reply["execution_count"] != 1.0 {
		t.Errorf("reply %v", o.reply)
	}
	if next := c.run("out"); next.reply["execution_count"] != 2.0 {
		t.Errorf("second count %v", next.reply["execution_count"])
	}
}

func TestCountingAndNumbers(t *testing.T) {
	c := start(t)
	exec := func(more content) outcome {
		body := content{"code": "out x"}
		maps.Copy(body, more)
		return c.request("shell", "execute_request", body)
	}
	exec(nil)
	silent := exec(content{"silent": true})
	if types := silent.types(); !slices.Equal(types, []string{"status", "status"}) {
		t.Errorf("a silent cell published %v", types)
	}
	exec(content{"store_history": false})
	exec(content{"code": " \n"})
	if last := exec(nil); last.reply["execution_count"] != 2.0 {
		t.Errorf("count %v, want 2: silent, unstored and blank cells do not count", last.reply["execution_count"])
	}
	numbers := map[int]bool{}
	for _, cell := range c.engine.ran {
		if numbers[cell.Number] {
			t.Errorf("the engine got number %d twice", cell.Number)
		}
		numbers[cell.Number] = true
	}
	tail := c.request("shell", "history_request", content{"hist_access_type": "tail", "n": 10})
	if got := len(tail.reply["history"].([]any)); got != 2 {
		t.Errorf("%d entries in the history, want 2", got)
	}
}

func TestErrorsAreTheSameEverywhere(t *testing.T) {
	c := start(t)
	o := c.run("out before\nfail it broke")
	o.status(t, "error")
	shown := o.of(t, "error")[0]
	for _, key := range []string{"ename", "evalue", "traceback"} {
		if fmt.Sprint(shown[key]) != fmt.Sprint(o.reply[key]) {
			t.Errorf("%s: %v on iopub, %v in the reply", key, shown[key], o.reply[key])
		}
	}
	if shown["evalue"] != "it broke" || o.stdout(t) != "before\n" {
		t.Errorf("error %v after %q", shown, o.stdout(t))
	}
	c.run("panic").status(t, "error") // a bug of the engine fails the cell only
	c.run("out").status(t, "ok")
}

func TestStopOnError(t *testing.T) {
	for _, stop := range []bool{true, false} {
		c := start(t)
		first := c.send("shell", "execute_request", content{"code": "fail", "stop_on_error": stop})
		ids := []string{first}
		for range 3 {
			ids = append(ids, c.send("shell", "execute_request", content{"code": "out ran"}))
		}
		want := []string{"error", "ok", "ok", "ok"}
		if stop {
			want = []string{"error", "aborted", "aborted", "aborted"}
		}
		for i, id := range ids {
			o := c.outcome("shell", id)
			o.status(t, want[i])
			if got := o.stdout(t) != ""; got != (want[i] == "ok") {
				t.Errorf("stop_on_error %v, cell %d: ran is %v", stop, i, got)
			}
		}
		c.run("out again").status(t, "ok")
	}
	c := start(t)
	for range 50 { // what is sent after the reply was read is never aborted
		c.run("fail").status(t, "error")
		c.run("out").status(t, "ok")
	}
}

func TestInterrupt(t *testing.T) {
	c := start(t)
	c.request("control", "interrupt_request", content{}).status(t, "ok") // idle: nothing happens
	c.k.Interrupt()
	c.run("out").status(t, "ok")
	cell := c.send("shell", "execute_request", content{"code": "out up\nwait"})
	queued := c.send("shell", "execute_request", content{"code": "out never"})
	c.printed(cell, "up\n")
	i := c.request("control", "interrupt_request", content{})
	i.status(t, "ok")
	o := c.outcome("shell", cell)
	o.status(t, "error")
	if o.reply["ename"] != "interrupted" {
		t.Errorf("ename %v", o.reply["ename"])
	}
	c.outcome("shell", queued).status(t, "aborted")
	c.run("out").status(t, "ok")
}

func TestServedWhileACellIsBusy(t *testing.T) {
	c := start(t)
	cell := c.send("shell", "execute_request", content{"code": "out up\nwait"})
	c.printed(cell, "up\n")
	for msgType, body := range map[string]content{
		"kernel_info_request": {}, "complete_request": {"code": "fmt.P", "cursor_pos": 5}, "inspect_request": {"code": "fmt", "cursor_pos": 1},
		"is_complete_request": {"code": "x"}, "history_request": {"hist_access_type": "tail", "n": 1}, "comm_info_request": {},
	} {
		o := c.request("shell", msgType, body)
		if msgType != "is_complete_request" {
			o.status(t, "ok")
		}
		if got := o.types(); !slices.Equal(got, []string{"status", "status"}) {
			t.Errorf("%s published %v", msgType, got)
		}
	}
	for _, msgType := range []string{"kernel_info_request", "list_subshell_request"} {
		c.request("control", msgType, content{}).status(t, "ok")
	}
	c.request("control", "interrupt_request", content{}).status(t, "ok")
	o := c.outcome("shell", cell)
	o.status(t, "error")
	reminded := 0 // each idle beside the cell is followed by the cell's busy
	for _, s := range o.of(t, "status") {
		if s["execution_state"] == "busy" {
			reminded++
		}
	}
	if reminded != 5 {
		t.Errorf("%d more busy messages of the running cell, want 5: one for each request that a worker served", reminded)
	}
}

func TestSubshells(t *testing.T) {
	c := start(t)
	id := c.request("control", "create_subshell_request", content{}).reply["subshell_id"].(string)
	if got := c.request("control", "list_subshell_request", content{}).reply["subshell_id"]; fmt.Sprint(got) != "["+id+"]" {
		t.Errorf("subshells %v, want %s", got, id)
	}
	in := func(m *wire.Message) { m.Header.SubshellID = &id }
	main := c.send("shell", "execute_request", content{"code": "out up\nwait"})
	c.printed(main, "up\n")
	sub := c.outcome("shell", c.send("shell", "execute_request", content{"code": "out beside"}, in))
	sub.status(t, "ok")
	if sub.stdout(t) != "beside\n" {
		t.Errorf("the subshell printed %q", sub.stdout(t))
	}
	if !strings.Contains(string(sub.header.Parent), id) {
		t.Errorf("the parent header %s has lost the subshell", sub.header.Parent)
	}
	c.comm("comm_open", "beside", "echo", "hello", in)
	c.request("control", "delete_subshell_request", content{"subshell_id": id}).status(t, "ok")
	c.request("control", "delete_subshell_request", content{"subshell_id": id}).status(t, "error")
	c.outcome("shell", c.send("shell", "execute_request", content{"code": "out"}, in)).status(t, "error")
	busy := 0 // JupyterLab takes the idle of a comm message, and of what is asked about subshells, for the kernel's
	c.until(main, func(m *wire.Message) bool {
		if string(m.Content) == `{"execution_state":"busy"}` {
			busy++
		}
		return busy == 3
	})
	c.k.Interrupt()
	c.outcome("shell", main).status(t, "error")
}

func TestUserExpressionsAndPager(t *testing.T) {
	c := start(t)
	o := c.request("shell", "execute_request", content{"code": "out", "user_expressions": content{"a": "1+1", "b": "bad"}})
	values := o.reply["user_expressions"].(map[string]any)
	a, b := values["a"].(map[string]any), values["b"].(map[string]any)
	if a["status"] != "ok" || a["data"].(map[string]any)["text/plain"] != "value of 1+1" || b["status"] != "error" || b["evalue"] != "undefined: bad" {
		t.Errorf("user_expressions %v", values)
	}
	for code, want := range map[string]string{
		"?fmt.Println": "doc of fmt.Println at 11, detail 0", "fmt?": "doc of fmt at 3, detail 0", " fmt?? ": "doc of fmt at 3, detail 1",
	} {
		payload := c.run(code).reply["payload"].([]any)
		page, _ := payload[0].(map[string]any)
		if page["source"] != "page" || page["data"].(map[string]any)["text/plain"] != want {
			t.Errorf("%q: payload %v", code, payload)
		}
	}
	c.run("nothere?").status(t, "error")
}

func TestInput(t *testing.T) {
	c := start(t)
	for _, tt := range []struct {
		op       string
		password bool
		parent   bool
	}{{"ask", false, true}, {"secret", true, false}} {
		cell := c.send("shell", "execute_request", content{"code": tt.op + " who? ", "allow_stdin": true})
		q := c.next("stdin")
		if got := decode(t, q); q.ParentID() != cell || got["prompt"] != "who? " || got["password"] != tt.password {
			t.Errorf("input_request %v with parent %s", got, q.Parent)
		}
		stale := func(m *wire.Message) { m.Parent = json.RawMessage(`{"msg_id":"another question"}`) }
		answer := func(m *wire.Message) {
			if tt.parent {
				m.Parent = q.RawHeader
			}
		}
		c.send("stdin", "input_reply", content{"value": "stale"}, stale)
		c.send("stdin", "input_reply", content{"value": "Zoë"}, answer)
		if o := c.outcome("shell", cell); o.stdout(t) != "Zoë" {
			t.Errorf("the cell read %q", o.stdout(t))
		}
	}
	refused := c.request("shell", "execute_request", content{"code": "ask who?", "allow_stdin": false})
	refused.status(t, "error")
	if !strings.Contains(fmt.Sprint(refused.reply["evalue"]), "allow_stdin") {
		t.Errorf("evalue %v", refused.reply["evalue"])
	}
	cell := c.send("shell", "execute_request", content{"code": "ask who?", "allow_stdin": true})
	c.next("stdin")
	c.k.Interrupt()
	c.outcome("shell", cell).status(t, "error")
}

func TestEngineThatDoesNotOpen(t *testing.T) {
	c := startWith(t, &fakeEngine{}, func(context.Context, interp.Sink) (interp.Engine, error) { return nil, errNoEngine })
	o := c.run("out")
	o.status(t, "error")
	if !strings.Contains(fmt.Sprint(o.reply["evalue"]), errNoEngine.Error()) {
		t.Errorf("evalue %v", o.reply["evalue"])
	}
	c.request("shell", "kernel_info_request", content{}).status(t, "ok")
	c.request("shell", "complete_request", content{"code": "x"}).status(t, "error")
}

func TestKernelInfoBeforeTheEngineIsThere(t *testing.T) {
	release := make(chan struct{})
	e := &fakeEngine{}
	c := startWith(t, e, func(_ context.Context, sink interp.Sink) (interp.Engine, error) {
		<-release
		e.sink = sink
		return e, nil
	})
	info := c.request("shell", "kernel_info_request", content{})
	if info.reply["protocol_version"] != "5.5" || fmt.Sprint(info.reply["supported_features"]) != "[kernel subshells]" {
		t.Errorf("kernel_info %v", info.reply)
	}
	cell := c.send("shell", "execute_request", content{"code": "out"})
	close(release)
	c.outcome("shell", cell).status(t, "ok")
}

func TestShutdown(t *testing.T) {
	for _, channel := range []string{"control", "shell"} {
		c := start(t)
		cell := c.send("shell", "execute_request", content{"code": "out up\nwait"})
		c.printed(cell, "up\n")
		id := c.send(channel, "shutdown_request", content{"restart": true})
		var reply *wire.Message
		for reply == nil || reply.ParentID() != id { // the cell's own reply may come first on shell
			reply = c.next(channel)
		}
		if got := decode(t, reply); len(got) != 2 || got["status"] != "ok" || got["restart"] != true {
			t.Errorf("shutdown_reply %v", got)
		}
		c.until(id, isIdle)
		if err := <-c.ended; err != nil {
			t.Error(err)
		}
		c.ended <- nil // for the clean-up
		c.engine.mu.Lock()
		if !c.engine.closed {
			t.Error("the engine was not closed")
		}
		c.engine.mu.Unlock()
	}
}
