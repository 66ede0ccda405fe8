package controls

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/internal/golden"
)

type colour int

func (c colour) String() string { return [...]string{"red", "blue & green"}[c] }

// TestProtocol is a whole conversation: what opens, what a user does, what code does, what a page that is loaded again is told.
func TestProtocol(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		step := func(title string, do func() error) {
			err := do()
			time.Sleep(time.Second)
			fmt.Fprintf(&log, "# %s\n%s\n", title, f.takeLog())
			if err != nil {
				fmt.Fprintf(&log, "error: %v\n", err)
			}
		}
		n := IntSlider(Range{Min: 1, Max: 10, Value: 3}, "alpha", Width("50%"))
		x := FloatSlider(FloatRange{Step: 0.25}, "a long label", OnRelease())
		c := Dropdown([]colour{0, 1}, "colour")
		name, ok := Text("name", Placeholder("yours")), Checkbox("sure?", Tooltip("really"))
		b, l, o := Button("Go", Style(Primary), Icon("play")), Label("none"), Output()
		all := VBox(n, x, HBox(c, name, ok), b, l, o)
		n.OnChange(func(v int) { l.Set(fmt.Sprint("n is ", v)) })
		b.OnClick(func() { fmt.Fprintln(o, "clicked with", n.Value(), x.Value(), c.Value(), name.Value(), ok.Value()) })
		step("show", func() error { Show(all); return nil })
		step("slider", func() error { return f.user(n, "value", 7) })
		step("others", func() error {
			return errors.Join(f.user(x, "value", 0.5), f.user(c, "index", 1), f.user(name, "value", "Ada"), f.user(ok, "value", true))
		})
		step("click", func() error { return f.say(b, `{"method":"custom","content":{"event":"click"}}`) })
		step("out of range", func() error { return f.user(n, "value", 70) })
		step("of another type", func() error { return f.user(n, "value", "7") })
		step("no choice", func() error { return f.user(c, "index", 2) })
		step("code", func() error { n.Set(-5); n.SetLabel("beta"); b.SetDisabled(true); c.Set(0); return nil })
		step("new children", func() error { all.Set(n, Label("new")); return nil })
		step("request_state", func() error { return f.say(ok, `{"method":"request_state"}`) })
		step("page is loaded again", func() error {
			again := &frontComm{f: f, id: "control"}
			h, err := f.served[controlTarget](again, cellio.CommMessage{})
			if err != nil {
				return err
			}
			return h.Message(again, cellio.CommMessage{Data: json.RawMessage(`{"method":"request_states"}`)})
		})
		step("close", func() error { all.Close(); all.Close(); return nil })
		golden.Compare(t, "testdata/protocol.txt", log.String())
	})
}

// TestStills: what saved notebooks show follows the values, through boxes.
func TestStills(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		n, c := IntSlider(Range{Max: 4}, "<n>"), Checkbox("on")
		inner := HBox(n, c, Button("Go"))
		all := VBox(inner, Label("end"))
		before := all.Display()
		if got := before[display.MIMEText]; got != "<n>: 0 (0 to 4)  ☐ on  [Go]\nend" {
			t.Error(got)
		}
		page := before[display.MIMEHTML].(string)
		for _, want := range []string{"&lt;n&gt;", `<progress value="0" max="4">`, "<button disabled>Go</button>"} {
			if !strings.Contains(page, want) {
				t.Errorf("no %s in %s", want, page)
			}
		}
		n.Set(3)
		if err := f.user(c, "value", true); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := f.still(all); got != `"<n>: 3 (0 to 4)  ☑ on  [Go]\nend"` {
			t.Error(got)
		}
		if f.still(inner) != "" {
			t.Error("a box that was not shown by itself has a twin")
		}
		n.Set(4)
		f.cellEnd() // what ends after the cell would not be seen
		if got := f.still(all); !strings.Contains(got, "<n>: 4") {
			t.Error(got)
		}
	})
}

