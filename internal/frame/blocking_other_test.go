//go:build !linux

package frame

import "net"

// kinds are the ways to make a connection.
var kinds = map[string]func(net.Conn) *Conn{"polled": New}
