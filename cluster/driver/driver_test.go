package driver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mobula/cluster/wire"
	"mobula/cluster/worker"
	"mobula/internal/fault"
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
