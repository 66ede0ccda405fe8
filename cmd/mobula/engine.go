package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"mobula/interp"
)

// openEngine starts the session of the notebook in the working directory, which Jupyter sets.
func openEngine(ctx context.Context, sink interp.Sink) (interp.Engine, error) {
	limit, err := memoryLimit(os.Getenv("MOBULA_MEMORY_LIMIT"))
	if err != nil {
		return nil, err
	}
	session, err := interp.Open(ctx, interp.Options{Sink: sink, MemoryLimit: limit})
	if err != nil {
		return nil, err // not a nil *Session in an Engine
	}
	return session, nil
}

// memoryLimit reads a number of bytes with an optional unit, as in "4GB" or "512MiB"; units are powers of 1024.
func memoryLimit(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number := strings.TrimRight(text, "kKmMgGtTiIbB ")
	unit, ok := map[string]int64{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}[strings.TrimRight(strings.ToLower(strings.TrimSpace(text[len(number):])), "ib")]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || n <= 0 {
		return 0, fmt.Errorf("MOBULA_MEMORY_LIMIT is %q: say how much memory cells may hold, as in 4GB or 512MB", text)
	}
	return int64(n * float64(unit)), nil
}

// prepareHost builds the session host for the toolchain at hand, if it is not built yet.
func prepareHost(ctx context.Context, progress func(string)) error {
	return interp.Prepare(ctx, progress)
}
