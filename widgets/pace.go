package widgets

import "time"

const (
	paceEvery = time.Second // between two samples
	paceKept  = 16          // samples
	paceLeast = 5           // that have to end before the latest seconds tell more than the whole time does
)

// pace knows how fast something went in the last seconds.
type pace struct {
	samples []paceSample // oldest first
	now     paceSample
}

type paceSample struct {
	at time.Time
	n  int
}

// note says that n have ended up to now.
func (p *pace) note(now time.Time, n int) {
	if len(p.samples) == 0 || now.Sub(p.samples[len(p.samples)-1].at) >= paceEvery {
		if len(p.samples) == paceKept {
			p.samples = append(p.samples[:0], p.samples[1:]...)
		}
		p.samples = append(p.samples, paceSample{now, n})
	}
	p.now = paceSample{now, n}
}

// rate is how many end in a second: of late where enough did, else since the start; 0 where that is not known.
func (p *pace) rate(started, now time.Time) float64 {
	if len(p.samples) > 0 {
		first := p.samples[0]
		if n := p.now.n - first.n; n >= paceLeast && now.Sub(first.at) >= paceEvery {
			return float64(n) / now.Sub(first.at).Seconds()
		}
	}
	if spent := now.Sub(started).Seconds(); spent > 0 {
		return float64(p.now.n) / spent
	}
	return 0
}
