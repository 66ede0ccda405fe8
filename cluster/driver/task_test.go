package driver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/fault"
)

func TestTasks(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"join": func(t *worker.Task) (string, error) {
			var parts []string
			for _, in := range t.Closure.Refs {
				parts = append(parts, string(in.Value.Head))
			}
			return strings.Join(parts, "+"), nil
		},
		"fail": func(*worker.Task) (string, error) { return "", errors.New("on purpose") },
	}}
	d := connect(t, startNode(t, 2, s))
	var list []*Object
	for i := range 5000 {
		list = append(list, d.Submit(call(fmt.Sprint(i))))
	}
	for i, o := range list {
		if got := value(t, o); got != fmt.Sprint(i) {
			t.Fatalf("task %d gave %q", i, got)
		}
	}
	if got := value(t, d.Submit(call("join", list[7], d.Put(wire.Payload{Head: []byte("put")}, nil), d.Submit(call("new"))))); got != "7+put+new" {
		t.Error(got)
	}
	failed := d.Submit(call("fail"))
	err := failureOf(t, d.Submit(call("join", list[1], failed)))
	if in, ok := errors.AsType[*fault.InputError](err); !ok || in.Input != failed.ID || !strings.Contains(err.Error(), "on purpose") {
		t.Error(err)
	}
	if err := failureOf(t, d.Submit(Spec{Form: wire.FormValue, Name: "fit", Class: wire.Class{Resources: map[string]float64{"gpu": 1}}})); err.Error() != "fit cannot run here: no node has a gpu" {
		t.Error(err)
	}
}

func TestChain(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"next": func(t *worker.Task) (string, error) { return string(t.Closure.Refs[0].Value.Head) + "x", nil },
	}}
	d := connect(t, startNode(t, 2, s))
	o := d.Put(wire.Payload{}, nil)
	for range 200 {
		o = d.Submit(call("next", o))
	}
	if got := value(t, o); got != strings.Repeat("x", 200) {
		t.Error(len(got))
	}
}

func TestRetriesOfOwnErrors(t *testing.T) {
	var tries atomic.Int64
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"third time": func(t *worker.Task) (string, error) {
			if n := tries.Add(1); n < 3 {
				return "", fmt.Errorf("try %d, attempt %d", n, t.Attempt)
			}
			return fmt.Sprint("attempt ", t.Attempt), nil
		},
		"never": func(t *worker.Task) (string, error) { return "", fmt.Errorf("attempt %d", t.Attempt) },
	}}
	d := connect(t, startNode(t, 1, s))
	spec := call("third time")
	spec.Retries, spec.RetryOn = 5, func(error) bool { return true }
	if got := value(t, d.Submit(spec)); got != "attempt 3" {
		t.Error(got)
	}
	spec = call("never")
	spec.Retries, spec.RetryOn = 2, func(error) bool { return true }
	if err := failureOf(t, d.Submit(spec)); !strings.HasSuffix(err.Error(), "attempt 3") {
		t.Error(err)
	}
	spec.RetryOn = func(err error) bool { return strings.Contains(err.Error(), "other") }
	if err := failureOf(t, d.Submit(spec)); !strings.HasSuffix(err.Error(), "attempt 1") {
		t.Error(err)
	}
}

func TestCancel(t *testing.T) {
	started := make(chan bool, 10)
	release := make(chan bool)
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"heeds": func(t *worker.Task) (string, error) {
			started <- true
			<-t.Context().Done()
			return "", context.Cause(t.Context())
		},
		"does not": func(t *worker.Task) (string, error) {
			started <- true
			<-release
			return "late", nil
		},
	}}
	d := connect(t, startNode(t, 1, s))
	canceled := func(o *Object) {
		t.Helper()
		if _, ok := errors.AsType[*fault.CanceledError](failureOf(t, o)); !ok {
			t.Error(o.failure())
		}
	}
	spec := call("heeds")
	spec.Form = wire.FormTry
	first := d.Submit(spec)
	<-started
	queued := d.Submit(call("never runs"))
	queued.Cancel(false)
	canceled(queued)
	first.Cancel(false)
	canceled(first)
	given := d.Submit(call("does not"))
	<-started
	given.Cancel(false)
	canceled(given)
	spec = call("does not")
	spec.Form = wire.FormTry
	close(release)
	killed := d.Submit(spec)
	killed.Cancel(true)
	canceled(killed)
	if got := value(t, d.Submit(call("after"))); got != "after" {
		t.Error(got)
	}
}

// TestLongTasksDoNotHoldOthers: what waits behind a long task in a worker is recalled.
func TestLongTasksDoNotHoldOthers(t *testing.T) {
	release := make(chan bool)
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"long": func(*worker.Task) (string, error) { <-release; return "long", nil },
	}}
	d := connect(t, startNode(t, 2, s))
	for range 2000 { // the windows grow
		d.Submit(call("short"))
	}
	value(t, d.Submit(call("short")))
	long := d.Submit(call("long"))
	var list []*Object
	for range 500 {
		list = append(list, d.Submit(call("short")))
	}
	for _, o := range list {
		value(t, o)
	}
	if long.Ready() {
		t.Error("it has not ended yet")
	}
	close(release)
	value(t, long)
}

func TestWorkerDies(t *testing.T) {
	started := make(chan uint64, 100)
	hang := make(chan bool)
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"hang": func(t *worker.Task) (string, error) {
			started <- t.Attempt
			if t.Attempt < 3 {
				select {
				case <-hang:
				case <-t.Context().Done():
				}
				return "", errors.New("the worker ends")
			}
			return "done", nil
		},
	}}
	n := startNode(t, 1, s)
	d := connect(t, n)
	spec := call("hang")
	spec.Retries = 5
	o := d.Submit(spec)
	waiting := d.Submit(call("behind it"))
	for range 2 {
		<-started
		n.crash("killed (signal 9)")
	}
	if got := value(t, o); got != "done" {
		t.Error(got)
	}
	if got := value(t, waiting); got != "behind it" {
		t.Error(got)
	}
}

// TestClassesAreForgotten: of a class of which nothing is left, nothing is kept; its next task finds a slot again.
func TestClassesAreForgotten(t *testing.T) {
	d := connect(t, startNode(t, 2, &script{}))
	for range 2 {
		for i := range 20 {
			s := call("x")
			s.Class.Selector = []string{fmt.Sprint(i)}
			if v := value(t, d.Submit(s)); v != "x" {
				t.Fatal(v)
			}
		}
		later := time.Now().Add(time.Hour)
		d.tidy(later) // leases
		d.tidy(later) // and then their classes
		d.mu.Lock()
		if left := len(d.requests) + len(d.classes) + len(d.leases); left != 0 {
			t.Errorf("%d are kept", left)
		}
		d.mu.Unlock()
	}
}
