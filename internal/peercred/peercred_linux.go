package peercred

import (
	"fmt"
	"net"
	"os"
	"syscall"
)

// Check refuses connections of other users. Streams that are no sockets are of this process.
func Check(stream net.Conn) error {
	c, ok := stream.(syscall.Conn)
	if !ok {
		return nil // a pipe within this process
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("who connects is not known: %w", err)
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	switch {
	case err != nil:
		return fmt.Errorf("who connects is not known: %w", err)
	case failed != nil:
		return fmt.Errorf("who connects is not known: %w", failed)
	case int(cred.Uid) != os.Getuid():
		return fmt.Errorf("user %d connects to a process of user %d", cred.Uid, os.Getuid())
	}
	return nil
}
