package widgets

import (
	"encoding/json"
	"time"

	"mobula/display"
	"mobula/internal/cellio"
)

// Going reports whether an output is a view that goes on: progress, or a chart, that has not ended.
func Going(output cellio.Data) bool {
	for _, kind := range []string{"progress", "chart"} {
		var view struct {
			State *State `json:"state"`
		}
		if data, ok := output[MIME(kind)]; ok && json.Unmarshal(data, &view) == nil && view.State != nil {
			return !view.State.ended()
		}
	}
	return false
}

// Stopped is what replaces an output that is Going once the process of its view has ended: the same view, stopped then. The kernel calls it, so that
// no saved notebook shows something that seems to go on.
func Stopped(output cellio.Data, then time.Time) (view display.Displayer, err error) {
	if data, ok := output[MIME("progress")]; ok {
		var p Progress
		err = json.Unmarshal(data, &p)
		p.stop(then)
		return p, err
	}
	var c Chart
	err = json.Unmarshal(output[MIME("chart")], &c)
	c.State = StateStopped
	return c, err
}

// stop ends what goes on in p. Nobody can cancel it any more.
func (p *Progress) stop(then time.Time) {
	p.ID = ""
	for i := range p.Children {
		p.Children[i].stop(then)
	}
	if !p.State.ended() {
		p.State, p.EndedAt, p.ETA, p.Running, p.Queued = StateStopped, then, 0, 0, 0
	}
}
