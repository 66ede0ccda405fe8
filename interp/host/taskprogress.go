package host

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"mobula/cluster/driver"
	"mobula/cluster/session"
	"mobula/display"
	"mobula/internal/cellio"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
	"mobula/widgets"
)

// taskProgress shows under each cell how far its tasks are, where they take long.
type taskProgress struct {
	operations func(cell int) []driver.Operation // nil: the cluster has gone
	forget     func(cell int) bool
	show       func(cell int, d cellio.Display)

	mu    sync.Mutex // guards below, and what is shown: states arrive in order
	cells map[int]*cellProgress
}

// cellProgress is what is shown of a cell's tasks.
type cellProgress struct {
	began time.Time
	shown bool
	last  string // what was shown last, in words
	at    time.Time
}

const (
	progressAfter = 700 * time.Millisecond // tasks that take less show nothing
	progressEvery = 250 * time.Millisecond
	progressStill = 5 * time.Second // an update comes at least so often, so that one sees that it lives
	progressIdle  = time.Second     // a cell without tasks for so long is not followed any more
)

func newTaskProgress(show func(cell int, d cellio.Display)) *taskProgress {
	return &taskProgress{
		operations: func(cell int) []driver.Operation {
			if s := session.Process(); s != nil {
				return s.Progress(cell)
			}
			return nil
		},
		forget: func(cell int) bool {
			s := session.Process()
			return s == nil || s.Forget(cell)
		},
		show: show, cells: map[int]*cellProgress{},
	}
}

// busy follows a cell whose first task was submitted.
func (p *taskProgress) busy(cell int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cells[cell] != nil {
		return // its tasks are of another cluster now
	}
	p.cells[cell] = &cellProgress{began: time.Now()}
	go func() { // ends when the cell has no tasks, or with the cluster
		hook.SetOwner(nil)
		p.follow(cell)
	}()
}

func (p *taskProgress) follow(cell int) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for range tick.C {
		if p.look(cell) {
			return
		}
	}
}

// look shows what has changed, and reports whether there is nothing to follow any more.
func (p *taskProgress) look(cell int) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cells[cell]
	list := p.operations(cell)
	unfinished, last := 0, c.began
	for i := range list {
		unfinished += list[i].Unfinished()
		if list[i].Last.After(last) {
			last = list[i].Last
		}
	}
	now := time.Now()
	if c.shown || unfinished > 0 && now.Sub(c.began) >= progressAfter {
		p.update(cell, c, list, unfinished, now)
	}
	if unfinished > 0 || now.Sub(last) < progressIdle || !p.forget(cell) {
		return false
	}
	delete(p.cells, cell)
	return true
}

// ended shows the last state of a cell that has run, if its tasks have ended.
func (p *taskProgress) ended(cell int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cells[cell]
	if c == nil || !c.shown {
		return
	}
	list := p.operations(cell)
	for i := range list {
		if list[i].Unfinished() > 0 {
			return
		}
	}
	p.update(cell, c, list, 0, time.Now())
}

// update shows a state unless it is the one that is shown; p.mu is held.
func (p *taskProgress) update(cell int, c *cellProgress, list []driver.Operation, unfinished int, now time.Time) {
	w := progressOf(cell, c.began, now, list, unfinished)
	words := fmt.Sprint(w.State, w.Counts)
	if words == c.last && (w.State != widgets.StateRunning || now.Sub(c.at) < progressStill) {
		return
	}
	p.show(cell, cellio.Display{Data: display.Of(w), ID: progressID(cell), Update: c.shown})
	c.shown, c.last, c.at = true, words, now
}

// progressID is the display id of the progress of a cell's tasks, and the widget's.
func progressID(cell int) string { return hostrpc.ProgressPrefix + strconv.Itoa(cell) }

// progressOf is a state as a widget.
func progressOf(cell int, began, now time.Time, list []driver.Operation, unfinished int) widgets.Progress {
	w := widgets.Progress{ID: progressID(cell), Title: fmt.Sprintf("tasks of cell %d", cell), State: widgets.StateRunning, Started: began, Updated: began}
	for i := range list {
		child := operationOf(&list[i], now)
		w.Total, w.Done, w.Failed, w.Cancelled, w.Retried = w.Total+child.Total, w.Done+child.Done, w.Failed+child.Failed, w.Cancelled+child.Cancelled, w.Retried+child.Retried
		if child.Updated.After(w.Updated) {
			w.Updated = child.Updated
		}
		w.Children = append(w.Children, child)
	}
	finish(&w, unfinished, now)
	if len(list) == 0 { // what they were is not known any more
		w.State, w.EndedAt = widgets.StateStopped, now
	}
	if len(w.Children) == 1 { // it says all
		w.Children[0].ID, w.Children[0].Title = w.ID, w.Title+", "+w.Children[0].Title
		return w.Children[0]
	}
	return w
}

func operationOf(o *driver.Operation, now time.Time) widgets.Progress {
	w := widgets.Progress{
		Title: o.Name, Started: o.Began, Updated: o.Last, State: widgets.StateRunning,
		Counts: widgets.Counts{Total: o.Total, Done: o.Done, Failed: o.Failed, Cancelled: o.Canceled, Retried: o.Retried},
	}
	finish(&w, o.Unfinished(), now)
	return w
}

// finish says how fast it is and how long it takes, or how it ended.
func finish(w *widgets.Progress, unfinished int, now time.Time) {
	until := now
	if unfinished == 0 {
		until = w.Updated
		w.EndedAt = until
	}
	if spent := until.Sub(w.Started).Seconds(); spent > 0 {
		w.Rate = float64(w.Ended()) / spent
	}
	switch {
	case unfinished > 0:
		if w.Rate > 0 {
			w.ETA = float64(unfinished) / w.Rate
		}
	case w.Failed > 0:
		w.State = widgets.StateFailed
	case w.Cancelled > 0:
		w.State = widgets.StateCancelled
	default:
		w.State = widgets.StateDone
	}
}

// cancelTasks cancels the tasks of a cell.
func cancelTasks(cell int) {
	if s := session.Process(); s != nil {
		s.CancelCell(cell, false)
	}
}
