package evaluate

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"mobula/internal/cellio"
	"mobula/interp"
	"mobula/kernel/magic"
)

func TestHelpQuery(t *testing.T) {
	for code, want := range map[string]struct {
		name   string
		detail int
	}{"?fmt.Println": {"fmt.Println", 0}, "fmt?": {"fmt", 0}, " fmt?? ": {"fmt", 1}, "??x": {"x", 1}} {
		if name, detail, ok := HelpQuery(code); !ok || name != want.name || detail != want.detail {
			t.Errorf("%q: %q, %d, %v", code, name, detail, ok)
		}
	}
	for _, code := range []string{"// what?", "x := \"?\"", "a\nb?", "!ls ?", "???", "x y?", "x"} {
		if _, _, ok := HelpQuery(code); ok {
			t.Errorf("%q is taken for a question about a name", code)
		}
	}
}

// scripted answers cells; what it is not made for is a panic.
type scripted struct {
	interp.Engine
	run func(ctx context.Context, c interp.Cell) *interp.Error
}

func (s scripted) Run(ctx context.Context, c interp.Cell) *interp.Error { return s.run(ctx, c) }

func (s scripted) Inspect(_ context.Context, source string, _, _ int) (interp.Inspection, error) {
	return interp.Inspection{Found: source == "x", Data: cellio.Data{"text/plain": []byte(`"an int"`)}}, nil
}

func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var ran interp.Cell
	engine := scripted{run: func(_ context.Context, c interp.Cell) *interp.Error {
		ran = c
		switch c.Source {
		case "stop":
			cancel(errors.New("Ctrl-C"))
		case "bug":
			panic("no such node")
		case "fails":
			return &interp.Error{Name: "panic", Value: "oh"}
		}
		return nil
	}}
	r := &Runner{Engine: func(context.Context) (interp.Engine, error) { return engine, nil }, Magics: magic.New(), Log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct{ source, page, failure string }{
		{"a := 1", "", ""},
		{" \n", "", ""},
		{"?x", `"an int"`, ""},
		{"?y", "", "not found: nothing is known about \"y\""},
		{"fails", "", "panic: oh"},
		{"%nothing", "", "magic error: cell[7]:1:1: %nothing: there is no such magic"},
		{"bug", "", "internal error: the cell engine failed: no such node"},
		{"stop", "", "interrupted: Ctrl-C"},
	} {
		ran = interp.Cell{}
		page, failure := r.Run(ctx, &magic.Env{Cell: 7}, tt.source)
		text := ""
		if failure != nil {
			text = failure.Error()
		}
		if string(page["text/plain"]) != tt.page || !strings.HasPrefix(text, tt.failure) || (text == "") != (tt.failure == "") {
			t.Errorf("%q: page %s, %s", tt.source, page["text/plain"], text)
		}
		if tt.source == "a := 1" && (ran.Number != 7 || ran.Source != tt.source) {
			t.Errorf("the engine got %+v", ran)
		}
	}
	broken := &Runner{Engine: func(context.Context) (interp.Engine, error) { return nil, errors.New("no Go here") }, Magics: magic.New()}
	if _, failure := broken.Run(t.Context(), &magic.Env{}, "1"); failure == nil || failure.Error() != "engine error: no Go here" {
		t.Errorf("without an engine: %v", failure)
	}
}
