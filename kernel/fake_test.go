package kernel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"mobula/internal/cellio"
	"mobula/interp"
)

// fakeEngine runs scripts: each line of a cell is a command and its argument.
//
//	out TEXT, err TEXT, raw TEXT   write to a stream (raw: stdout without newline, \x escapes)
//	show ID TEXT, update ID TEXT, result TEXT, clear
//	fail TEXT, panic               end the cell badly
//	wait                           block until interrupted
//	gate                           block until the test opens the gate, or interrupted
//	late TEXT                      print TEXT under this cell when the gate opens
//	ask PROMPT, secret PROMPT      read a line and print it
//	flood N                        print N lines
type fakeEngine struct {
	interp.Engine // nil: calling what is not below is a bug of the kernel
	sink          interp.Sink
	gate          chan struct{}
	late          sync.WaitGroup
	mu            sync.Mutex // guards what follows
	ran           []interp.Cell
	cursors       []int
	closed        bool
}

func (e *fakeEngine) Run(ctx context.Context, c interp.Cell) *interp.Error {
	e.mu.Lock()
	e.ran = append(e.ran, c)
	e.mu.Unlock()
	for line := range strings.Lines(c.Source) {
		op, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if err := e.do(ctx, c.Number, op, arg); err != nil {
			return err
		}
	}
	return nil
}

func plain(text string) cellio.Data {
	raw, _ := json.Marshal(text)
	return cellio.Data{"text/plain": raw}
}

func (e *fakeEngine) do(ctx context.Context, cell int, op, arg string) *interp.Error {
	switch op {
	case "out":
		e.sink.Stream(cell, "stdout", arg+"\n")
	case "err":
		e.sink.Stream(cell, "stderr", arg+"\n")
	case "raw":
		for _, b := range []byte(arg) { // as torn as can be
			e.sink.Stream(cell, "stdout", string([]byte{b}))
		}
	case "show", "update":
		id, text, _ := strings.Cut(arg, " ")
		e.sink.Display(cell, cellio.Display{Data: plain(text), ID: id, Update: op == "update"})
	case "result":
		e.sink.Display(cell, cellio.Display{Data: plain(arg), Result: true})
	case "clear":
		e.sink.Clear(cell, true)
	case "fail":
		return &interp.Error{Name: "panic", Value: arg, Traceback: []string{"panic: " + arg, "cell[1]:1"}}
	case "panic":
		panic("a bug of the engine")
	case "wait", "gate":
		gate := e.gate
		if op == "wait" {
			gate = nil
		}
		select {
		case <-ctx.Done():
			return &interp.Error{Name: "interrupted", Value: context.Cause(ctx).Error()}
		case <-gate:
		}
	case "late":
		e.late.Go(func() {
			<-e.gate
			e.sink.Stream(cell, "stdout", arg)
		})
	case "ask", "secret":
		line, err := e.sink.Input(ctx, cell, arg, op == "secret")
		if err != nil {
			return &interp.Error{Name: "input", Value: err.Error()}
		}
		e.sink.Stream(cell, "stdout", line)
	case "flood":
		var n int
		fmt.Sscan(arg, &n)
		for i := range n {
			e.sink.Stream(cell, "stdout", fmt.Sprintln(i))
		}
	}
	return nil
}

func (e *fakeEngine) Evaluate(_ context.Context, expr string) (cellio.Data, *interp.Error) {
	if expr == "bad" {
		return nil, &interp.Error{Name: "compile error", Value: "undefined: bad"}
	}
	return plain("value of " + expr), nil
}

func (e *fakeEngine) Complete(_ context.Context, source string, cursor int) (interp.Completion, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cursors = append(e.cursors, cursor)
	start := strings.LastIndexAny(source[:cursor], " .") + 1
	return interp.Completion{Start: start, End: cursor, Items: []interp.CompletionItem{{Text: "Println", Kind: "function", Type: "func(...any)"}}}, nil
}

func (e *fakeEngine) Inspect(_ context.Context, source string, cursor, detail int) (interp.Inspection, error) {
	if !strings.Contains(source, "fmt") {
		return interp.Inspection{}, nil
	}
	return interp.Inspection{Found: true, Data: plain(fmt.Sprintf("doc of %s at %d, detail %d", source, cursor, detail))}, nil
}

func (e *fakeEngine) IsComplete(source string) interp.Completeness {
	if strings.HasSuffix(source, "{") {
		return interp.Completeness{Status: "incomplete", Indent: "\t"}
	}
	return interp.Completeness{Status: "complete"}
}

func (e *fakeEngine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return nil
}
