package driver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/eventually"
	"mobula/internal/fault"
	"mobula/internal/id"
)

func on(name string) Spec {
	return Spec{Form: wire.FormCall, Name: name, Closure: wire.Payload{Head: []byte(name)}}
}

// TestReleasedAfterRetries: an actor that nobody holds ends after its calls, those that were tried again too.
func TestReleasedAfterRetries(t *testing.T) {
	var tries atomic.Int64
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"third time": func(*worker.Task) (string, error) {
			if tries.Add(1)%3 != 0 {
				return "", errors.New("not yet")
			}
			return "now", nil
		},
	}}
	n := startNode(t, 1, s)
	d := connect(t, n)
	a := d.NewActor(ActorSpec{Form: wire.FormActor})
	spec := on("third time")
	spec.Retries, spec.RetryOn = 5, func(error) bool { return true }
	first, second := a.Call(spec), a.Call(spec)
	a.Release()
	for _, o := range []*Object{first, second} {
		if got := value(t, o); got != "now" {
			t.Error(got)
		}
	}
	eventually.Holds(t, "the actor ends", func() bool {
		_, ok := errors.AsType[*fault.ActorDiedError](failureOf(t, a.Call(on("x"))))
		return ok
	})
}

// TestActorLosesItsWorker: it is made again if it may be; calls that were under way fail, later ones are served.
func TestActorLosesItsWorker(t *testing.T) {
	started := make(chan bool, 10)
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"hang": func(t *worker.Task) (string, error) {
			started <- true
			<-t.Context().Done()
			return "", errors.New("the worker ends")
		},
	}}
	n := startNode(t, 1, s)
	d := connect(t, n)
	mortal, restarted := d.NewActor(ActorSpec{Form: wire.FormActor, Name: "mortal"}), d.NewActor(ActorSpec{Form: wire.FormActor, Restarts: 1})
	for _, a := range []*Actor{mortal, restarted} {
		if err := failureOf(t, a.Made()); err != nil { // a constructor whose end was not heard of is tried again
			t.Fatal(err)
		}
	}
	hanging := []*Object{mortal.Call(on("hang")), restarted.Call(on("hang"))}
	for range hanging {
		<-started
	}
	n.crash("killed (signal 9)")
	for i, o := range hanging {
		if _, ok := errors.AsType[*fault.ActorDiedError](failureOf(t, o)); !ok {
			t.Errorf("%d: %v", i, o.failure())
		}
	}
	if got := value(t, restarted.Call(on("again"))); got != "again" {
		t.Error(got)
	}
	if err := failureOf(t, mortal.Call(on("again"))); err == nil {
		t.Error("it was made again")
	}
}

// TestCloseEndsActors: at Close all calls fail, those too that wait for the actor to be placed, and the worker forgets it.
func TestCloseEndsActors(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"hang": func(t *worker.Task) (string, error) { <-t.Context().Done(); return "", errors.New("ended") },
	}}
	n := startNode(t, 0, s)
	d := connect(t, n)
	placed := d.NewActor(ActorSpec{Form: wire.FormActor})
	value(t, placed.Call(on("x")))
	waits := d.NewActor(ActorSpec{Form: wire.FormActor, Class: oneCPU})
	list := []*Object{placed.Call(on("hang")), placed.Call(on("queued")), waits.Call(on("x")), waits.Made()}
	d.Close()
	list = append(list, placed.Call(on("late")), waits.Call(on("late")), d.NewActor(ActorSpec{Form: wire.FormActor}).Call(on("late")))
	for i, o := range list {
		if err := failureOf(t, o); err == nil {
			t.Errorf("%d has not failed", i)
		}
	}
	other := connect(t, n)
	stranger := other.NewActor(ActorSpec{Form: wire.FormActor})
	value(t, stranger.Call(on("x")))
	lease := stranger.lease
	eventually.Holds(t, "the worker forgets the actor of the closed driver", func() bool {
		probe := &task{d: other, actor: placed, attempt: 1, spec: on("probe")}
		probe.ID, probe.task = id.New[id.Object](), probe
		other.mu.Lock()
		lease.push(probe)
		other.mu.Unlock()
		return failureOf(t, &probe.Object) != nil
	})
}

func TestManyActors(t *testing.T) {
	d := connect(t, startNode(t, 1, &script{}))
	var list []*Object
	for i := range 3000 {
		a := d.NewActor(ActorSpec{Form: wire.FormActor})
		list = append(list, a.Call(on(fmt.Sprint(i))))
		a.Release()
	}
	for i, o := range list {
		if got := value(t, o); got != fmt.Sprint(i) {
			t.Fatalf("%d: %q", i, got)
		}
	}
}
