// Package head is the head of a cluster: it keeps the cluster's state in a replicated log, watches its nodes, and decides where what they
// cannot place themselves goes.
//
// The state is package state, driven by a log: that of package replog (hashicorp/raft), also where there is one head only, so that a
// head that starts again knows everything; or, for the embedded cluster of a program, by one that keeps nothing. What changes fast is not in the state but in this package's memory:
// what is free on nodes, and what waits for room. Nodes tell it anew when they connect.
//
// # Usage
//
//	h, err := head.Start(ctx, head.Config{Dir: dir, Log: replog.In(dir, logger), Listen: ":10001"})
//	token := h.JoinToken()         // for nodes; package headclient connects
//	client, err := headclient.Connect(ctx, headclient.Config{Dial: h.Dial})   // in this process
//	defer h.Close()
//
// Credentials: on its first start a head that listens on TCP makes a certificate authority, a join token and a user token in its directory. A
// node shows the join token once, for a certificate; from then on both ends show theirs. A client shows a user token.
// The state has hashes of tokens only. The unix socket is for processes of the same user, and needs none.
//
// A node that is not heard from is suspect, then dead. Its lease lets it run its registered actors without a head for a while:
// they are started elsewhere only after that, and a margin.
//
// # Concurrency
//
// All methods may be called from any goroutine. One lock, Head.mu, guards what is known of nodes; under it only connections and the
// hub are locked, and the log is not waited for. One goroutine decides; what takes time (reserving bundles, starting actors) has its own. Close waits for all.
//
// # Testing
//
// Heads run in this process with nodes that the tests play, are closed, and started again from their directories. Whole clusters of real
// processes are tested by package node and cmd/mobula.
package head
