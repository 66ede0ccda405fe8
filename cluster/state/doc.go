// Package state is what the heads of a cluster agree on: a deterministic state machine that a replicated log drives. It knows
// nodes, jobs, submitted jobs, placement groups, actors that outlive their driver or its attention (named, detached, restartable), a key-value
// store, and the hashes of credentials. Large and fast-changing things (objects, tasks, ordinary actors, metrics) are not here.
//
// # Usage
//
// A head encodes a command (Encode), has it replicated, and every head applies it:
//
//	result, err := s.Apply(index, command)
//
// A Log does this for it: Local in this process alone, that of package replog on disk.
//
// Commands carry what is not deterministic: times (milliseconds since 1970) and ids are in them. The same commands give the
// same state, results, events and errors on every head, and Digest compares states.
//
//	WRONG: node.Joined = now()     // each head has another clock
//	RIGHT: node.Joined = c.Time    // the proposer read the clock once
//
// An error of Apply is an answer to who proposed the command, and nothing has changed; only *UnknownCommand means that this head is too old to
// go on: it must stop before it applies anything else. A command that newer heads mark as skippable is skipped.
//
// What must be done outside comes out as Events. They are lost if the head dies before it acts, so a new leader begins with
// View.Outstanding, which finds the same work in the state. Nodes learn what they must no longer run by comparing with View.ActorsOn.
//
// Epochs fence: a node and an actor have a number that grows when they begin a new life, and messages of an earlier life are *Stale. An
// actor of a node that died is not started again before the node's lease, and a margin, have passed.
//
// # Concurrency
//
// Apply and Restore are called from one goroutine at a time. View may be called from any: it returns a snapshot of the state that never changes, at no
// cost, because tables are copied on write. What views return is shared and must not be modified. Encoding a View for a
// snapshot can go on while commands are applied.
//
// # Testing
//
// The transcripts in testdata are commands with their results and events; go test -update writes them anew. Seeded random
// commands prove that replay and restored snapshots give the same digest after every prefix. Snapshots of each format stay in testdata/compat.
package state
