package interp

import (
	"context"
	"errors"
	"fmt"

	"mobula/interp/hostproc"
	"mobula/interp/hostrpc"
	"mobula/widgets"
)

// ViewEngine is an Engine whose cells show progress that a reader can cancel.
type ViewEngine interface {
	Engine
	// CancelView does what the button of the progress widget with that id says. It does not wait for what the cell does then.
	CancelView(ctx context.Context, id string) error
}

var (
	_ ViewEngine = (*Session)(nil)
	_ ViewEngine = (*Notebook)(nil)
)

// CancelView hands on what a button says.
func (s *Session) CancelView(ctx context.Context, id string) error {
	proc := s.host()
	if proc == nil {
		return errNoHost
	}
	reply, err := proc.Call(ctx, &hostrpc.Request{CancelView: &hostrpc.CancelView{ID: id}})
	switch {
	case errors.Is(err, hostproc.ErrExited):
		return errNoHost
	case err != nil:
		return fmt.Errorf("ask the session to cancel %s: %w", id, err)
	case reply.Fault != nil:
		return errors.New(reply.Fault.Message)
	}
	return nil
}

// CancelView hands on what a button says; interpreted cells run in this process.
func (n *Notebook) CancelView(ctx context.Context, id string) error {
	if s, err := n.compiled(); err == nil {
		return s.CancelView(ctx, id)
	}
	return widgets.Cancel(id)
}
