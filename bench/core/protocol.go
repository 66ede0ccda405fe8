package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
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
	Driver  int                  `json:"driver"`  // process that asked for them, where it is not the one that answers
	Error   string               `json:"error"`
}

// ownLimit begins the keys of limits that Mobula's side measures with its samples.
const ownLimit = "own:"

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