// TestChangesAreGathered: 20 messages a second for one control, 500 for all, and the last state always comes.
func TestChangesAreGathered(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		var list []*Input[int]
		for range 100 {
			s := IntSlider(Range{Max: 1e6}, "s")
			Show(s)
			list = append(list, s)
		}
		time.Sleep(time.Second)
		f.takeLog()
		const seconds = 5
		for i := range seconds * 100 {
			for _, s := range list {
				s.Set(i)
			}
			time.Sleep(10 * time.Millisecond)
		}
		const atBothEnds = 110 // what was due when the five seconds began and ended
		if n := strings.Count(f.takeLog(), "<-"); n > seconds*500+atBothEnds || n < seconds*400 {
			t.Errorf("%d messages in %d s", n, seconds)
		}
		time.Sleep(time.Second)
		for _, s := range list {
			if got := f.state(s)["value"]; got != float64(seconds*100-1) {
				t.Fatalf("the last state is %v", got)
			}
		}
		f.takeLog()
		for i := range 1000 {
			list[0].Set(i)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		if n := strings.Count(f.takeLog(), "<-"); n > 22 || n < 15 {
			t.Errorf("%d messages of one control in a second", n)
		}
	})
}

// TestTheFirstChangeIsSentAtOnce, by the goroutine that makes it: what reads a cell's messages sees it in the cell.
func TestTheFirstChangeIsSentAtOnce(t *testing.T) {
	f := attach(t)
	synctest.Test(t, func(t *testing.T) {
		s := IntSlider(Range{}, "s")
		Show(s)
		time.Sleep(time.Second)
		s.Set(5)
		if f.state(s)["value"] != 5.0 {
			t.Error("it waits")
		}
		s.Set(6)
		if f.state(s)["value"] != 5.0 {
			t.Error("the second does not")
		}
		f.cellEnd()
		if f.state(s)["value"] != 6.0 {
			t.Error("it is not sent at the cell's end")
		}
	})
}

func TestHandlersMayUseControls(t *testing.T) {
	f := attach(t)
	a, b := IntSlider(Range{}, "a"), IntSlider(Range{}, "b")
	var seen []int
	a.OnChange(func(v int) { b.Set(2 * v); a.Set(v + 1); a.SetLabel("moved") })
	a.OnChange(func(v int) { seen = append(seen, v) })
	Show(HBox(a, b))
	if err := f.user(a, "value", 8); err != nil {
		t.Fatal(err)
	}
	if a.Value() != 9 || b.Value() != 16 || !slices.Equal(seen, []int{8}) {
		t.Error(a.Value(), b.Value(), seen)
	}
}

// TestEchoComesFirst: the front end knows that its change has come before what the handler makes of it.
func TestEchoComesFirst(t *testing.T) {
	f := attach(t)
	s := IntSlider(Range{}, "s")
	s.OnChange(func(v int) {
		if m := f.messages(s); len(m) != 1 || !strings.Contains(string(m[0].Data), "echo_update") {
			t.Errorf("before the handler: %v", m)
		}
	})
	Show(s)
	if err := f.user(s, "value", 8); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutAFrontEnd(t *testing.T) {
	attach(t)
	cellio.Install(cellio.Discard{})
	s, o := FloatSlider(FloatRange{Min: -1, Max: 1}, "x"), Output()
	s.Set(5)
	ran := false
	o.Capture(func() { ran = true })
	a := Any(Module{ESM: "export default {}"}, map[string]any{"n": 1})
	if err := a.Send("hello"); err != nil {
		t.Error(err)
	}
	Show(s, o, a, VBox(s))
	s.Close()
	if s.Value() != 1 || !ran || plainText(s) != "x: 1 (-1 to 1)" {
		t.Error(s.Value(), ran, plainText(s))
	}
}

func TestSendingFails(t *testing.T) {
	f := attach(t)
	s := IntSlider(Range{}, "s")
	f.fail = errors.New("the kernel is gone")
	if _, live := s.Display()[cellio.MIMEWidgetView]; live {
		t.Error("it is shown as live")
	}
	f.fail = nil
	if _, live := s.Display()[cellio.MIMEWidgetView]; !live {
		t.Error("it stays dead")
	}
}

func TestClosedByTheFrontEnd(t *testing.T) {
	f := attach(t)
	s := IntSlider(Range{}, "s")
	Show(s)
	f.of(s).handler.Closed(cellio.CommMessage{})
	s.Set(3)
	if _, live := s.Display()[cellio.MIMEWidgetView]; live || s.Value() != 3 {
		t.Error("a closed control is shown as live")
	}
}

func TestMistakesPanic(t *testing.T) {
	box := VBox()
	inner := HBox(box)
	for want, do := range map[string]func(){
		"its Min 5 is more than its Max 1":                  func() { IntSlider(Range{Min: 5, Max: 1}, "s") },
		"its Step -1 is less than 0":                        func() { FloatSlider(FloatRange{Step: -1}, "s") },
		"NaN is no bound":                                   func() { FloatSlider(FloatRange{Max: math.NaN()}, "s") },
		"cannot be set to NaN":                              func() { FloatSlider(FloatRange{}, "s").Set(math.NaN()) },
		`Dropdown "d" has no choices`:                       func() { Dropdown([]int{}, "d") },
		`9 is none of the choices of Dropdown "d": [1 2]`:   func() { Dropdown([]int{1, 2}, "d").Set(9) },
		"has 2 choices and 1 Names":                         func() { Dropdown([]int{1, 2}, "d", Names("one")) },
		"OnRelease is no option of Button":                  func() { Button("b", OnRelease()) },
		"a box cannot be in itself":                         func() { box.Set(inner) },
		"Any needs a Module with ESM":                       func() { Any(Module{}, map[string]any{}) },
		"a int is no struct and no map with string keys":    func() { Any(Module{ESM: "x"}, 5) },
		`field "_esm": names that begin with _ are the pro`: func() { Any(Module{ESM: "x"}, map[string]int{"_esm": 1}) },
		"json: unsupported type: func()":                    func() { Any(Module{ESM: "x"}, map[string]any{"f": func() {}}) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, want) {
					t.Errorf("got %q, want %q in it", got, want)
				}
			}()
			do()
		}()
	}
	if got := len(box.children()); got != 0 { // and nothing is locked
		t.Error(got)
	}
}

