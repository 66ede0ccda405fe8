package widgets

import (
	"math"
	"strconv"
	"time"
)

// tick is a mark of an axis.
type tick struct {
	value float64
	label string
}

// ticks are round values on the axis, about as many as are wanted.
func (s scale) ticks(want int) []tick {
	switch {
	case s.axis.Log:
		return s.decades(want)
	case s.axis.Time:
		return s.moments(want)
	}
	step := roundStep((s.high - s.low) / float64(want))
	if !(step > 0) || math.IsInf(step, 0) {
		return nil
	}
	var ticks []tick
	for i := math.Ceil(s.low / step); i*step <= s.high && len(ticks) <= 2*want; i++ {
		ticks = append(ticks, tick{i * step, stepped(i*step, step)})
	}
	return ticks
}

// stepped is a multiple of step as text.
func stepped(v, step float64) string {
	if size := max(math.Abs(v), step); size >= 1e7 || size < 1e-3 {
		return number(v)
	}
	digits := max(0, -int(math.Floor(math.Log10(step))))
	return strconv.FormatFloat(v+0, 'f', digits, 64)
}

// roundStep is the next greater of 1, 2 and 5 times a power of ten.
func roundStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= least {
			return m * power
		}
	}
	return 10 * power
}

// decades are powers of ten; where there are few, 2 and 5 times these too.
func (s scale) decades(want int) []tick {
	step := max(1, math.Ceil((s.high-s.low)/float64(want)))
	between := []float64{1}
	if s.high-s.low < 2 {
		between = []float64{1, 2, 5}
	}
	var ticks []tick
	for e := math.Floor(s.low/step) * step; e <= s.high; e += step {
		for _, m := range between {
			v := m * math.Pow(10, e)
			if at := math.Log10(v); at >= s.low && at <= s.high {
				ticks = append(ticks, tick{v, number(v)})
			}
		}
	}
	return ticks
}

// timeSteps are round periods, in seconds.
var timeSteps = []float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800}

func (s scale) moments(want int) []tick {
	least := (s.high - s.low) / float64(want)
	step := roundStep(least/86400) * 86400
	for _, t := range timeSteps {
		if t >= least {
			step = t
			break
		}
	}
	layout := "15:04:05"
	switch {
	case step >= 86400:
		layout = "2006-01-02"
	case step >= 60:
		layout = "15:04"
	}
	var ticks []tick
	for i := math.Ceil(s.low / step); i*step <= s.high && len(ticks) <= 2*want; i++ {
		t := i * step
		label := ""
		if math.Abs(t) < 1e11 {
			label = time.Unix(int64(t), 0).UTC().Format(layout)
		}
		ticks = append(ticks, tick{t, label})
	}
	return ticks
}
