// Package headwire is what heads, nodes and clients say to each other: calls with replies, in both directions over one framed connection,
// the messages of all methods, and the tokens that open a connection.
//
// The bodies are JSON: the head is asked for what changes seldom, and tasks never pass it. Nothing but the standard library is needed, so
// that drivers in the session host can speak it.
//
// # Usage
//
//	peer := headwire.NewPeer(ctx, conn, handler, notified)
//	go peer.Serve()
//	reply, err := headwire.Ask(ctx, peer, headwire.FindActor, headwire.ActorName{Name: "hits"})
//
// An error that the other end answered is an *Error, whose Code says what can be done; one of the connection is ErrDisconnected.
//
// # Concurrency
//
// A Peer may be used from any goroutine. Each call is handled on a goroutine of its own, notifications one after the other on the
// goroutine of Serve, in the order in which they were sent. Serve returns when all handlers have.
//
// # Testing
//
// Pipes stand for connections. FuzzPeer feeds frames, FuzzParseToken texts.
package headwire