func TestRangesHaveDefaults(t *testing.T) {
	for want, s := range map[string]display.Displayer{
		"a: 0 (0 to 100)":     IntSlider(Range{}, "a"),
		"a: 5 (5 to 9)":       IntSlider(Range{Min: 5, Max: 9}, "a"),
		"a: 9 (5 to 9)":       IntSlider(Range{Min: 5, Max: 9, Value: 70}, "a"),
		"a: 0 (0 to 1)":       FloatSlider(FloatRange{}, "a"),
		"a: -0.5 (-0.5 to 0)": FloatSlider(FloatRange{Min: -0.5, Value: -3}, "a"),
	} {
		if got := plainText(s); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for step, want := range map[float64]int{1: 0, 0.25: 2, 0.01: 2, 1e-12: 10, 2.5: 1} {
		if got := decimals(step); got != want {
			t.Errorf("decimals(%v) = %d, want %d", step, got, want)
		}
	}
}

// FuzzReceive: whatever a front end says, controls answer or complain.
func FuzzReceive(f *testing.F) {
	for _, s := range []string{
		`{"method":"update","state":{"value":5}}`, `{"method":"update","state":{"index":1},"buffer_paths":[["index"]]}`, `{"method":"custom","content":{"event":"click"}}`,
		`{"method":"update","state":{"n":2,"blob":null},"buffer_paths":[["blob"]]}`, `{"method":"request_state"}`, `[]`, `{"method":"update","state":{"value":1e999}}`, `{"method":"request_states"}`,
	} {
		f.Add([]byte(s), []byte("buffer"))
	}
	f.Fuzz(func(t *testing.T, data, buffer []byte) {
		front := attach(t)
		type state struct {
			N    int    `json:"n"`
			Blob []byte `json:"blob"`
		}
		slider := IntSlider(Range{Max: 9}, "s")
		for _, c := range []Control{slider, FloatSlider(FloatRange{}, "f"), Dropdown([]int{1, 2}, "d"), Text("t"), Checkbox("c"), Button("b"), Label("l"), Output(),
			Any(Module{ESM: "x"}, state{}), Any(Module{ESM: "x"}, map[string]any{"blob": []byte{1}}), VBox(slider)} {
			Show(c)
			comm := front.of(c)
			_ = comm.handler.Message(comm, cellio.CommMessage{Data: data, Buffers: [][]byte{buffer}}) // only a panic is wrong
		}
		if v := slider.Value(); v < 0 || v > 9 {
			t.Errorf("the slider has %d", v)
		}
	})
}
