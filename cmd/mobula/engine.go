package main

import (
	"context"

	"mobula/interp"
)

// openEngine starts the session of the notebook in the working directory, which Jupyter sets.
func openEngine(ctx context.Context, sink interp.Sink) (interp.Engine, error) {
	session, err := interp.Open(ctx, interp.Options{Sink: sink})
	if err != nil {
		return nil, err // not a nil *Session in an Engine
	}
	return session, nil
}

// prepareHost builds the session host for the toolchain at hand, if it is not built yet.
func prepareHost(ctx context.Context, progress func(string)) error {
	return interp.Prepare(ctx, progress)
}
