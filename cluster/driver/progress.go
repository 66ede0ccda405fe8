package driver

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"mobula/internal/fault"
)

// Operation is how far the tasks of one name are that a notebook's cell has submitted.
type Operation struct {
	Name                                   string
	Total, Done, Failed, Canceled, Retried int
	Began, Last                            time.Time // Last: a task was submitted, or ended
}

// Unfinished is how many have not ended.
func (o *Operation) Unfinished() int { return o.Total - o.Done - o.Failed - o.Canceled }

// operation is an Operation with its tasks that have not ended, as a list.
type operation struct {
	Operation
	first *task
}

// progress follows the tasks of cells.
type progress struct {
	onBusy func(cell int) // nil: nothing is followed

	mu    sync.Mutex // guards below, and the links of tasks; nothing is locked after it
	cells map[int]map[string]*operation
}

// begin counts a task that was submitted.
func (p *progress) begin(t *task) {
	cell := t.spec.Cell
	if p.onBusy == nil || cell == 0 {
		return
	}
	p.mu.Lock()
	operations := p.cells[cell]
	fresh := operations == nil
	if fresh {
		operations = map[string]*operation{}
		if p.cells == nil {
			p.cells = map[int]map[string]*operation{}
		}
		p.cells[cell] = operations
	}
	now := time.Now()
	o := operations[t.spec.Name]
	if o == nil {
		o = &operation{Operation: Operation{Name: t.spec.Name, Began: now}}
		operations[o.Name] = o
	}
	o.Total++
	o.Last = now
	t.operation, t.next = o, o.first
	if o.first != nil {
		o.first.previous = t
	}
	o.first = t
	p.mu.Unlock()
	if fresh {
		p.onBusy(cell)
	}
}

// end counts a task that has ended.
func (p *progress) end(t *task, err error) {
	if p.onBusy == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := t.operation
	if o == nil {
		return
	}
	t.operation = nil
	if t.previous != nil {
		t.previous.next = t.next
	} else {
		o.first = t.next
	}
	if t.next != nil {
		t.next.previous = t.previous
	}
	t.next, t.previous = nil, nil
	o.Last = time.Now()
	_, canceled := errors.AsType[*fault.CanceledError](err)
	switch {
	case err == nil:
		o.Done++
	case canceled:
		o.Canceled++
	default:
		o.Failed++
	}
}

// retried counts a task that is tried once more.
func (p *progress) retried(t *task) {
	if p.onBusy == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.operation != nil {
		t.operation.Retried++
	}
}

// Progress tells how far the tasks of a cell are, in the order in which their first ones were submitted.
func (d *Driver) Progress(cell int) (list []Operation) {
	d.progress.mu.Lock()
	for _, o := range d.progress.cells[cell] {
		list = append(list, o.Operation)
	}
	d.progress.mu.Unlock()
	slices.SortFunc(list, func(x, y Operation) int {
		if c := x.Began.Compare(y.Began); c != 0 {
			return c
		}
		return strings.Compare(x.Name, y.Name)
	})
	return list
}

// Forget drops what is known of a cell, unless tasks of it have not ended. The next one that it submits makes it busy again.
func (d *Driver) Forget(cell int) bool {
	d.progress.mu.Lock()
	defer d.progress.mu.Unlock()
	for _, o := range d.progress.cells[cell] {
		if o.first != nil {
			return false
		}
	}
	delete(d.progress.cells, cell)
	return true
}

// CancelCell cancels the tasks of a cell that have not ended, as Object.Cancel does, and returns how many there were.
func (d *Driver) CancelCell(cell int, kill bool) int {
	var tasks []*task
	d.progress.mu.Lock()
	for _, o := range d.progress.cells[cell] {
		for t := o.first; t != nil; t = t.next {
			tasks = append(tasks, t)
		}
	}
	d.progress.mu.Unlock()
	for _, t := range tasks {
		t.Cancel(kill)
	}
	return len(tasks)
}
