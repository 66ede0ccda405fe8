// Package node is the agent of one machine: it starts worker processes, leases slots on them to clients, watches over their memory and
// their end, and keeps their output. It has the machine's object store.
//
// Clients are drivers, and workers, which connect a second time as drivers where their tasks start tasks. They use a unix
// socket (package frame, messages of package wire). A lease is the right to run a number of tasks of one wire.Class at a time on one worker, whose address the grant tells; tasks
// go straight to the worker, the node does not see them.
//
// # Usage
//
//	n, err := node.Start(ctx, node.Config{Starter: node.Processes{}})
//	connect(n.Address())
//	defer n.Close()
//
// A driver registers the program of its workers in its handshake (wire.ValueProgram and those beside it). Tasks that share nothing but the program run
// in one worker process; those with a GPU, a memory limit or of their own accord (Class.Isolated) get a process for each lease, which
// ends with it.
//
// Rules of leases:
//
//   - Deeper nesting first, then jobs in turns, then first in first. What a deeper request lacks is not given to a shallower one.
//   - A task that waits for others gives its processor back meanwhile (SlotBlocked); when it goes on (SlotResumed), more tasks may
//     run than there are processors, until one ends.
//   - While others wait, leases are asked back (LeaseReclaim): from shallower requests for deeper ones, from jobs that hold two slots more,
//     and from anybody for a request that has waited for two seconds and holds nothing. The client answers by LeaseReturn when its tasks
//     have ended; it asks anew for what it still wants.
//   - A lease ends with its client's connection, and with its worker: then the client gets a WorkerExited that says why the worker ended
//     and which tasks are at fault.
//
// A node may belong to a head (Config.Head, package head). What it cannot place itself, and what is not its to decide (spread, a named node,
// placement groups), it tells the head, which assigns nodes; the node asks those for leases as its clients ask it, and gives its client a
// socket that leads to the worker there (relay). What the head assigns to this node itself goes the same way, with a client that stands
// for it. The node also reserves bundles, runs registered actors in workers that it drives itself, and passes the calls of its clients on to the head.
// While it has not heard from the head for the time of its lease, the processes of these actors are stopped: they may run elsewhere.
//
// Between nodes go, over connections with certificates of the head: requests for leases, relayed connections to workers, executables that the
// other node lacks, objects, and what Config.Protocols adds (DialNode). Objects of a node of this user on this machine are copied from its store's
// memory instead. Objects that were fetched for a client are held for it until it says that it
// has taken them, or goes.
//
// A worker whose tasks labelled their goroutines with "task" and the id in hex is told apart by the runtime's crash report.
//
// # Concurrency
//
// All methods may be called from any goroutine. One lock, Node.mu, guards the book of leases and the tables of clients, workers, other nodes and
// actors; no lock is taken after it but those of connections, logs, processes, queues and the store's client, which call nothing back. Every
// goroutine ends before Close returns. Config's functions are called on goroutines of the node, which waits for them.
//
// # Testing
//
// The book is pure: its tests play clients, a head and other nodes with a clock of their own, and FuzzBook and FuzzFar let them do anything. Real workers
// are the test binary, which crashes in every way; with packages driver, worker and head it is a cluster of several nodes, some of them processes of their own that
// are killed.
package node
