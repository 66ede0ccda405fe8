package widgets

import (
	"time"

	"mobula/display"
)

// ProgressView is a bar that moves, with one for each operation below it. End it with Done, Fail, Cancelled or Stop (defer Stop): the first counts.
type ProgressView struct {
	tree *progressTree
	node *progressNode
}

// progressTree is what all views of one widget share.
type progressTree struct {
	updater *display.Updater
	root    *progressNode // guarded by updater, as all nodes
	ended   chan struct{}
}

// progressNode is a bar.
type progressNode struct {
	progress Progress
	pace     pace
	children []*progressNode
}

// NewProgress shows a bar. It begins now unless p says when it did.
func NewProgress(p Progress) *ProgressView {
	now := time.Now()
	t := &progressTree{root: newProgressNode(p, now), ended: make(chan struct{})}
	t.updater = display.NewUpdater(func() any { return t.snapshot(time.Now()) })
	return &ProgressView{t, t.root}
}

func newProgressNode(p Progress, now time.Time) *progressNode {
	if p.Started.IsZero() {
		p.Started = now
	}
	p.State, p.Updated = StateRunning, now
	n := &progressNode{progress: p}
	for _, child := range p.Children {
		n.children = append(n.children, newProgressNode(child, now))
	}
	n.progress.Children = nil
	return n
}

// Child adds a bar below this one, which shows the sum of all that are below it and its own counts.
func (v *ProgressView) Child(p Progress) *ProgressView {
	n := newProgressNode(p, time.Now())
	v.tree.updater.Change(func() { v.node.children = append(v.node.children, n) })
	return &ProgressView{v.tree, n}
}

// Add says that k more are done.
func (v *ProgressView) Add(k int) { v.Update(func(c *Counts) { c.Done += k }) }

// Update changes the counts.
func (v *ProgressView) Update(change func(*Counts)) {
	v.change(func() { change(&v.node.progress.Counts) })
}

// SetTitle changes the text beside the bar.
func (v *ProgressView) SetTitle(title string) { v.change(func() { v.node.progress.Title = title }) }

func (v *ProgressView) change(change func()) {
	v.tree.updater.Change(func() {
		if v.node.progress.State != StateRunning {
			return
		}
		change()
		v.node.touch(time.Now())
	})
}

// touch notes that a count has changed.
func (n *progressNode) touch(now time.Time) {
	n.progress.Updated = now
	n.pace.note(now, n.progress.Ended())
}

// OnCancel puts a button beside the bar, by which a reader asks to cancel. cancel is then called, at most once, on a goroutine that belongs to the
// calling cell; what it cancels ends the bar, with Cancelled as a rule. The goroutine waits until the bar ends.
func (v *ProgressView) OnCancel(cancel func()) {
	t := v.tree
	t.updater.Change(func() {
		asked := make(chan struct{})
		t.root.progress.ID = t.updater.ID()
		cancellable.add(t.updater.ID(), func() { close(asked) })
		go func() {
			select {
			case <-asked:
				cancel()
			case <-t.ended:
			}
		}()
	})
}

// Done ends the bar as complete.
func (v *ProgressView) Done() { v.end(StateDone, nil) }

// Stop ends the bar where it is; after another end it does nothing.
func (v *ProgressView) Stop() { v.end(StateStopped, nil) }

// Cancelled ends the bar as cancelled.
func (v *ProgressView) Cancelled() { v.end(StateCancelled, nil) }

// Fail ends the bar with an error.
func (v *ProgressView) Fail(err error) { v.end(StateFailed, err) }

func (v *ProgressView) end(s State, err error) {
	t := v.tree
	if v.node != t.root {
		v.change(func() { v.node.end(s, err, time.Now()) })
		return
	}
	t.updater.End(func() {
		cancellable.take(t.updater.ID())
		close(t.ended)
		t.root.progress.ID = ""
		t.root.end(s, err, time.Now())
	})
}

// end ends a bar and those below it that have not ended.
func (n *progressNode) end(s State, err error, now time.Time) {
	if n.progress.State != StateRunning {
		return
	}
	n.progress.State, n.progress.EndedAt, n.progress.Updated = s, now, now
	if err != nil {
		n.progress.Error = err.Error()
	}
	for _, child := range n.children {
		child.end(s, nil, now)
	}
}

func (t *progressTree) snapshot(now time.Time) Progress { return t.root.snapshot(now) }

func (n *progressNode) snapshot(now time.Time) Progress {
	p := n.progress
	for _, child := range n.children {
		c := child.snapshot(now)
		p.Counts = p.plus(c.Counts)
		if c.Updated.After(p.Updated) {
			p.Updated = c.Updated
		}
		p.Children = append(p.Children, c)
	}
	if len(n.children) > 0 {
		n.pace.note(p.Updated, p.Ended())
	}
	if p.State == StateRunning {
		p.Rate = n.pace.rate(p.Started, now)
		if left := p.Total - p.Ended(); p.Rate > 0 && left > 0 {
			p.ETA = float64(left) / p.Rate
		}
	}
	return p
}
