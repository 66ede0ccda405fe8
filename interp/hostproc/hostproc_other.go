//go:build !unix

package hostproc

import (
	"context"
	"errors"
	"fmt"

	"mobula/interp/hostrpc"
)

// Config says which host to start and how.
type Config struct {
	Path        string
	Args        []string
	Dir         string
	Env         []string
	OnEvent     func(*hostrpc.Event)
	MemoryLimit int64
}

// Exit says how a host ended.
type Exit struct {
	Reason  string
	Cell    int
	Code    int
	Frames  []hostrpc.Frame
	Detail  string
	Planned bool
}

// Process is a running session host; there is none on this system.
type Process struct{ Hello *hostrpc.Hello }

// Start fails: session hosts need a Unix system. The notebook is interpreted instead.
func Start(context.Context, Config) (*Process, error) {
	return nil, fmt.Errorf("start the session host: %w", errors.ErrUnsupported)
}

// Call fails.
func (*Process) Call(context.Context, *hostrpc.Request) (*hostrpc.Reply, error) {
	return nil, errors.ErrUnsupported
}

// Interrupt fails.
func (*Process) Interrupt(int) error { return errors.ErrUnsupported }

// Answer fails.
func (*Process) Answer(*hostrpc.InputReply) error { return errors.ErrUnsupported }

// Tell fails.
func (*Process) Tell(*hostrpc.Request) error { return errors.ErrUnsupported }

// Done is never closed.
func (*Process) Done() <-chan struct{} { return nil }

// Exit is zero.
func (*Process) Exit() Exit { return Exit{} }

// PID is 0.
func (*Process) PID() int { return 0 }

// Close does nothing.
func (*Process) Close() error { return nil }
