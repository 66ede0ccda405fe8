package controls

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"strconv"
)

// Range is what an IntSlider lets the user choose from. A Max of 0 with a Min of 0 means 100, a Step of 0 means 1. Value is the one at first.
type Range struct{ Min, Max, Step, Value int }

// FloatRange is what a FloatSlider lets the user choose from. A Max of 0 with a Min of 0 means 1, a Step of 0 a hundredth of the range.
// Value is the one at first.
type FloatRange struct{ Min, Max, Step, Value float64 }

// IntSlider lets the user choose a whole number.
func IntSlider(r Range, label string, opts ...Option) *Input[int] {
	if r.Min == 0 && r.Max == 0 {
		r.Max = 100
	}
	if r.Step == 0 {
		r.Step = 1
	}
	checkRange("IntSlider", label, r.Min, r.Max, r.Step)
	return slider("IntSlider", label, "d", span[int]{r.Min, r.Max, r.Step}, r.Value, opts)
}

// FloatSlider lets the user choose a number.
func FloatSlider(r FloatRange, label string, opts ...Option) *Input[float64] {
	if r.Min == 0 && r.Max == 0 {
		r.Max = 1
	}
	if r.Step == 0 {
		r.Step = (r.Max - r.Min) / 100
	}
	for _, v := range []float64{r.Min, r.Max, r.Step, r.Value} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			panic(fmt.Sprintf("controls: FloatSlider %q: %v is no bound, step or value: want finite numbers", label, v))
		}
	}
	checkRange("FloatSlider", label, r.Min, r.Max, r.Step)
	return slider("FloatSlider", label, fmt.Sprintf(".%df", decimals(r.Step)), span[float64]{r.Min, r.Max, r.Step}, r.Value, opts)
}

// span is the values of a slider.
type span[T int | float64] struct{ min, max, step T }

func checkRange[T int | float64](kind, label string, lo, hi, step T) {
	switch {
	case lo > hi:
		panic(fmt.Sprintf("controls: %s %q: its Min %v is more than its Max %v", kind, label, lo, hi))
	case step < 0:
		panic(fmt.Sprintf("controls: %s %q: its Step %v is less than 0", kind, label, step))
	}
}

func slider[T int | float64](kind, label, format string, s span[T], start T, opts []Option) *Input[T] {
	m := newModel(kind, attrs{
		"min": s.min, "max": s.max, "step": s.step, "continuous_update": true, "orientation": "horizontal", "readout": true, "readout_format": format,
	})
	k := kinds[T]{fit: func(v T) T {
		if v != v {
			panic(fmt.Sprintf("controls: %s %q cannot be set to NaN", kind, label))
		}
		return min(max(v, s.min), s.max)
	}}
	k.encode = encodeItself[T]
	k.decode = func(raw json.RawMessage) (T, error) {
		v, err := decodeJSON[T](raw)
		return min(max(v, s.min), s.max), err
	}
	k.twin = func(label string, v T) still {
		value := fmt.Sprint(v)
		t := stillOf(label, value)
		t.html = fmt.Sprintf(`<div>%s <progress value="%v" max="%v"></progress> <b>%s</b></div>`, html.EscapeString(label), v-s.min, s.max-s.min, value)
		return still{fmt.Sprintf("%s (%v to %v)", t.text, s.min, s.max), t.html}
	}
	return newInput(m, label, "value", start, k, opts)
}

// decimals is how many digits after the point steps of that size have, at most 10.
func decimals(step float64) int {
	text := strconv.FormatFloat(step, 'f', -1, 64)
	for i, r := range text {
		if r == '.' {
			return min(len(text)-i-1, 10)
		}
	}
	return 0
}
