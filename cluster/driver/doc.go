// Package driver submits tasks and actors: the client's side of a cluster, for the program that drives a job and, inside
// workers, for the tasks that submit tasks of their own.
//
// Tasks that may share a worker form a class. For each class that has tasks waiting the driver asks the node for slots;
// a grant is a lease on a worker, to which it then pushes tasks directly, so many ahead of the results as keep the worker
// busy for about two milliseconds. What a worker has not begun is recalled when another one idles. Leases without work
// go back. When a worker ends, the tasks that may have run there are tried again.
//
// Values are opaque payloads: encoding is the caller's (package mobula).
//
// What the cluster keeps is asked of the head, through the node: actors that others find by name (NewNamed, FindNamed) and placement groups
// (CreateGroup). A named actor is made by a node, which runs its constructor; this end follows it from one life to the next.
//
// # Usage
//
//	d, err := driver.Connect(ctx, driver.Config{Node: address, ...})
//	o := d.Submit(driver.Spec{Form: wire.FormValue, Closure: payload, Class: class})
//	err = o.Wait(ctx); value, err := o.Result()
//
// # Concurrency
//
// All methods may be called from any goroutine. Lock order: Actor.mu, Driver.mu, Object.mu. Callbacks run on the driver's goroutines
// without locks and must not block. Close waits for all goroutines.
//
// # Testing
//
// The tests run real workers in this process, and a node that grants what it is told to.
package driver
