//go:build !unix

package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
)

// ServeListener fails: other processes reach a store by descriptors that a unix socket carries.
func (s *Store) ServeListener(context.Context, *net.UnixListener) error {
	return fmt.Errorf("share an object store on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
