// Package sched decides where work runs: a pure function from a snapshot of the cluster and a queue of requests to
// placements. The node agent, the head and the simulator use the same one.
//
// # Usage
//
// Decide looks at a Snapshot and a queue and says of each request that it is placed, that it waits (with the
// reason in words for its user), or that it is infeasible: nothing that the cluster has, and nothing that an
// autoscaler may add, can ever hold it. Placement groups are decided in the same pass, before the queue. The caller carries
// the decisions out and passes Decisions.Last, and each waiting request's Passes, back in the next snapshot.
//
// A Ledger is the account of one node: what its leases and bundles hold. Its Pools go into snapshots. Options.Validate finds a
// user's mistakes before anything is queued.
//
// Rules of placement, in this order:
//
//   - Only nodes that are alive get new work; draining and suspect ones do not.
//   - Of several label selectors the first wins under which some node has room now.
//   - Default: the node that holds most of the request's arguments, if they are large; else the submitter's node while it is
//     less than half used; else the least used node, those without GPU first for a request that needs none.
//   - Spread: the node with the fewest tasks. NodeAffinity: that node; if soft, Default once the node cannot hold it at all.
//   - GroupBundle: the first bundle with room.
//   - All ties go to the node that joined first.
//
// Jobs take turns; within a job the order is first in, first out, but a request that fits may pass one that does not. A request
// that was passed over too often or too long has a node kept for it: what it needs there is taken by nobody else. Each job has at most
// one node kept, and one placement group at a time has its nodes kept.
//
// # Concurrency
//
// Nothing here has a clock, a goroutine, a lock or I/O, and nothing depends on the order of a map: equal input gives equal
// output. Decide changes neither snapshot nor queue, so they may be shared by readers. A Ledger has one owner.
//
// # Testing
//
// The transcripts in testdata show clusters, queues and what was decided, with all texts that users see; go test
// -update writes them anew. Properties are tested on thousands of seeded random clusters.
package sched
