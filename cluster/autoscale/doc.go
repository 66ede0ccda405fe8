// Package autoscale decides which nodes a cluster gets and gives up: a pure function from what the cluster has, and what waits in it, to
// nodes that are to be started, drained and stopped. Who starts nodes is a Provider; the loop around both is the head's.
//
// # Usage
//
//	g, err := autoscale.ParseGroup("small=0..4,cpus=2")
//	decided := autoscale.Decide(&autoscale.Snapshot{Groups: []autoscale.Group{g}, Nodes: nodes, Queue: queue, Now: now, IdleTimeout: timeout})
//
// The rules:
//
//   - A group has no fewer nodes than its minimum, and never more than its maximum. Nodes that are being started and those that are
//     drained count.
//   - Demand counts that neither the nodes that there are nor those that are being started have room for, as package sched would place
//     it. Nodes are started for it that are packed best, without GPUs where none are needed. For demand that no group can meet none is.
//   - A node is drained once it has been idle for the timeout, if nothing that waits would go to it, and it is stopped when it is
//     drained and still idle. Idle is a node that runs nothing, has no bundle, and holds nothing for others.
//   - A group whose nodes could not be started waits before it is tried again.
//   - Where nodes of a group have less than the group says, they are what counts: nodes are not started in vain again and again.
//
// # Concurrency
//
// Nothing here has a clock, a goroutine, a lock or I/O, and nothing depends on the order of a map: equal input gives equal output.
// Decide does not change the snapshot.
//
// # Testing
//
// The transcripts in testdata show clusters and what was decided; go test -update writes them anew. Properties are tested on random
// clusters that live for a while.
package autoscale
