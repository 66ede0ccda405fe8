package yaegi

import (
	"context"

	"mobula/internal/cellio"
)

// The types below mirror those of package interp, which imports this package.

// Cell is one cell to run.
type Cell struct {
	Number int
	Source string
	Quiet  bool
}

// Error is what the front end shows of a failed cell.
type Error struct {
	Name      string
	Value     string
	Traceback []string
}

// Error returns "Name: Value".
func (e *Error) Error() string { return e.Name + ": " + e.Value }

// Variable is a session variable.
type Variable struct {
	Name string
	Type string
	Text string
	Cell int
}

// Sink receives what cells show.
type Sink interface {
	Stream(cell int, name, text string)
	Display(cell int, d cellio.Display)
	Clear(cell int, wait bool)
	Input(ctx context.Context, cell int, prompt string, password bool) (string, error)
}
