package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/fault"
	"mobula/internal/id"
)

func TestActors(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"add": func(t *worker.Task) (string, error) {
			list := t.State.(*[]string)
			*list = append(*list, t.Name)
			return fmt.Sprint(len(*list)), nil
		},
		"all": func(t *worker.Task) (string, error) { return strings.Join(*t.State.(*[]string), ""), nil },
	}}
	d := connect(t, startNode(t, 1, s))
	a := d.NewActor(ActorSpec{Form: wire.FormActor, Name: "list"})
	var want strings.Builder
	var list []*Object
	for i := range 300 {
		name := string(rune('a' + i%26))
		want.WriteString(name)
		list = append(list, a.Call(Spec{Form: wire.FormCall, Name: name, Closure: wire.Payload{Head: []byte("add")}}))
	}
	for i, o := range list {
		if got := value(t, o); got != fmt.Sprint(i+1) {
			t.Fatalf("call %d gave %s", i, got)
		}
	}
	if got := value(t, a.Call(Spec{Form: wire.FormCall, Closure: wire.Payload{Head: []byte("all")}})); got != want.String() {
		t.Errorf("the calls ran in the order %s", got)
	}
	a.Kill()
	if err := failureOf(t, a.Call(Spec{Form: wire.FormCall})); err == nil || !strings.Contains(err.Error(), "it was killed") {
		t.Error(err)
	}
	b := d.NewActor(ActorSpec{Form: wire.FormActor})
	last := b.Call(Spec{Form: wire.FormCall, Name: "z", Closure: wire.Payload{Head: []byte("add")}})
	b.Release()
	if got := value(t, last); got != "1" {
		t.Error(got)
	}
}

func TestStream(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"count": func(t *worker.Task) (string, error) {
			for i := range 2000 {
				if err := t.Yield(wire.Payload{Head: binary.LittleEndian.AppendUint32(nil, uint32(i))}, nil); err != nil {
					return "", err
				}
			}
			return "", nil
		},
	}}
	d := connect(t, startNode(t, 1, s))
	spec := call("count")
	spec.Form = wire.FormStream
	next := uint32(0)
	var o *Object
	taken := make(chan uint64, 4096)
	spec.OnItem = func(item *Object) {
		p, err := item.Result()
		if err != nil {
			t.Error(err)
		}
		if got := binary.LittleEndian.Uint32(p.Head); got != next {
			t.Errorf("%d instead of %d", got, next)
		}
		next++
		taken <- uint64(next)
	}
	o = d.Submit(spec)
	go func() { // ends with the items
		for n := range taken {
			o.Consumed(n)
		}
	}()
	value(t, o)
	close(taken)
	if next != 2000 {
		t.Errorf("%d items", next)
	}
}

