package driver

import (
	"errors"
	"slices"
	"testing"

	"mobula/cluster/wire"
	"mobula/internal/fault"
)

func TestProgressCounts(t *testing.T) {
	var busy []int
	d := &Driver{}
	p := &d.progress
	p.onBusy = func(cell int) { busy = append(busy, cell) }
	begin := func(cell int, name string) *task {
		t := &task{d: d, spec: Spec{Cell: cell, Name: name}}
		p.begin(t)
		return t
	}
	var tasks []*task
	for range 5 {
		tasks = append(tasks, begin(3, "scan"))
	}
	other := begin(3, "merge")
	begin(4, "scan")
	if begin(0, "of a program"); !slices.Equal(busy, []int{3, 4}) {
		t.Errorf("busy %v", busy)
	}
	p.retried(tasks[1])
	p.end(tasks[2], nil) // from the middle, the first and the last place
	p.end(tasks[4], errors.New("it failed"))
	p.end(tasks[0], &fault.CanceledError{})
	p.end(tasks[0], nil) // once more: nothing
	list := d.Progress(3)
	if len(list) != 2 || list[0].Name != "scan" || list[1].Name != "merge" {
		t.Fatalf("%+v", list)
	}
	o := list[0]
	if o.Total != 5 || o.Done != 1 || o.Failed != 1 || o.Canceled != 1 || o.Retried != 1 || o.Unfinished() != 2 || o.Last.Before(o.Began) {
		t.Errorf("%+v", o)
	}
	if d.Forget(3) {
		t.Error("a cell is forgotten whose tasks have not ended")
	}
	for _, x := range []*task{tasks[1], tasks[3], other} {
		p.end(x, nil)
	}
	if !d.Forget(3) || len(d.Progress(3)) != 0 || len(d.Progress(4)) != 1 {
		t.Error("a cell whose tasks have ended is not forgotten, or another is")
	}
	if begin(3, "again"); !slices.Equal(busy, []int{3, 4, 3}) {
		t.Errorf("busy %v", busy)
	}
}

func TestNothingIsFollowed(t *testing.T) {
	d := &Driver{}
	x := &task{d: d, spec: Spec{Cell: 1, Name: "scan"}}
	d.progress.begin(x)
	d.progress.retried(x)
	d.progress.end(x, nil)
	if len(d.Progress(1)) != 0 {
		t.Error(d.Progress(1))
	}
}

// TestCancelCell cancels what a cell has submitted, and nothing else.
func TestCancelCell(t *testing.T) {
	d := &Driver{}
	d.progress.onBusy = func(int) {}
	begin := func(cell int) *task {
		x := &task{d: d, spec: Spec{Cell: cell, Name: "scan", Form: wire.FormValue}}
		x.task = x
		d.progress.begin(x)
		return x
	}
	mine, done, others := begin(1), begin(1), begin(2)
	done.resolve(wire.Payload{}, nil)
	if n := d.CancelCell(1, false); n != 1 {
		t.Errorf("%d tasks", n)
	}
	if _, ok := errors.AsType[*fault.CanceledError](mine.failure()); !ok || others.Ready() || done.failure() != nil {
		t.Errorf("%v, %v, %v", mine.failure(), others.Ready(), done.failure())
	}
	if o := d.Progress(1)[0]; o.Done != 1 || o.Canceled != 1 {
		t.Errorf("%+v", o)
	}
}
