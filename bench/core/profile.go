package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"

	"mobula"
)

// profiler is an actor that profiles the worker that it lives in.
type profiler struct{ profile bytes.Buffer }

// startProfiles begins CPU profiles of this process and of a worker; end writes them.
func startProfiles(ctx context.Context, dir string, q request) (end func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d-%d", strings.ReplaceAll(q.Do, " ", "-"), q.N, q.Seed)) // pprof adds files up
	a := mobula.NewActor(func() *profiler { return &profiler{} })
	if _, err := mobula.TryCall(a, func(_ context.Context, p *profiler) (int, error) {
		return os.Getpid(), pprof.StartCPUProfile(&p.profile)
	}).Get(ctx); err != nil {
		return nil, fmt.Errorf("profile a worker: %w", err)
	}
	endOwn, err := startOwnProfile(path + ".driver.prof")
	if err != nil {
		_, other := endWorkerProfile(ctx, a)
		return nil, errors.Join(err, other)
	}
	return func() error {
		err := errors.Join(endOwn(), writeHeap(path+".driver.heap.prof"))
		profile, other := endWorkerProfile(ctx, a)
		if other == nil {
			other = os.WriteFile(path+".worker.prof", profile, 0o644)
		}
		return errors.Join(err, other)
	}, nil
}

// startOwnProfile begins a CPU profile of this process; end writes it.
func startOwnProfile(path string) (end func() error, err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

func endWorkerProfile(ctx context.Context, a mobula.Actor[profiler]) ([]byte, error) {
	return mobula.Call(a, func(p *profiler) []byte {
		pprof.StopCPUProfile()
		return p.profile.Bytes()
	}).Get(ctx)
}

// writeHeap writes what is allocated, and what was.
func writeHeap(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
