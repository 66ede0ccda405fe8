package widgets

import (
	"cmp"
	"math"
	"slices"
)

// maxPoints bounds a curve. More are not seen: a screen has about as many columns.
const maxPoints = 2000

// points are a curve.
type points struct{ x, y Values }

func (p points) len() int { return len(p.x) }

func (p *points) add(x, y float64) { p.x, p.y = append(p.x, x), append(p.y, y) }

// sorted is p in the order of x; points of one x keep theirs.
func (p points) sorted() points {
	if slices.IsSorted(p.x) {
		return p
	}
	order := make([]int, p.len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p.x[i], p.x[j]) })
	q := points{make(Values, 0, p.len()), make(Values, 0, p.len())}
	for _, i := range order {
		q.add(p.x[i], p.y[i])
	}
	return q
}

// downsample returns at most most points of p, which is sorted by x: of each of as many equal parts of the x axis the lowest and the highest point, and
// the first and the last point. So no peak is lost, and all points are real ones. A part without any number keeps a gap.
func (p points) downsample(most int, axis Axis) points {
	n := p.len()
	if n <= most {
		return p
	}
	if most < 4 {
		most = min(most, 2)
		return points{slices.Concat(p.x[:most/2], p.x[n-(most+1)/2:]), slices.Concat(p.y[:most/2], p.y[n-(most+1)/2:])}
	}
	parts := (most - 2) / 2
	inner := points{p.x[1 : n-1], p.y[1 : n-1]}
	part := inner.partition(parts, axis)
	q := points{make(Values, 0, most), make(Values, 0, most)}
	q.add(p.x[0], p.y[0])
	for begin := 0; begin < inner.len(); {
		end := begin + 1
		for end < inner.len() && part(end) == part(begin) {
			end++
		}
		q.extremes(inner, begin, end)
		begin = end
	}
	q.add(p.x[n-1], p.y[n-1])
	return q
}

// partition returns a function that says in which of so many parts of the axis a point lies.
func (p points) partition(parts int, axis Axis) func(i int) int {
	lo, hi := axis.at(p.x[0]), axis.at(p.x[p.len()-1])
	width := hi - lo
	if !(width > 0) || math.IsInf(width, 0) {
		return func(i int) int { return i * parts / p.len() }
	}
	return func(i int) int { return max(0, min(parts-1, int((axis.at(p.x[i])-lo)/width*float64(parts)))) }
}

// extremes adds the lowest and the highest of points[begin:end], in their order.
func (p *points) extremes(from points, begin, end int) {
	low, high := -1, -1
	for i := begin; i < end; i++ {
		y := from.y[i]
		if math.IsNaN(y) {
			continue
		}
		if low < 0 || y < from.y[low] {
			low = i
		}
		if high < 0 || y > from.y[high] {
			high = i
		}
	}
	if low < 0 {
		p.add(from.x[begin], math.NaN())
		return
	}
	first, second := min(low, high), max(low, high)
	p.add(from.x[first], from.y[first])
	if second > first {
		p.add(from.x[second], from.y[second])
	}
}
