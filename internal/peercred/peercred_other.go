//go:build !linux

package peercred

import "net"

// Check trusts the permissions of the directory that the socket is in.
func Check(net.Conn) error { return nil }
