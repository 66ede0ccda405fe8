// Package worker runs tasks and actors in this process: the other end of package driver.
//
// A driver connects once for each lease and pushes tasks; so many of them run at a time as the lease has slots, the others
// wait here, so that the next one begins without a message. What does not begin soon can be recalled. An actor is a
// value that its constructor made; its calls run in the order in which they arrive, one at a time or as many as it allows.
// What a task does is the Executor's: this package knows no closures.
//
// The goroutine of a task, and those that it starts, carry the task's id as a label, so that a crash names its task.
//
// # Usage
//
//	err := worker.Run(ctx, worker.Config{Node: address, Worker: id, Executor: e})   // until the node goes
//	t := worker.Current()          // in a task's goroutine
//	t.Block(); wait(); t.Resume()  // gives the slot back meanwhile
//
// # Concurrency
//
// Run owns all goroutines and waits for those that can be waited for: a task's code that does not heed its context goes on.
// The Executor is called from many goroutines.
//
// # Testing
//
// The tests of package driver run a driver against a worker in the same process, with a node that they stand for; those of package node
// run both as processes.
package worker
