package worker

import (
	"testing"

	"mobula/cluster/wire"
	"mobula/internal/id"
)

type holder struct{ released []id.Object }

func (*holder) Execute(*Task) Outcome { return Outcome{} }

func (h *holder) Release(o id.Object) { h.released = append(h.released, o) }

// TestKept: what two results refer to is kept until both are taken; a result's own object is released once.
func TestKept(t *testing.T) {
	h := &holder{}
	c := &conn{w: &Worker{exec: h}}
	shared, own := wire.Place{Object: id.New[id.Object](), Size: 1}, wire.Place{Object: id.New[id.Object](), Size: 1}
	refers := wire.Payload{Refs: []wire.Ref{{Object: shared.Object, Value: wire.Payload{Place: shared}}}}
	c.keep(refers, "first")
	refers.Place = own
	c.keep(refers, "second")
	for i, left := range []int{1, 0, 0} {
		c.taken(shared.Object)
		if len(c.kept[shared.Object]) != left {
			t.Errorf("after %d: %+v", i+1, c.kept)
		}
	}
	if len(h.released) != 0 {
		t.Errorf("%v", h.released)
	}
	c.taken(own.Object)
	c.taken(own.Object)
	if len(h.released) != 1 || h.released[0] != own.Object || len(c.kept) != 0 {
		t.Errorf("%v, %v", h.released, c.kept)
	}
}

// TestDoneLeavesTheNextAttempt: a task that was pushed again before its last attempt was forgotten can still be canceled.
func TestDoneLeavesTheNextAttempt(t *testing.T) {
	again := &Task{}
	again.Task = id.New[id.Task]()
	before := &Task{Push: again.Push}
	c := &conn{pending: map[id.Task]*Task{again.Task: again}}
	c.done(before)
	if c.task(again.Task) != again {
		t.Error("the attempt that runs is forgotten")
	}
	if c.done(again); c.task(again.Task) != nil {
		t.Error("a task that has ended is kept")
	}
}
