// Package ship is the code of a session host as a Program (package program): what cells have loaded runs in other processes, too.
//
// A worker is the same executable. All that is loaded into the image of a host (package loader) is a part of a log: units with
// their packages and C libraries, and variables that were made without the compiler. A worker that loads the same parts in the same
// order has everything at the same addresses, which is checked after each part; so functions, types and dictionaries of generic functions, also those
// of functions that were redefined since, go by their addresses. Initialisers of packages run in a worker, functions of cells do not.
//
// The variables of the session that a shipped function reads, itself or through what it calls, are found in the references
// that the linker has resolved. Their values are its environment; a worker process has one.
//
// # Usage
//
//	p, err := ship.New(linker, archives, ship.NewSession())
//	ld, err := p.LoadUnit(unit)     // instead of the linker's Load
//
// # Concurrency
//
// All methods may be called from any goroutine. Lock order: Program.mu, the linker's.
//
// # Testing
//
// Package host's tests compile cells, and run their closures in a worker process.
package ship
