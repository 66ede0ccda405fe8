package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/notebook"
)

// engine does what cells say, a word and its text on each line. What it is not made for is a panic.
type engine struct {
	interp.Engine
	sink   interp.Sink
	closed bool
}

func (e *engine) Close() error { e.closed = true; return nil }

func (e *engine) Run(ctx context.Context, c interp.Cell) *interp.Error {
	for line := range strings.Lines(c.Source) {
		verb, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		text = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\b`, "\b", `\xc3`, "\xc3", `\xa9`, "\xa9").Replace(text)
		data := cellio.Data{"text/plain": encode(text)}
		switch verb {
		case "out":
			e.sink.Stream(c.Number, "stdout", text)
		case "err":
			e.sink.Stream(c.Number, "stderr", text)
		case "late": // as a goroutine of cell 1
			e.sink.Stream(1, "stdout", text)
		case "show":
			e.sink.Display(c.Number, cellio.Display{Data: data})
		case "live":
			e.sink.Display(c.Number, cellio.Display{Data: data, ID: "d"})
		case "update":
			e.sink.Display(c.Number, cellio.Display{Data: data, ID: "d", Update: true})
		case "view":
			data[cellio.MIMEWidgetView] = encode(map[string]string{"model_id": "m"})
			e.sink.Display(c.Number, cellio.Display{Data: data})
		case "result":
			e.sink.Display(c.Number, cellio.Display{Data: data, Result: true})
		case "clear":
			e.sink.Clear(c.Number, text == "wait")
		case "ask":
			_, err := e.sink.Input(ctx, c.Number, text, false)
			return &interp.Error{Name: "panic", Value: err.Error()}
		case "fault":
			e.sink.Fault(c.Number, &interp.Error{Name: "panic", Value: text})
		case "fail":
			return &interp.Error{Name: "panic", Value: text, Traceback: []string{"at " + text}}
		case "hang":
			<-ctx.Done()
			return &interp.Error{Name: "interrupted", Value: "cell"}
		default:
			panic(verb)
		}
	}
	return nil
}

func encode(v any) json.RawMessage {
	data, _ := json.Marshal(v)
	return data
}

func book(cells ...string) *notebook.Notebook {
	nb := notebook.New()
	for _, source := range cells {
		tag, rest, tagged := strings.Cut(source, "|")
		if tagged {
			nb.Cells = append(nb.Cells, nb.NewCode(rest, tag))
		} else {
			nb.Cells = append(nb.Cells, nb.NewCode(source))
		}
	}
	return nb
}

func (e *engine) options() Options {
	return Options{Open: func(_ context.Context, sink interp.Sink) (interp.Engine, error) {
		e.sink = sink
		return e, nil
	}}
}

// shown is what cells have shown, as text.
func shown(nb *notebook.Notebook) string {
	var b strings.Builder
	for i, c := range nb.Cells {
		fmt.Fprintf(&b, "%d:", i+1)
		for j := range c.Outputs {
			o := &c.Outputs[j]
			fmt.Fprintf(&b, " %s%q", map[string]string{"stdout": "", "stderr": "err", "": o.Type[:1]}[o.Name], o.PlainText())
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestOutputs(t *testing.T) {
	for _, tt := range []struct {
		cells []string
		want  string
	}{
		{[]string{"out a\nout b\nerr c\nout d"}, `1: "ab" err"c" "d"`},
		{[]string{`out 10%\r` + "\n" + `out 20%\nx\by`}, `1: "20%\ny"`},
		{[]string{`out abc\rd\nlast\r`}, `1: "dbc\nlast"`},
		{[]string{`out a\xc3` + "\nerr e\n" + `out \xa9`}, `1: "a" err"e" "é"`},
		{[]string{`out \xff`}, `1: "\\xff"`},
		{[]string{"live one\nshow x", "update two\nresult 3"}, "1: d\"two\" d\"x\"\n2: e\"3\""},
		{[]string{"live one", "live again"}, "1: d\"again\"\n2: d\"again\""},
		{[]string{"out a\nlive b\nclear\nupdate c\nout d"}, `1: "d"`},
		{[]string{"out a\nclear wait\nout b"}, `1: "b"`},
		{[]string{"out a\nclear wait"}, `1: "a"`},
		{[]string{"out a", "late b"}, "1: \"ab\"\n2:"},
		{[]string{"view sl"}, `1: d"sl"`},
		{[]string{"fault oh\nout x"}, `1: e"panic: oh" "x"`},
		{[]string{"raises-exception|out a\nfail b", "out c"}, "1: \"a\" e\"panic: b\"\n2: \"c\""},
		{[]string{"skip-execution|fail b", " ", "out c"}, "1:\n2:\n3: \"c\""},
	} {
		nb, e := book(tt.cells...), &engine{}
		if err := Run(t.Context(), nb, e.options()); err != nil {
			t.Errorf("%q: %v", tt.cells, err)
		}
		if got := shown(nb); got != tt.want+"\n" {
			t.Errorf("%q\n%swant\n%s", tt.cells, got, tt.want)
		}
		if !e.closed {
			t.Error("the engine was left open")
		}
	}
}

func TestViewsOfModelsAreLeftOut(t *testing.T) {
	nb := book("view slider")
	if err := Run(t.Context(), nb, (&engine{}).options()); err != nil {
		t.Fatal(err)
	}
	if data := nb.Cells[0].Outputs[0].Data; len(data) != 1 {
		t.Errorf("%v: a front end would look for a model that nobody has", data)
	}
}

func TestAFailingCellEndsTheRun(t *testing.T) {
	nb, e := book("skip-execution|out x", "out a", "out b\nfail c", "out d"), &engine{}
	saved := []string{}
	o := e.options()
	o.Save = func() error { saved = append(saved, shown(nb)); return nil }
	var text strings.Builder
	o.Output = func(cell int, stream, s string) { fmt.Fprintf(&text, "%d%s:%s ", cell, stream[3:], s) }
	var steps []string
	o.Observe = func(s Step) { steps = append(steps, fmt.Sprint(s.Number, "/", s.Of, s.Ended, s.Failure != nil)) }
	err := Run(t.Context(), nb, o)
	failed, ok := errors.AsType[*CellError](err)
	if !ok || failed.Number != 2 || err.Error() != "cell 2 failed: panic: c" {
		t.Errorf("%v", err)
	}
	if want := "1:\n2: \"a\"\n3: \"b\" e\"panic: c\"\n4:\n"; shown(nb) != want || saved[len(saved)-1] != want {
		t.Errorf("%s\nsaved %q", shown(nb), saved)
	}
	if len(saved) < 4 || !strings.Contains(saved[1], `2: "a"`) {
		t.Errorf("saved %q", saved)
	}
	if got := text.String(); got != "1out:a 2out:b 2err:at c\n " {
		t.Errorf("text %q", got)
	}
	if got := strings.Join(steps, " "); got != "1/3 false false 1/3 true false 2/3 false false 2/3 true true" {
		t.Error(got)
	}
	if nb.Cells[3].ExecutionCount != nil || *nb.Cells[2].ExecutionCount != 2 {
		t.Error("execution counts")
	}
}

func TestInterruptAndTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nb, e := book("out a\nhang", "out b"), &engine{}
		o := e.options()
		o.Timeout = time.Minute
		saves := 0
		o.Save = func() error { saves++; return nil }
		err := Run(t.Context(), nb, o)
		if _, ok := errors.AsType[*TimeoutError](err); !ok || !strings.Contains(err.Error(), "stopped after 1m0s") || saves < 3 {
			t.Errorf("%v, saved %d times", err, saves)
		}
		stop := errors.New("Ctrl-C")
		ctx, cancel := context.WithCancelCause(t.Context())
		o.Timeout = 0
		time.AfterFunc(time.Hour, func() { cancel(stop) })
		saves = 0
		if err := Run(ctx, nb, o); !errors.Is(err, stop) || !strings.Contains(shown(nb), `"a" e"interrupted: Ctrl-C"`) {
			t.Errorf("%v\n%s", err, shown(nb))
		}
		if saves < 100 {
			t.Errorf("saved %d times in an hour", saves)
		}
		if err := Run(ctx, nb, o); !errors.Is(err, stop) {
			t.Errorf("with a context that has ended: %v", err)
		}
		full := errors.New("disk full")
		o.Save = func() error { return full }
		if err := Run(t.Context(), nb, o); !errors.Is(err, full) {
			t.Error(err)
		}
	})
}

func TestWhatCannotRun(t *testing.T) {
	nb := notebook.New()
	nb.Metadata.Set("kernelspec", map[string]string{"name": "python3", "language": "python"})
	if err := Run(t.Context(), nb, Options{}); err == nil || !strings.Contains(err.Error(), "is in python") {
		t.Error(err)
	}
	none := errors.New("no toolchain")
	o := Options{Open: func(context.Context, interp.Sink) (interp.Engine, error) { return nil, none }}
	if err := Run(t.Context(), book("out a"), o); !errors.Is(err, none) {
		t.Error(err)
	}
	if err := Run(t.Context(), book("ask who"), (&engine{}).options()); err == nil || !strings.Contains(err.Error(), "nobody can be asked") {
		t.Error(err)
	}
}

func TestFirstLine(t *testing.T) {
	for source, want := range map[string]string{"// a\n\n  b\nc": "b", "// only": "// only", "": ""} {
		if got := FirstLine(source); got != want {
			t.Errorf("%q: %q", source, got)
		}
	}
}
