// Package session is what package mobula is made of: it sends closures and values to tasks and actors, and runs them in workers.
//
// A Session joins a driver (package driver), which knows opaque payloads, with the program's code (package program), the codec and the
// node's object store. What is shipped for a task is a Run: a closure that runs the user's function and hands over its result. Objects and
// actors that it captures travel by their ids; they are inputs of the task, which starts when they are there. A value of more than
// InlineMax bytes goes to the object store of the node, and only its place into messages.
//
// # Usage
//
//	s, err := session.Connect(ctx, session.Config{Node: address, Program: p})
//	o := s.Submit(session.Spec{Form: wire.FormValue, Class: class}, func(x session.Execution) error { v := f(); return x.Return(&v) })
//	err = o.Get(ctx, &v)
//
// A worker process calls RunWorker. Current finds the session of the calling goroutine: that of its task, or the process's.
//
// # Concurrency
//
// All methods may be called from any goroutine. An Execution belongs to its task.
//
// # Testing
//
// The tests of package mobula run all of it, in process and with worker processes.
package session
