package controls

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
)

// shownOutputs is what the front end shows in an area, in short.
func shownOutputs(f *front, o *OutputControl) string {
	time.Sleep(time.Second)
	var list []string
	for _, item := range f.state(o)["outputs"].([]any) {
		it := item.(map[string]any)
		if it["output_type"] == "stream" {
			list = append(list, fmt.Sprintf("%s:%s", it["name"], it["text"]))
		} else {
			list = append(list, fmt.Sprint(it["data"].(map[string]any)["text/plain"]))
		}
	}
	return strings.Join(list, "|")
}

func TestOutputArea(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		o := Output()
		Show(o)
		fmt.Fprint(o, "a")
		fmt.Fprint(o, "b\xe2\x82") // the rest of a character comes
		if got := shownOutputs(f, o); got != "stdout:ab" {
			t.Error(got)
		}
		fmt.Fprint(o, "\xac")
		capture{o}.Write("stderr", []byte("bad"))
		o.Show(42, "x")
		if got := shownOutputs(f, o); got != `stdout:ab€|stderr:bad|42|"x"` {
			t.Error(got)
		}
		if got := plainText(o); got != "ab€\nbad\n42\n\"x\"" {
			t.Error(got)
		}
		o.Capture(func() {
			h := display.Live("first")
			h.Update("second")
			display.Clear(true)
			display.Show("third")
		})
		if got := shownOutputs(f, o); got != `"third"` {
			t.Error(got)
		}
		f.takeLog()
		o.Capture(func() {
			if err := cellio.Current().Display(cellio.Display{ID: "elsewhere", Update: true}); err != nil {
				t.Error(err)
			}
		})
		if got := f.takeLog(); got != "display elsewhere" {
			t.Errorf("an update of what is elsewhere: %s", got)
		}
		o.Capture(func() { display.Clear(false) })
		if got := shownOutputs(f, o); got != "" {
			t.Error(got)
		}
	})
}

func TestOutputAreaIsBounded(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		o := Output()
		Show(o)
		for i := range 100_000 {
			fmt.Fprintln(o, "line", i)
		}
		for i := range 2 * maxOutputItems {
			o.Show(i)
		}
		got := shownOutputs(f, o)
		if !strings.HasPrefix(got, "stderr:… earlier output is not kept\n|100|101") || !strings.HasSuffix(got, "|199") {
			t.Errorf("%.200s", got)
		}
		o.Clear()
		for i := range 100_000 {
			fmt.Fprintln(o, "line", i)
		}
		got = shownOutputs(f, o)
		if !strings.HasPrefix(got, "stderr:… earlier output is not kept\n|stdout:line ") || !strings.HasSuffix(got, "line 99999\n") || len(got) > maxOutputText*5/4+100 {
			t.Errorf("%d bytes: %.200s", len(got), got)
		}
	})
}

type samples struct {
	Title  string `json:"title"`
	Limit  *int   `json:"limit,omitempty"`
	Points []byte `json:"points"`
	Rates  []int  `json:"rates"`
	hidden float64
}

func TestAny(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		limit := 5
		a := Any(Module{ESM: "export default {}", CSS: "p {}"}, samples{Title: "t", Limit: &limit, Points: []byte{1, 2}, hidden: 1})
		Show(a)
		comm := f.of(a)
		if s := f.state(a); s["title"] != "t" || s["_esm"] != "export default {}" || s["_css"] != "p {}" || s["_model_module"] != "anywidget" || len(comm.open.Buffers) != 1 {
			t.Errorf("%v %v", s, comm.open.Buffers)
		}
		sent := func() (string, [][]byte) {
			t.Helper()
			time.Sleep(time.Second)
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(comm.sent) == 0 {
				return "", nil
			}
			last := comm.sent[len(comm.sent)-1]
			comm.sent = nil
			return string(last.Data), last.Buffers
		}
		a.Update(func(s *samples) { s.Points[1] = 7 })
		if text, buffers := sent(); text != `{"buffer_paths":[["points"]],"method":"update","state":{}}` || fmt.Sprint(buffers) != "[[1 7]]" {
			t.Error("changed in place:", text, buffers)
		}
		a.Update(func(s *samples) { s.Limit = nil })
		if text, _ := sent(); text != `{"buffer_paths":[],"method":"update","state":{"limit":null}}` {
			t.Error("left out:", text)
		}
		a.Set(a.State())
		if text, _ := sent(); text != "" {
			t.Error("nothing has changed:", text)
		}
		var seen []samples
		a.OnChange(func(s samples) { seen = append(seen, s) })
		if err := f.say(a, `{"method":"update","state":{"rates":[1,2],"_view_count":1},"buffer_paths":[["points"]]}`, []byte{9}); err != nil {
			t.Fatal(err)
		}
		if s := a.State(); fmt.Sprint(s.Rates, s.Points, " ", s.Title) != "[1 2] [9] t" || s.hidden != 1 || len(seen) != 1 {
			t.Errorf("%+v %v", s, seen)
		}
		for data, want := range map[string]string{
			`{"method":"update","state":{"nosuch":1}}`:                            `unknown field "nosuch"`,
			`{"method":"update","state":{"title":1}}`:                             "cannot unmarshal number",
			`{"method":"update","state":{},"buffer_paths":[["title"]]}`:           `"title" is bytes`,
			`{"method":"update","state":{},"buffer_paths":[["points","deeper"]]}`: "buffers belong to whole fields",
		} {
			if err := f.say(a, data, []byte{1}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", data, err)
			}
		}
		var got []Message
		a.OnMessage(func(m Message) { got = append(got, m) })
		if err := f.say(a, `{"method":"custom","content":{"n":3}}`, []byte{4}); err != nil {
			t.Fatal(err)
		}
		var content struct{ N int }
		if err := got[0].Decode(&content); err != nil || content.N != 3 || fmt.Sprint(got[0].Buffers) != "[[4]]" {
			t.Error(got, err)
		}
	})
}

func TestAnyMessagesArePaced(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		a := Any(Module{ESM: "x"}, map[string]any{"n": 0})
		Show(a)
		time.Sleep(time.Second)
		start := time.Now()
		f.takeLog()
		for i := range 2000 {
			a.Set(map[string]any{"n": i})
			if err := a.Send(i); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("2000 messages in %v", took)
		}
		// The state that a message is about is there before it.
		log := strings.Split(f.takeLog(), "\n")
		if last := log[len(log)-2:]; !strings.Contains(last[0], `"state":{"n":1999}`) || !strings.Contains(last[1], `"content":1999`) {
			t.Error(last)
		}
		if err := a.Send(func() {}); err == nil {
			t.Error("a func was sent")
		}
	})
}

func TestAnyStatic(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		a := Any(Module{ESM: "x"}, samples{Title: "<t>"})
		if got := a.Display()[display.MIMEHTML].(string); !strings.Contains(got, "&lt;t&gt;") && !strings.Contains(got, `\u003ct`) {
			t.Error(got)
		}
		a.Static(func(s samples) any { return display.Text("title " + s.Title) })
		time.Sleep(time.Second)
		if got := f.still(a); got != `"title <t>"` {
			t.Error(got)
		}
		a.Static(func(samples) any { panic("a bug") })
		time.Sleep(time.Second)
		if got := f.still(a); !strings.Contains(got, "a bug") {
			t.Error(got)
		}
	})
}

func TestOutputsAreValidJSON(t *testing.T) {
	attach(t)
	o := Output()
	fmt.Fprint(o, "\xff\xfe broken \x00")
	if _, err := json.Marshal(outputs{o}); err != nil {
		t.Error(err)
	}
}
