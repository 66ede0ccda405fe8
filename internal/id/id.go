// Package id holds the identities of the runtime's things: jobs, tasks, actors, objects, nodes, workers, placement
// groups and leases. Each is 16 bytes, comparable, and a type of its own, so that one cannot be passed for another.
//
// # Usage
//
//	task := id.New[id.Task]()          // made by this process
//	object := task.Object()            // its result
//	node, err := id.Parse[id.Node](s)  // from text
//
// The zero value stands for "none". Ids that one Generator made sort by creation.
//
// # Concurrency
//
// Ids are values. A Generator, and so New, may be used from any goroutine: it takes no lock and allocates nothing.
//
// # Testing
//
// NewGenerator with a fixed prefix gives the same ids in each run.
package id

import (
	"bytes"
	"encoding/hex"
	"fmt"
)

// ID is what all identities are made of: the prefix of the process that made it, then a number that grows.
type ID [16]byte

// Job is one driver's run: a notebook session or a submitted program.
type Job struct{ ID }

// Task is one call of a function.
type Task struct{ ID }

// Actor is a stateful worker.
type Actor struct{ ID }

// Object is an immutable value in the object store.
type Object struct{ ID }

// Node is a machine of the cluster, from one start of its agent to the end.
type Node struct{ ID }

// Worker is a process that runs tasks and actors.
type Worker struct{ ID }

// PlacementGroup is a set of resources reserved together.
type PlacementGroup struct{ ID }

// Lease is a right to use resources of a node.
type Lease struct{ ID }

// Kind is any of the identities.
type Kind interface{ ~struct{ ID } }

// Object returns the identity of the task's result.
func (t Task) Object() Object { return Object(t) }

// IsZero reports whether the id stands for "none".
func (i ID) IsZero() bool { return i == ID{} }

// String returns 32 hexadecimal digits.
func (i ID) String() string { return hex.EncodeToString(i[:]) }

// Short returns 8 digits for people: half of them of the process, half of the number.
func (i ID) Short() string {
	return hex.EncodeToString([]byte{i[0], i[1], i[14], i[15]})
}

// Compare orders ids by their bytes, as cmp.Compare does.
func (i ID) Compare(other ID) int { return bytes.Compare(i[:], other[:]) }

// AppendText appends 32 hexadecimal digits.
func (i ID) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, i[:]), nil }

// MarshalText returns 32 hexadecimal digits.
func (i ID) MarshalText() ([]byte, error) { return i.AppendText(nil) }

// UnmarshalText reads 32 hexadecimal digits.
func (i *ID) UnmarshalText(text []byte) error {
	if len(text) != 2*len(i) {
		return &ParseError{Text: string(text)}
	}
	var read ID
	if _, err := hex.Decode(read[:], text); err != nil {
		return &ParseError{Text: string(text)}
	}
	*i = read
	return nil
}

// Parse reads an id of kind K from 32 hexadecimal digits.
func Parse[K Kind](text string) (K, error) {
	var read ID
	err := read.UnmarshalText([]byte(text))
	return K{read}, err
}

// ParseError tells that a text is no id.
type ParseError struct{ Text string }

// Error quotes the start of the text.
func (e *ParseError) Error() string {
	return fmt.Sprintf("%.40q is no id: an id has 32 hexadecimal digits", e.Text)
}
