package magic

import (
	"cmp"
	"context"
	"flag"
	"slices"
	"strings"
	"time"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/cluster/wire"
	"mobula/display"
	"mobula/internal/id"
	"mobula/interp"
	"mobula/widgets"
)

// showing is the verb that shows what view makes of a cluster.
func showing(name string, view func(ctx context.Context, c headwire.Caller) (d display.Displayer, missing []inspect.NodeError, err error)) func(context.Context, *Env, []string) error {
	return onCluster(func(ctx context.Context, env *Env, engine interp.Clusters, args []string) error {
		if _, err := verbFlags(name, args, 0, func(*flag.FlagSet) {}); err != nil {
			return err
		}
		return engine.AskCluster(ctx, func(ctx context.Context, c headwire.Caller) error {
			d, missing, err := view(ctx, c)
			if err != nil {
				return err
			}
			for _, m := range missing {
				env.Stderr("without node " + m.Error() + "\n")
			}
			env.Display(display.Of(d))
			return nil
		})
	})
}

func viewTimeline(ctx context.Context, c headwire.Caller) (display.Displayer, []inspect.NodeError, error) {
	spans, err := inspect.Timeline(ctx, c)
	return timelineOf(spans.Rows, time.Now()), spans.Missing, err
}

func timelineOf(spans []inspect.Span, now time.Time) widgets.Timeline {
	attempts := make([]widgets.Attempt, 0, len(spans))
	for _, s := range spans {
		a := widgets.Attempt{
			Name: s.Name, Task: s.Task.Short(), Number: int(s.Attempt), Node: s.Node, Worker: short(s.Worker.ID), State: s.State.String(), Begin: s.Begin, End: s.End,
		}
		if s.State == wire.TaskRunning {
			a.End = time.Time{}
		}
		attempts = append(attempts, a)
	}
	return widgets.TimelineOf("Tasks of the cluster", attempts, now)
}

// short is "" where there is no id.
func short(i id.ID) string {
	if i.IsZero() {
		return ""
	}
	return i.Short()
}

func viewActors(ctx context.Context, c headwire.Caller) (display.Displayer, []inspect.NodeError, error) {
	actors, err := inspect.Actors(ctx, c)
	return actorsOf(actors.Rows, time.Now()), actors.Missing, err
}

func actorsOf(rows []inspect.Actor, now time.Time) widgets.Actors {
	view := widgets.Actors{Title: "Actors of the cluster", Updated: now}
	for _, r := range rows {
		view.Actors = append(view.Actors, widgets.Actor{
			ID: r.ID.Short(), Name: r.Name, Class: r.Class, State: r.State, Node: cmp.Or(r.NodeName, short(r.Node.ID)), Worker: short(r.Worker.ID), Restarts: r.Restarts, Detached: r.Detached,
			Created: time.UnixMilli(r.Created), Reason: r.Cause,
		})
	}
	return view
}

func viewObjects(ctx context.Context, c headwire.Caller) (display.Displayer, []inspect.NodeError, error) {
	objects, err := inspect.Objects(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	memory, err := inspect.Memory(ctx, c)
	return objectsOf(objects.Rows, memory.Rows, time.Now()), objects.Missing, err
}

// objectsOf has the largest objects first.
func objectsOf(rows []inspect.Object, memory []inspect.NodeMemory, now time.Time) widgets.Objects {
	view := widgets.Objects{Title: "Objects of the cluster", Updated: now}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b inspect.Object) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Object, b.Object))
	})
	for _, r := range rows {
		view.Bytes += r.Size
		view.Objects = append(view.Objects, widgets.Object{ID: r.Object, Node: r.Node, Size: r.Size, State: r.State, Refs: r.Refs, Pins: r.Pins, Owner: r.Owner.String()})
	}
	for _, m := range memory {
		if m.Store == nil {
			continue
		}
		if view.Store == nil {
			view.Store = &widgets.Store{}
		}
		view.Store.Used += m.Store.Busy
		view.Store.Capacity += m.Store.Capacity
		view.Store.Spilled += m.Store.SpilledBytes
	}
	return view
}
