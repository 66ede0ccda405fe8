// Package headclient is the client's side of a head: connections that are made again when they end, typed calls (those of package
// headwire), events, and the certificates of nodes.
//
// # Usage
//
//	c, err := headclient.Connect(ctx, headclient.Config{Addresses: []string{"10.0.0.1:10001"}, Token: token})
//	nodes, err := headwire.Ask(ctx, c, headwire.ListNodes, headwire.None{})
//	for event, err := range c.Watch(ctx) { ... }
//	defer c.Close()
//
// A call waits while there is no connection, and is repeated if its connection ends, until its context does. What is there
// after a lost event must be looked at again: events tell that something has changed, not all that has happened.
//
// Who the head is, is known by the fingerprint of its certificate authority: it is part of each token. A node shows its join token once,
// for a certificate (Certify); between nodes, and from then on to the head, both ends show one.
//
// # Concurrency
//
// All methods may be called from any goroutine. Close waits for all goroutines.
//
// # Testing
//
// The tests of package head use it against real heads, also such that are killed and started again.
package headclient
