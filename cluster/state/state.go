package state

import (
	"cmp"
	"errors"
	"sync/atomic"

	"mobula/internal/id"
)

// State is the state machine. Make one with New.
type State struct {
	now atomic.Pointer[View]
}

// tables is all of the state. Its records are never changed: a command that changes one sets another.
type tables struct {
	meta        *Meta // nil before Init
	nodes       table[id.ID, *Node]
	jobs        table[id.ID, *Job]
	groups      table[id.ID, *Group]
	actors      table[id.ID, *Actor]
	keys        table[name, *Key]
	users       table[name, *User]
	tokens      table[name, *Token]
	submissions table[name, *Submission]

	// What follows is derived from the above.
	actorNames table[name, id.Actor]
	groupNames table[name, id.PlacementGroup]
}

// name is a name in a namespace.
type name struct{ space, name string }

// Compare orders by namespace, then name.
func (n name) Compare(other name) int {
	return cmp.Or(cmp.Compare(n.space, other.space), cmp.Compare(n.name, other.name))
}

// tx is a command at work: what it does counts only if it succeeds.
type tx struct {
	tables
	index  uint64
	events []Event
}

// Result is what a command returns to whoever proposed it, and what it caused.
type Result struct {
	Value  any // depends on the command; nil for most
	Events []Event
}

// Skipped is the value of a command that this head does not know and may skip.
type Skipped struct{}

// New returns an empty state.
func New() *State {
	s := &State{}
	s.now.Store(&View{})
	return s
}

// View returns the state as it is now. It never changes.
func (s *State) View() *View { return s.now.Load() }

// Apply applies the command at an index of the log, which is greater than all before it.
func (s *State) Apply(index uint64, command []byte) (Result, error) {
	before := s.View()
	if index <= before.index {
		return Result{}, &OutOfOrder{index, before.index}
	}
	c, err := decode(command)
	if e, ok := errors.AsType[*UnknownCommand](err); ok {
		return Result{}, e
	}
	t := &tx{tables: before.tables, index: index}
	var value any = Skipped{}
	if c != nil {
		value, err = c.apply(t)
	}
	if err != nil {
		s.now.Store(&View{before.tables, index})
		return Result{}, err
	}
	s.now.Store(&View{t.tables, index})
	return Result{value, t.events}, nil
}

func (t *tx) event(e Event) { t.events = append(t.events, e) }
