package widgets

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// number is v as text for readers: all of an integer, else about five digits that matter.
func number(v float64) string {
	v += 0 // minus zero is zero
	size := math.Abs(v)
	switch {
	case v == math.Trunc(v) && size < 1e15:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case size >= 1e4 && size < 1e15:
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 5, 64), 64)
	if err != nil {
		short = v // it rounds up to more than there is
	}
	return strconv.FormatFloat(short, 'g', -1, 64)
}

// rounded keeps seven digits of v, more than a chart shows.
func rounded(v float64) float64 {
	size := math.Abs(v)
	if v == math.Trunc(v) || !(size > 1e-300 && size < 1e15) {
		return v
	}
	digits := 6 - int(math.Floor(math.Log10(size)))
	if digits < 0 {
		return math.Round(v)
	}
	if scale := math.Pow10(digits); !math.IsInf(scale, 0) && !math.IsInf(v*scale, 0) {
		return math.Round(v*scale) / scale
	}
	return v
}

// Values are the coordinates of points. In JSON one that is no finite number is null.
type Values []float64

// MarshalJSON writes an array.
func (v Values) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 2+8*len(v))
	b = append(b, '[')
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(x) || math.IsInf(x, 0) {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendFloat(b, x, 'g', -1, 64)
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads an array; null is NaN.
func (v *Values) UnmarshalJSON(data []byte) error {
	var all []*float64
	if err := json.Unmarshal(data, &all); err != nil {
		return fmt.Errorf("values of a chart: %w", err)
	}
	*v = make(Values, len(all))
	for i, x := range all {
		(*v)[i] = math.NaN()
		if x != nil {
			(*v)[i] = *x
		}
	}
	return nil
}
