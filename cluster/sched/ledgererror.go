package sched

import "fmt"

// LedgerError tells that a ledger was asked for something that makes no sense in its state.
type LedgerError struct{ Op, What string }

// Error names the operation and what is wrong.
func (e *LedgerError) Error() string { return e.Op + ": " + e.What }

// Insufficient tells that there is less free than was asked for. The request can be queued.
type Insufficient struct{ Needs, Free Resources }

// Error says what is needed and what is free.
func (e *Insufficient) Error() string { return fmt.Sprintf("needs %v; %v is free", e.Needs, e.Free) }

// negative names a resource with a quantity below zero.
func (r Resources) negative() string {
	for _, name := range r.Names() {
		if r.Get(name) < 0 {
			return name
		}
	}
	return ""
}
