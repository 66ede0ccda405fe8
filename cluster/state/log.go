package state

import "context"

// Log is what a head drives its state by: it orders commands, applies them, and may keep and replicate them.
type Log interface {
	// Ready waits until commands can be proposed. Those that were kept are applied by then.
	Ready(ctx context.Context) error
	// Propose has a command applied, and returns its value, or its error.
	Propose(c Command) (any, error)
	// View is the state after the commands so far.
	View() *View
	// Close ends it.
	Close() error
}

// OpenLog opens a log. applied hears what new commands have caused, in their order.
type OpenLog func(applied func(Result)) (Log, error)

// Local is a Log of this process alone: it keeps nothing.
func Local(applied func(Result)) (Log, error) { return &local{state: New(), applied: applied}, nil }
