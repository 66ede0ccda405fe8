// Package cellio is the narrow waist between what a cell's code calls (package
// display, and generated code) and the session host that carries it to the front end.
//
// It links nothing but the standard library: it is part of the session host
// and of every notebook package.
//
// # Concurrency
//
// Install is called once, before any cell runs. All other functions may be
// called from any goroutine.
//
// # Testing
//
// Install a Port that records; Discard is the port of a process without a front end.
package cellio

import (
	"encoding/json"
	"errors"
	"sync/atomic"
)

// Data is one MIME bundle: media type to JSON value (a JSON string for text and
// for base64 of binary types, any JSON value for JSON types).
type Data map[string]json.RawMessage

// Display is one display_data, update_display_data or execute_result message.
type Display struct {
	Data     Data
	Metadata Data
	ID       string // display id; "" means none
	Update   bool   // replaces the content of an earlier Display with the same ID
	Result   bool   // is the value of the cell's last expression
}

// Port carries what cell code shows to the front end. The cell is found from the
// calling goroutine, so a goroutine that outlives its cell still shows under it.
type Port interface {
	Display(Display) error
	ClearOutput(wait bool) error
	// Input asks the user for a line. It fails where the front end has no user.
	Input(prompt string, password bool) (string, error)
}

// ErrNoFrontEnd is returned where no front end is attached.
var ErrNoFrontEnd = errors.New("no notebook front end is attached to this process")

var port atomic.Pointer[Port]

// Install sets the port of this process.
func Install(p Port) { port.Store(&p) }

// Current returns the port of this process, or Discard.
func Current() Port {
	if p := port.Load(); p != nil {
		return *p
	}
	return Discard{}
}

// Discard shows nothing.
type Discard struct{}

// Display shows nothing.
func (Discard) Display(Display) error { return nil }

// ClearOutput does nothing.
func (Discard) ClearOutput(bool) error { return nil }

// Input fails with ErrNoFrontEnd.
func (Discard) Input(string, bool) (string, error) { return "", ErrNoFrontEnd }
