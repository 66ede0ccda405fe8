package session

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/internal/program"
	"mobula/objstore"
	"mobula/objstore/store"
)

// connectHere starts a cluster in this process.
func connectHere(t *testing.T) *Session {
	t.Helper()
	p, err := program.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var s *Session
	n, err := node.Start(t.Context(), node.Config{Store: store.Config{Capacity: 64 << 20}, Starter: node.Function(func(ctx context.Context, w node.WorkerSpec) error {
		return ServeWorker(ctx, Config{Node: w.Node, Program: p}, w.Worker, func() *Session { return s })
	})})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	if s, err = Connect(t.Context(), Config{Node: n.Address(), Program: p, Path: "unused"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var oneCPU = wire.Class{Resources: map[string]float64{"cpu": 1}}

var runs atomic.Int32

// makeLarge is a task whose result goes to the store.
func makeLarge(s *Session) *Object {
	return s.Submit(Spec{Form: wire.FormValue, Name: "large", Class: oneCPU}, func(x Execution) error {
		runs.Add(1)
		list := make([]float64, 100_000)
		list[7] = 7
		return x.Return(&list)
	})
}

// lose removes the object from the store behind everybody's back, as the end of a node does.
func lose(t *testing.T, o *Object) {
	t.Helper()
	if err := o.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	value, err := o.Result()
	if err != nil || value.Place.IsZero() {
		t.Fatalf("the object is not in the store: %v", err)
	}
	o.s.store.Free(value.Place.Object)
	if err := o.s.store.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestLostResults: a lost object is made again by its task, for who reads it and for tasks that depend on it.
func TestLostResults(t *testing.T) {
	s := connectHere(t)
	runs.Store(0)
	o := makeLarge(s)
	for n := int32(1); n <= 3; n++ {
		var list []float64
		if err := o.Get(t.Context(), &list); err != nil || list[7] != 7 || runs.Load() != n {
			t.Fatalf("%v after %d runs, %v", len(list), runs.Load(), err)
		}
		lose(t, o)
	}
	handle := HandleOf(o)
	sum := s.Submit(Spec{Form: wire.FormValue, Name: "sum", Class: oneCPU, Retries: 1}, func(x Execution) error {
		var list []float64
		if err := ObjectOf(handle).Get(x.Context(), &list); err != nil {
			return err
		}
		return x.Return(&list[7])
	})
	var got float64
	if err := sum.Get(t.Context(), &got); err != nil || got != 7 || runs.Load() != 4 {
		t.Fatalf("%v after %d runs, %v", got, runs.Load(), err)
	}
}

// TestLostPut: what no task has made is lost with a clear error.
func TestLostPut(t *testing.T) {
	s := connectHere(t)
	list := make([]float64, 100_000)
	o := s.Put(t.Context(), &list)
	lose(t, o)
	err := o.Get(t.Context(), &list)
	if freed, ok := errors.AsType[*objstore.FreedError](err); !ok {
		t.Errorf("%v (%v)", err, freed)
	}
}
