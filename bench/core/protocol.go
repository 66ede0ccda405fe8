package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// The two sides.
const (
	sideMobula = "mobula"
	sideRay    = "ray"
)

// request is what a side is asked for.
type request struct {
	Do      string  `json:"do"`
	N       int     `json:"n"`
	Seed    int     `json:"seed"`    // what is sent, and so what must come back, depends on it
	Seconds float64 `json:"seconds"` // in which it may do less than N; 0: all
}

// reply is its answer.
type reply struct {
	Samples map[string][]float64 `json:"samples"` // in the units of the figures
	Done    int                  `json:"done"`    // how many of N
	Makers  []int                `json:"makers"`  // processes that made results
	Error   string               `json:"error"`
}

// answerAll says that the side is ready, and answers requests until there are no more.
func answerAll(in io.Reader, out io.Writer, do func(request) (reply, error)) error {
	write := func(r reply) error {
		text, err := json.Marshal(r)
		if err == nil {
			_, err = out.Write(append(text, '\n'))
		}
		return err
	}
	if err := write(reply{}); err != nil {
		return err
	}
	for scan := bufio.NewScanner(in); scan.Scan(); {
		var q request
		if err := json.Unmarshal(scan.Bytes(), &q); err != nil {
			return err
		}
		r, err := do(q)
		if err != nil {
			r.Error = err.Error()
		}
		if err := write(r); err != nil {
			return err
		}
	}
	return nil
}

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

// lineOf makes a line; values are by side.
func lineOf(f figure, values map[string]float64, limit *float64) line {
	l := line{Name: f.name, Unit: f.unit, Limit: limit, Note: f.note}
	if v, ok := values[sideMobula]; ok {
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

// stamp is what tasks return: a value that depends on what they were given, and the process that made it.
type stamp struct{ Value, PID int }

// answer is the value that a task makes of what it was given.
func answer(i int) int { return 3*i + 1 }

// makers checks results, and collects who made them.
type makers struct {
	driver int // process that must not have made any
	seen   map[int]bool
}

func newMakers(driver int) *makers { return &makers{driver, map[int]bool{}} }

// check says what is wrong with a result.
func (m *makers) check(s stamp, want int) error {
	switch {
	case s.Value != want:
		return fmt.Errorf("a result is %d, and must be %d", s.Value, want)
	case s.PID == 0 || s.PID == m.driver:
		return fmt.Errorf("the result %d was made by process %d; the driver is %d", want, s.PID, m.driver)
	}
	m.seen[s.PID] = true
	return nil
}

// answers checks the results of tasks that were given seed, seed+1, and so on.
func (m *makers) answers(list []stamp, seed int) error {
	for i, s := range list {
		if err := m.check(s, answer(seed+i)); err != nil {
			return fmt.Errorf("result %d: %w", i, err)
		}
	}
	return nil
}

func (m *makers) list() []int { return slices.SortedFunc(maps.Keys(m.seen), cmp.Compare) }
