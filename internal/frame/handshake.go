package frame

import (
	"context"
	"encoding/json"
	"fmt"
)

// The versions of the protocol that this build speaks.
const (
	minVersion = 1
	maxVersion = 1
)

// Hello is what an end tells of itself.
type Hello struct {
	Min, Max int    // versions of the protocol; set by Handshake
	Role     string // driver, worker, node, head, cli
	Build    string // of the mobula that it is
	PID      int
	Values   map[string]string // what the role adds
}

// VersionError tells that two ends have no version in common.
type VersionError struct{ Mine, Theirs Hello }

// Error says both versions and what to do.
func (e *VersionError) Error() string {
	return fmt.Sprintf("this %s (mobula %s) speaks protocol %d to %d, the %s (mobula %s) speaks %d to %d: use the same release of mobula on both sides",
		e.Mine.Role, e.Mine.Build, e.Mine.Min, e.Mine.Max, e.Theirs.Role, e.Theirs.Build, e.Theirs.Min, e.Theirs.Max)
}

// maxHello bounds the body of a handshake in bytes: whoever sends it has shown no credential yet.
const maxHello = 64 << 10

// Handshake sends hello, and returns the other end's and the version that both use. It comes before Serve. The end of ctx is that of the connection.
func (c *Conn) Handshake(ctx context.Context, hello Hello) (peer Hello, version int, err error) {
	hello.Min, hello.Max = minVersion, maxVersion
	body, err := json.Marshal(hello)
	if err != nil {
		return Hello{}, 0, fmt.Errorf("handshake: %w", err)
	}
	if err := c.Send(handshakeFor, func(b []byte) []byte { return append(b, body...) }); err != nil {
		return Hello{}, 0, fmt.Errorf("handshake: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.stream.Close() })
	kind, body, err := c.in.next()
	if !stop() {
		return Hello{}, 0, fmt.Errorf("handshake: %w", context.Cause(ctx))
	}
	switch {
	case err != nil:
		return Hello{}, 0, fmt.Errorf("handshake: %w", err)
	case kind != handshakeFor || len(body) > maxHello:
		return Hello{}, 0, fmt.Errorf("handshake: the other end does not speak mobula's protocol (frame of kind %d)", kind)
	}
	if err := json.Unmarshal(body, &peer); err != nil {
		return Hello{}, 0, fmt.Errorf("handshake: the other end does not speak mobula's protocol: %w", err)
	}
	version = min(hello.Max, peer.Max)
	if version < max(hello.Min, peer.Min) {
		return peer, 0, &VersionError{hello, peer}
	}
	return peer, version, nil
}
