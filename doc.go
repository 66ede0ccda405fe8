// Package mobula runs Go functions on a cluster: tasks, actors, and objects in shared memory.
//
// A closure is a task: Go submits it and returns a Ref of its result. What it captures is copied when it is submitted; nothing is
// registered, and nothing is cast. Each function that takes a plain closure has a sibling that takes one with a context and an error: Go and Try,
// Map and TryMap, Call and TryCall, NewActor and TryActor.
//
// # Usage
//
//	r := mobula.Go(func() float64 { return score(corpus, alpha) })
//	v, err := r.Get(ctx)                                      // in a cell: r.Value()
//	parts := mobula.Map(files, func(f string) Stats { return scan(f) })
//	total := mobula.Go(func() Stats { return merge(mobula.Values(parts)) })  // starts when all parts are there
//	hits := mobula.NewActor(func() *Counter { return &Counter{} })
//	n := mobula.Call(hits, func(c *Counter) int { c.n++; return c.n }).Value()
//
// The first use connects to an embedded cluster of this machine; Connect chooses another. A program is its own worker: the nodes start
// the same executable, which then serves tasks instead of running its main. Variables of packages have in a worker
// the values that initialisation gives them; what a task needs beyond that it captures.
//
// A Ref in a closure, or in a value, is a dependency: the task starts when the object is there. A task takes one CPU; it is tried again
// three times where the system fails it (Retries), and never where its own code does, unless RetryOn says so.
//
// # Concurrency
//
// All functions and methods may be called from any goroutine, in tasks too. A task that waits for another gives its CPU to others
// meanwhile.
//
// # Testing
//
// Programs test their tasks with Connect(ctx, Config{InProcess: true}): all runs in one process, with the same copies as on a cluster.
package mobula
