package headclient

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mobula/cluster/headwire"
)

// AskWithin calls a method and waits no longer than limit: what a person asks is answered soon, or they are told that the head is away.
func AskWithin[In, Out any](ctx context.Context, limit time.Duration, c headwire.Caller, m headwire.Method[In, Out], in In) (Out, error) {
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := headwire.Ask(within, c, m, in)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("the head of the cluster has not answered within %v: see whether it runs; started again with the same --dir, it knows everything: %w", limit, err)
	}
	return out, err
}
