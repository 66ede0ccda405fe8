// Package kernel is the Jupyter kernel: it answers the requests of front ends over the
// channels of package wire, runs cells on an interp.Engine and publishes what they show.
//
// # Usage
//
//	k, err := kernel.Start(ctx, kernel.Options{Connection: info, Open: openEngine})
//	...
//	err = k.Wait() // until a front end shuts the kernel down, or ctx ends
//
// Options.Comms answers comms in this process; others are answered by code of cells, which is what live controls are made of. A comm's
// messages are handled one after another, and a front end that waits for the idle of each sends no faster than they are. What shows a
// model whose comm ends is replaced by its static twin.
//
// # Order
//
// Cells of the main shell, and those of each subshell, run in the order in which they came.
// Everything else a front end may ask on the shell channel (completion, inspection,
// history, comms) is answered while a cell is busy. Requests on control never wait for a cell.
// The status messages busy and idle enclose each request, and all output of a request's own
// goroutine is published before its idle.
//
// # Concurrency
//
// The methods of Kernel and Comm may be called from any goroutine. Lock order: lane.mu, outputs.mu,
// then the locks of package wire; comms.mu and Comm.mu are held while none of them is taken. No lock is held while the engine or a comm handler runs.
//
// # Testing
//
// The tests speak over real sockets to a kernel with a scripted engine.
package kernel
