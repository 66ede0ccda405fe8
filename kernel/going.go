package kernel

import (
	"slices"
	"sync"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
	"mobula/widgets"
)

// maxGoing bounds how many views are remembered; of more, the oldest stay as they are.
const maxGoing = 200

// going are the outputs that show a view which goes on: progress that runs, a chart that grows. Once the process of the cells has ended, nobody but
// the kernel can say that they have, too.
type going struct {
	mu    sync.Mutex // guards views
	views []goingView
}

type goingView struct {
	cell int
	last cellio.Display
}

// note remembers what a cell shows, if it goes on, in place of what it has shown before.
func (g *going) note(cell int, d cellio.Display) {
	if d.ID == "" {
		return
	}
	on := widgets.Going(d.Data)
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.IndexFunc(g.views, func(v goingView) bool { return v.last.ID == d.ID })
	switch {
	case i >= 0 && on:
		g.views[i] = goingView{cell, d}
	case i >= 0:
		g.views = slices.Delete(g.views, i, i+1)
	case on:
		if len(g.views) == maxGoing {
			g.views = slices.Delete(g.views, 0, 1)
		}
		g.views = append(g.views, goingView{cell, d})
	}
}

// take returns them all, and forgets them.
func (g *going) take() []goingView {
	g.mu.Lock()
	defer g.mu.Unlock()
	views := g.views
	g.views = nil
	return views
}

// stopViews ends what goes on in outputs: what has shown it has ended.
func (o *outputs) stopViews() {
	now := time.Now()
	for _, v := range o.going.take() {
		stopped, err := widgets.Stopped(v.last.Data, now)
		if err != nil {
			o.k.log.Warn("a view cannot be ended", "display", v.last.ID, "err", err)
			continue
		}
		o.Display(v.cell, cellio.Display{Data: display.Of(stopped), ID: v.last.ID, Update: true})
	}
}
