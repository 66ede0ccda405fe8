//go:build unix

package store

import (
	"context"
	"fmt"
	"net"
	"sync"

	"mobula/objstore/wire"
)

// ServeListener serves each client that connects to a socket, until ctx ends or the listener is closed; it closes the
// listener and waits for the clients to be gone.
func (s *Store) ServeListener(ctx context.Context, l *net.UnixListener) error {
	var clients sync.WaitGroup
	defer clients.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		c, err := l.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for clients of the object store: %w", err)
		}
		clients.Go(func() { _ = s.Serve(ctx, wire.NewConn(c)) }) // logged
	}
}
