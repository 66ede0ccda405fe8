// Package core has user programs of the SDK and the results that they must give, wherever they run: in one process, on one node, on
// three, and while processes are killed.
//
// # Usage
//
//	for _, p := range core.Programs { got, err := p.Run(ctx) }
//
// # Concurrency
//
// Programs run one after the other; each leaves nothing behind.
//
// # Testing
//
// The tests are what it is for. The test binary is also the worker.
package core

import "context"

// Program is a user program with what it must result in.
type Program struct {
	Name string
	Run  func(ctx context.Context) (string, error)
	Want string
}

// Programs are all programs, by subject.
var Programs = concat(tasks, nested, actors, failures, cancels, objects, streams, values, arrows, named, placement)

func concat(lists ...[]Program) (all []Program) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
