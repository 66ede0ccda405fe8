package kernel

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"mobula/kernel/wire"
)

func TestFloodIsCoalescedAndComplete(t *testing.T) {
	c := start(t)
	const n = 100_000
	o := c.run(fmt.Sprint("flood ", n))
	var want strings.Builder
	for i := range n {
		fmt.Fprintln(&want, i)
	}
	if o.stdout(t) != want.String() {
		t.Error("output was lost or changed")
	}
	if got := len(o.of(t, "stream")); got >= 200 {
		t.Errorf("%d lines came in %d messages", n, got)
	}
}

func TestOrderOfOutput(t *testing.T) {
	c := start(t)
	o := c.run("out a\nout b\nerr c\nshow d1 e\nout f\nclear\nupdate d1 g\nout h\nfail i")
	var got []string
	for _, m := range o.iopub {
		v := decode(t, m)
		switch m.Header.MsgType {
		case "stream":
			got = append(got, fmt.Sprint(v["name"], ":", v["text"]))
		case "display_data", "update_display_data":
			got = append(got, fmt.Sprint(m.Header.MsgType, v["transient"], v["data"]))
		case "clear_output", "error":
			got = append(got, m.Header.MsgType)
		}
	}
	want := []string{
		"stdout:a\nb\n", "stderr:c\n", "display_datamap[display_id:d1] map[text/plain:e]", "stdout:f\n", "clear_output",
		"update_display_datamap[display_id:d1] map[text/plain:g]", "stdout:h\n", "error",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestTornUTF8IsMended(t *testing.T) {
	c := start(t)
	text := strings.Repeat("é🎉x", 20_000) // beyond what is flushed at once
	if got := c.run("raw " + text).stdout(t); got != text {
		t.Errorf("%d bytes came back of %d, or changed", len(got), len(text))
	}
	if got := c.run("raw abc\xff").stdout(t); got != "abc\uFFFD" {
		t.Errorf("invalid UTF-8 came as %q", got)
	}
	if got := c.run("raw abc\xf0\x9f").stdout(t); !strings.HasPrefix(got, "abc\uFFFD") {
		t.Errorf("a sequence that nothing completes came as %q", got)
	}
}

func TestLateOutputShowsUnderItsCell(t *testing.T) {
	c := start(t)
	cell := c.send("shell", "execute_request", content{"code": "late from afar"})
	c.outcome("shell", cell).status(t, "ok")
	c.run("out other")
	close(c.engine.gate)
	c.printed(cell, "from afar")
	c.engine.late.Wait()
}

func TestPositions(t *testing.T) {
	const s = "aé🎉\xffz" // a: 1 byte, é: 2, 🎉: 4, an invalid byte: 1, z: 1
	for _, tt := range []struct{ points, offset int }{{0, 0}, {1, 1}, {2, 3}, {3, 7}, {4, 8}, {5, 9}} {
		if got := byteOffset(s, tt.points); got != tt.offset {
			t.Errorf("byteOffset(%d) = %d, want %d", tt.points, got, tt.offset)
		}
		if got := codePoints(s, tt.offset); got != tt.points {
			t.Errorf("codePoints(%d) = %d, want %d", tt.offset, got, tt.points)
		}
	}
	if byteOffset(s, -4) != 0 || byteOffset(s, 99) != len(s) || codePoints(s, -1) != 0 || codePoints(s, 99) != 5 || codePoints(s, 5) != 2 {
		t.Error("positions outside are not clamped")
	}
}

func TestCompletionInCodePoints(t *testing.T) {
	c := start(t)
	code := "日本 🎉 fmt.Pr tail"
	o := c.request("shell", "complete_request", content{"code": code, "cursor_pos": 11})
	if o.reply["cursor_start"] != 9.0 || o.reply["cursor_end"] != 11.0 || fmt.Sprint(o.reply["matches"]) != "[Println]" {
		t.Errorf("reply %v", o.reply)
	}
	if got := c.engine.cursors[0]; code[:got] != "日本 🎉 fmt.Pr" {
		t.Errorf("the engine's cursor is %d", got)
	}
	types := o.reply["metadata"].(map[string]any)["_jupyter_types_experimental"].([]any)
	if typed := types[0].(map[string]any); typed["type"] != "function" || typed["start"] != 9.0 || typed["text"] != "Println" {
		t.Errorf("types %v", types)
	}
	c.request("shell", "complete_request", content{"code": code, "cursor_pos": nil}).status(t, "ok")
	magics := c.request("shell", "complete_request", content{"code": "é := 1\n%hel", "cursor_pos": 11})
	if fmt.Sprint(magics.reply["matches"]) != "[%help]" || magics.reply["cursor_start"] != 7.0 {
		t.Errorf("magics: %v", magics.reply)
	}
	if o := c.request("shell", "is_complete_request", content{"code": "%%bash\nfor i in {"}); o.reply["status"] != "complete" {
		t.Errorf("is_complete of a shell cell: %v", o.reply)
	}
	if o := c.request("shell", "is_complete_request", content{"code": "for {"}); o.reply["status"] != "incomplete" || o.reply["indent"] != "\t" {
		t.Errorf("is_complete %v", o.reply)
	}
}

func TestHistory(t *testing.T) {
	c := start(t)
	c.run("result one")
	c.run("out two")
	get := func(body content) string {
		return fmt.Sprint(c.request("shell", "history_request", body).reply["history"])
	}
	for _, tt := range []struct {
		body content
		want string
	}{
		{content{"hist_access_type": "tail", "n": 1}, "[[1 2 out two]]"},
		{content{"hist_access_type": "range", "session": 0, "start": 1, "stop": 2, "output": true}, "[[1 1 [result one one]]]"},
		{content{"hist_access_type": "range", "session": 1, "start": 2, "stop": nil, "output": true}, "[[1 2 [out two <nil>]]]"},
		{content{"hist_access_type": "search", "pattern": "*one*", "unique": true}, "[[1 1 result one]]"},
	} {
		if got := get(tt.body); got != tt.want {
			t.Errorf("%v: %s, want %s", tt.body, got, tt.want)
		}
	}
	c.request("shell", "history_request", content{"hist_access_type": "other"}).status(t, "error")
}

func TestMalformedRequestsAreAnswered(t *testing.T) {
	c := start(t)
	raw := func(body string) func(*wire.Message) {
		return func(m *wire.Message) { m.Content = []byte(body) }
	}
	for _, tt := range []struct{ name, body, want string }{
		{"no JSON", `{"code":`, "content of execute_request"},
		{"not UTF-8", "{\"code\":\"\xff\"}", "UTF-8"},
		{"no code", `{}`, "no code"},
		{"wrong type", `{"code":1}`, "code"},
		{"array", `[]`, "object"},
		{"deep", `{"code":` + strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000) + "}", "depth"},
	} {
		o := c.outcome("shell", c.send("shell", "execute_request", content{}, raw(tt.body)))
		o.status(t, "error")
		if !strings.Contains(fmt.Sprint(o.reply["evalue"]), tt.want) {
			t.Errorf("%s: evalue %v, want it to say %q", tt.name, o.reply["evalue"], tt.want)
		}
	}
	c.request("shell", "no_such_request", content{}).status(t, "error")
	debug := c.request("control", "debug_request", content{"command": "debugInfo", "seq": 3})
	if debug.reply["status"] != "error" || debug.reply["success"] != false || debug.reply["request_seq"] != 3.0 {
		t.Errorf("debug_reply %v", debug.reply)
	}
	c.run("out").status(t, "ok")
	big := strings.Repeat("x", 50<<20)
	c.run("out "+big).status(t, "ok")
}
