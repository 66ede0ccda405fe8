package main

import (
	"context"
	"fmt"
	"os"

	"mobula/internal/bytesize"
	"mobula/interp"
)

// openEngine starts the session of the notebook in the working directory, which Jupyter sets.
func openEngine(ctx context.Context, sink interp.Sink) (interp.Engine, error) {
	return openEngineIn(ctx, "", sink)
}

// openEngineIn starts the session of a notebook whose cells run in dir.
func openEngineIn(ctx context.Context, dir string, sink interp.Sink) (interp.Engine, error) {
	limit, err := memoryLimit(os.Getenv("MOBULA_MEMORY_LIMIT"))
	if err != nil {
		return nil, err
	}
	session, err := interp.Open(ctx, interp.Options{Dir: dir, Sink: sink, MemoryLimit: limit, ClusterCommands: clusterCommands()})
	if err != nil {
		return nil, err // not a nil *Session in an Engine
	}
	return session, nil
}

// memoryLimit reads how much memory cells may hold; it is 0 where nothing is said.
func memoryLimit(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := bytesize.Parse(text)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("MOBULA_MEMORY_LIMIT is %q: say how much memory cells may hold, as in 4GiB or 512MB", text)
	}
	return n, nil
}

// prepareHost builds the session host for the toolchain at hand, if it is not built yet.
func prepareHost(ctx context.Context, progress func(string)) error {
	return interp.Prepare(ctx, progress)
}
