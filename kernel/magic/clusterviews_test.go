package magic

import (
	"strings"
	"testing"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/node"
	"mobula/cluster/wire"
	"mobula/display"
	"mobula/objstore"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func plainOf(d display.Displayer) string { return d.Display()[display.MIMEText].(string) }

func TestTimelineOf(t *testing.T) {
	spans := []inspect.Span{
		{Name: "read", Node: "bay", Attempt: 1, Begin: noon, End: noon.Add(2 * time.Second), State: wire.TaskFinished},
		{Name: "train", Node: "bay", Attempt: 2, Begin: noon.Add(time.Second), End: noon.Add(time.Second), State: wire.TaskRunning},
	}
	view := timelineOf(spans, noon.Add(5*time.Second))
	if view.Seconds != 5 || len(view.Lanes) != 2 || view.Spans[1].Seconds != 4 || view.Spans[1].State != "running" || view.Spans[1].Attempt != 2 {
		t.Errorf("%+v", view)
	}
	if text := plainOf(view); !strings.Contains(text, "train") {
		t.Error(text)
	}
}

func TestActorsOf(t *testing.T) {
	rows := []inspect.Actor{
		{ActorInfo: headwire.ActorInfo{Name: "tally", Class: "Tally", State: "dead", Cause: "its node is gone", Restarts: 2, Created: noon.UnixMilli()}, NodeName: "bay"},
		{ActorInfo: headwire.ActorInfo{State: "pending"}},
	}
	view := actorsOf(rows, noon)
	if a := view.Actors[0]; a.Node != "bay" || a.Reason != "its node is gone" || a.Restarts != 2 || !a.Created.Equal(noon) || view.Actors[1].Node != "" || view.Actors[1].Worker != "" {
		t.Errorf("%+v", view)
	}
	if text := plainOf(view); !strings.Contains(text, "tally") {
		t.Error(text)
	}
}

func TestObjectsOf(t *testing.T) {
	object := func(name string, size int64) inspect.Object {
		return inspect.Object{Node: "bay", ObjectInfo: node.ObjectInfo{Object: name, Size: size, State: "sealed", Refs: 1, Owner: objstore.Owner{Cell: 3, Type: "[]int"}}}
	}
	memory := []inspect.NodeMemory{
		{MemoryInfo: node.MemoryInfo{Store: &objstore.Stats{Busy: 10, Capacity: 100}}}, {MemoryInfo: node.MemoryInfo{Store: &objstore.Stats{Busy: 5, Capacity: 100}}}, {},
	}
	view := objectsOf([]inspect.Object{object("small", 1), object("large", 1<<20)}, memory, noon)
	if view.Objects[0].ID != "large" || view.Bytes != 1<<20+1 || view.Store.Used != 15 || view.Store.Capacity != 200 || !strings.Contains(view.Objects[0].Owner, "3") {
		t.Errorf("%+v", view)
	}
	if view := objectsOf(nil, nil, noon); view.Store != nil || plainOf(view) == "" {
		t.Errorf("%+v", view)
	}
}
