package main

import (
	"encoding/json"
	"math"
	"slices"
)

// line is what is printed of a figure.
type line struct {
	Name      string                      `json:"name"`
	Unit      string                      `json:"unit"`
	Mobula    *float64                    `json:"mobula"`
	Peer      *float64                    `json:"peer"`
	Ratio     *float64                    `json:"ratio"`
	Limit     *float64                    `json:"limit"`
	Note      string                      `json:"note,omitempty"`
	Processes map[string]map[string]usage `json:"processes,omitempty"` // by side and role
}

// figure is a number that is made of samples.
type figure struct {
	name, unit string
	key        string // of the samples; empty: that of the request
	of         func([]float64) float64
	more       bool   // more is better
	limit      string // name of a limit, or key of samples of Mobula's side
	note       string
}

// fromCell ends the names of what was measured from a cell of the kernel.
const fromCell = " (from a cell)"

// lineOf makes a line for Mobula's programs or its cells, whichever own is; values are by side.
func lineOf(f figure, own string, values map[string]float64, limit *float64) line {
	l := line{Name: f.name, Unit: f.unit, Limit: limit, Note: f.note}
	if own == sideCell {
		l.Name += fromCell
	}
	if v, ok := values[own]; ok {
		l.Mobula = &v
	}
	if v, ok := values[sideRay]; ok {
		l.Peer = &v
	}
	if l.Mobula != nil && l.Peer != nil && *l.Mobula > 0 && *l.Peer > 0 {
		ratio := *l.Peer / *l.Mobula
		if f.more {
			ratio = 1 / ratio
		}
		l.Ratio = &ratio
	}
	return l
}

// text is the line as it is printed: with four digits that count.
func (l line) text() string {
	for _, p := range []**float64{&l.Mobula, &l.Peer, &l.Ratio, &l.Limit} {
		if *p != nil {
			rounded := significant(**p)
			*p = &rounded
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		panic(err) // a bug: all its fields can be written
	}
	return string(text)
}

func significant(v float64) float64 {
	if v == 0 || math.Abs(v) >= 1000 {
		return math.Round(v)
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

func percentile(samples []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func median(samples []float64) float64 { return percentile(samples, 0.5) }
func p99(samples []float64) float64    { return percentile(samples, 0.99) }
