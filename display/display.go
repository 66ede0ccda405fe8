// Package display shows rich output from the cells of a notebook: text, HTML, Markdown,
// LaTeX, JSON, SVG, images, Vega-Lite charts, tables, progress bars and output that
// changes after it was shown.
//
// # Usage
//
// The value of a cell's last expression is shown by itself; Show does the same anywhere
// in a cell:
//
//	display.Show(display.Markdown("**done**"), img, rows)
//
// A type shows itself by a method Display() display.Bundle. All text that this package
// puts into HTML is escaped, and the HTML uses only what survives the sanitiser that
// JupyterLab applies to notebooks of others: no style or script element, no inline SVG.
//
// # Concurrency
//
// All functions and the methods of Handle and Bar may be called from any goroutine; what
// a goroutine shows appears under the cell that started it.
//
// # Testing
//
// Install a recording cellio.Port; Of needs none.
package display

import (
	"crypto/rand"
	"fmt"
	"os"

	"mobula/internal/cellio"
)

// Show shows each value below the cell, in order.
func Show(values ...any) {
	for _, v := range values {
		send(cellio.Display{Data: Of(v)})
	}
}

// send hands d to the front end. Show and its kin return nothing, so that they can end a
// cell without a result; what goes wrong is told on stderr.
func send(d cellio.Display) {
	if err := cellio.Current().Display(d); err != nil {
		fmt.Fprintln(os.Stderr, "display:", err)
	}
}

// Handle is shown output that can be replaced.
type Handle struct{ id string }

// Live shows v and returns the handle by which Update replaces it.
func Live(v any) *Handle {
	h := &Handle{id: rand.Text()}
	send(cellio.Display{Data: Of(v), ID: h.id})
	return h
}

// Update replaces what is shown, wherever the front end shows it.
func (h *Handle) Update(v any) {
	send(cellio.Display{Data: Of(v), ID: h.id, Update: true})
}

// Show shows v once more, under the calling cell; later updates reach both places.
func (h *Handle) Show(v any) { send(cellio.Display{Data: Of(v), ID: h.id}) }

// ID is the display id in the protocol.
func (h *Handle) ID() string { return h.id }

// Clear removes the output of the calling cell; with wait, only when new output comes.
func Clear(wait bool) {
	if err := cellio.Current().ClearOutput(wait); err != nil {
		fmt.Fprintln(os.Stderr, "display: clear:", err)
	}
}

// Input asks the user for a line of text.
func Input(prompt string) (string, error) { return ask(prompt, false) }

// Password asks the user for a line that the front end does not echo.
func Password(prompt string) (string, error) { return ask(prompt, true) }

func ask(prompt string, password bool) (string, error) {
	s, err := cellio.Current().Input(prompt, password)
	if err != nil {
		return "", fmt.Errorf("ask %q: %w", prompt, err)
	}
	return s, nil
}
