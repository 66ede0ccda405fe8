// Package wire holds the messages between the processes of one node, and their encoding as the bodies of frames
// (package frame): driver and worker talk of tasks, both talk with the node of leases and of each other's end.
//
// What is sent for each task is encoded by hand; the rest is JSON.
//
// # Usage
//
//	conn.Send(wire.KindPush, push.Append)
//	push, err := wire.ParsePush(body)   // its slices alias body
//
// # Concurrency
//
// Messages are values; encoding and parsing keep nothing.
//
// # Testing
//
// Round trips of all messages; FuzzParse feeds every parser.
package wire

// The kinds of frames between driver and worker. A number is never used for anything else.
const (
	KindAttach      byte = iota + 1 // driver: which lease this connection serves
	KindPush                        // driver: a task
	KindResult                      // worker: how it ended
	KindYield                       // worker: an item of a stream
	KindCancel                      // driver: end a task
	KindRecall                      // driver: give back what has not begun
	KindReturned                    // worker: what it gives back
	KindConsumed                    // driver: so many items of a stream were taken
	KindKillActor                   // driver: forget an actor
	KindCode                        // driver: a part of the program's code, before the first task that needs it
	KindEnvironment                 // driver: the values of variables, before the first task that reads them
	KindTaken                       // driver: an object of a result is held here now
)

// Between client (driver or worker) and node.
const (
	KindLeaseRequest byte = iota + 32 // client
	KindLeaseGrant                    // node
	KindLeaseRefused                  // node
	KindLeasePending                  // node: why it waits
	KindLeaseReclaim                  // node: others wait, give it back
	KindLeaseReturn                   // client
	KindSlotBlocked                   // worker: a task waits and needs no processor
	KindSlotResumed                   // worker
	KindWorkerReady                   // worker: it accepts connections
	KindWorkerExited                  // node: a worker in use has ended
	KindLog                           // worker to node, node to driver: what a task has written
	KindEvents                        // client: what became of tasks, for listings and the timeline
	KindQuery                         // client
	KindAnswer                        // node
	KindLeaseWanted                   // node: others wait, give it back when it is idle
	KindReport                        // node: send what there is to tell now
	KindReported                      // driver: it is sent, but for what this has
)
