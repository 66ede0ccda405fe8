//go:build unix

package hostproc

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"mobula/internal/crash"
	"mobula/interp/hostrpc"
)

// cellLabel is the label of a cell's goroutines in crash reports.
const cellLabel = "cell"

// explain says how a host ended, from its exit status, what it has announced and the runtime's report.
func explain(state *os.ProcessState, err error, announced *hostrpc.Exiting, report []byte) Exit {
	e := Exit{Detail: string(report)}
	if announced != nil {
		e.Reason, e.Cell, e.Code, e.Frames = announced.Reason, announced.Cell, announced.Code, announced.Frames
		if announced.Reason == "os.Exit" {
			e.Reason = fmt.Sprintf("called os.Exit(%d)", announced.Code)
		}
		return e
	}
	end := crash.EndOf(state, err)
	e.Reason, e.Code = end.Reason, end.Code
	if end.Signal != 0 {
		e.Code = 128 + end.Signal
	}
	if read := crash.Parse(report); read.Cause != "" {
		e.Reason = read.Cause
		e.Cell, e.Frames = culprit(read)
	}
	return e
}

// culprit finds the goroutine that a report is about: the first one with a cell, which the host's own may have failed for,
// or else the first.
func culprit(report crash.Report) (cell int, frames []hostrpc.Frame) {
	g, ok := report.First(cellLabel)
	if ok {
		cell, _ = strconv.Atoi(g.Labels[cellLabel]) // the host writes a number
	} else if len(report.Goroutines) > 0 {
		g = report.Goroutines[0]
	}
	for _, f := range g.Frames {
		name, user := strings.CutPrefix(f.Func, "main.")
		frames = append(frames, hostrpc.Frame{Func: name, File: f.File, Line: f.Line, User: user})
	}
	return cell, frames
}
