//go:build !linux

package frame

import "net"

func newBlocking(net.Conn) net.Conn { return nil }