// TestLostItem: an item of a stream that is lost is made again, with what follows it, and its slot comes back.
func TestLostItem(t *testing.T) {
	objects := []id.Object{id.New[id.Object](), id.New[id.Object](), id.New[id.Object]()}
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"large": func(t *worker.Task) (string, error) {
			for _, o := range objects {
				if err := t.Yield(wire.Payload{Place: wire.Place{Object: o}}, nil); err != nil {
					return "", err
				}
			}
			<-t.Context().Done() // so the first attempt lives until it is told
			return "", t.Context().Err()
		},
	}}
	lost := errors.New("it is lost")
	for retries, want := range []int{1, 3} {
		n := startNode(t, 1, s)
		failed := false
		hold := func(_ context.Context, v wire.Payload) (wire.Payload, func(), error) {
			if v.Place.Object == objects[1] && !failed {
				failed = true
				return v, nil, lost
			}
			return v, func() {}, nil
		}
		d, err := Connect(t.Context(), Config{Node: n.address, Job: id.New[id.Job](), Hold: hold, DecodeError: func(f *wire.Failure) error { return errors.New(f.Message) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		spec := call("large")
		spec.Form, spec.Retries = wire.FormStream, retries
		var got []id.Object
		all := make(chan struct{})
		spec.OnItem = func(item *Object) {
			v, _ := item.Result()
			if got = append(got, v.Place.Object); len(got) == len(objects) {
				close(all)
			}
		}
		o := d.Submit(spec)
		if retries == 0 {
			if err := failureOf(t, o); !errors.Is(err, lost) {
				t.Error(err)
			}
		} else {
			<-all
			o.Cancel(false)
			_ = failureOf(t, o)
		}
		if !slices.Equal(got, objects[:want]) {
			t.Errorf("with %d retries, %d items", retries, len(got))
		}
		if v := value(t, d.Submit(call("next"))); v != "next" {
			t.Error(v)
		}
	}
}

// TestNested: a task that waits for another gives its slot back, at any depth.
func TestNested(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){}}
	n := startNode(t, 2, s)
	inner := connect(t, n)
	at := func(depth int) Spec {
		spec := call(fmt.Sprint("depth ", depth+1))
		spec.Depth = depth
		return spec
	}
	for depth := 1; depth < 6; depth++ {
		s.funcs[fmt.Sprint("depth ", depth)] = func(t *worker.Task) (string, error) {
			o := inner.Submit(at(depth))
			t.Block()
			<-o.Done()
			t.Resume()
			v, err := o.Result()
			return string(v.Head), err
		}
	}
	var list []*Object
	for range 20 {
		list = append(list, inner.Submit(at(0)))
	}
	for _, o := range list {
		if got := value(t, o); got != "depth 6" {
			t.Error(got)
		}
	}
}

func TestClose(t *testing.T) {
	s := &script{funcs: map[string]func(*worker.Task) (string, error){
		"hang": func(t *worker.Task) (string, error) { <-t.Context().Done(); return "", errors.New("ended") },
	}}
	d := connect(t, startNode(t, 1, s))
	list := []*Object{d.Submit(call("hang")), d.Submit(call("queued"))}
	d.Close()
	list = append(list, d.Submit(call("late")))
	for i, o := range list {
		if _, ok := errors.AsType[*fault.DisconnectedError](failureOf(t, o)); !ok {
			t.Errorf("%d: %v", i, o.failure())
		}
	}
	if _, err := Connect(t.Context(), Config{Node: "/nowhere"}); err == nil {
		t.Error("connected to nothing")
	}
}

func BenchmarkSync(b *testing.B) {
	d := connect(b, startNode(b, 2, &script{}))
	value(b, d.Submit(call("x")))
	for b.Loop() {
		<-d.Submit(call("x")).Done()
	}
}

func BenchmarkAsync(b *testing.B) {
	d := connect(b, startNode(b, 2, &script{}))
	value(b, d.Submit(call("x")))
	const batch = 10000
	for b.Loop() {
		var list [batch]*Object
		for i := range list {
			list[i] = d.Submit(call("x"))
		}
		for _, o := range list {
			<-o.Done()
		}
	}
	b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "tasks/s")
}

func BenchmarkActorSync(b *testing.B) {
	d := connect(b, startNode(b, 2, &script{}))
	a := d.NewActor(ActorSpec{Form: wire.FormActor})
	for b.Loop() {
		<-a.Call(Spec{Form: wire.FormCall}).Done()
	}
}

// TestEndsAreListed: tasks that no worker has run are not listed as waiting for ever.
func TestEndsAreListed(t *testing.T) {
	n := startNode(t, 0, &script{})
	d := connect(t, n)
	canceled, refused := d.Submit(call("canceled")), call("refused")
	refused.Class = wire.Class{Resources: map[string]float64{"gpu": 1}}
	if _, ok := errors.AsType[*fault.InfeasibleError](failureOf(t, d.Submit(refused))); !ok {
		t.Error("a GPU is no infeasible request")
	}
	canceled.Cancel(false)
	if _, ok := errors.AsType[*fault.CanceledError](failureOf(t, canceled)); !ok {
		t.Error("it is not canceled")
	}
	last := map[string]wire.TaskState{}
	told, _ := d.events.take()
	for _, e := range told {
		last[e.Name] = e.State
	}
	if last["canceled"] != wire.TaskCanceled || last["refused"] != wire.TaskFailed {
		t.Errorf("the tasks are %v", last)
	}
}
