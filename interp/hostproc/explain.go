//go:build unix

package hostproc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"mobula/interp/hostrpc"
)

var (
	goroutineLine = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
	cellLabel     = regexp.MustCompile(`labels:\{[^}]*"?cell"?: ?"(\d+)"`)
	placeLine     = regexp.MustCompile(`^\t(.+):(\d+)(?: \+0x[0-9a-f]+)?(?: .*)?$`)
	fatalLine     = regexp.MustCompile(`(?m)^fatal error: (.+)$`)
	signalLine    = regexp.MustCompile(`(?m)^(SIG[A-Z]+): ([a-z ]+)`)
	panicLine     = regexp.MustCompile(`(?m)^panic: (.+)$`)
)

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
	e.Code = state.ExitCode()
	status, _ := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		e.Code = 128 + int(status.Signal())
	}
	if len(report) > 0 {
		e.Cell, e.Frames = culprit(report)
		e.Reason = cause(report)
		return e
	}
	switch _, exited := errors.AsType[*exec.ExitError](err); {
	case status.Signaled() && status.Signal() == syscall.SIGKILL:
		e.Reason = "killed (signal 9), perhaps for lack of memory"
	case status.Signaled():
		e.Reason = fmt.Sprintf("killed by signal %d (%s)", int(status.Signal()), status.Signal())
	case err != nil && !exited:
		e.Reason = err.Error()
	default:
		e.Reason = fmt.Sprintf("exited with status %d", e.Code)
	}
	return e
}

// causes puts the runtime's fatal errors into words.
var causes = []struct{ text, words string }{
	{"goroutine stack exceeds", "stack overflow: endless recursion, or a stack of more than 256 MB"},
	{"stack overflow", "stack overflow: endless recursion, or a stack of more than 256 MB"},
	{"out of memory", "out of memory"},
	{"cannot allocate memory", "out of memory"},
	{"signal arrived during cgo execution", "crash in C code"},
	{"unexpected signal during runtime execution", "crash: memory was damaged, or C code is at fault"},
}

// cause is the one line for a report.
func cause(report []byte) string {
	words := ""
	for _, c := range causes {
		if bytes.Contains(report, []byte(c.text)) {
			words = c.words
			break
		}
	}
	what := ""
	if m := signalLine.FindSubmatch(report); m != nil {
		what = string(m[1]) + ": " + strings.TrimSpace(string(m[2]))
	}
	if m := fatalLine.FindSubmatch(report); m != nil {
		what = "fatal error: " + string(m[1])
	} else if m := panicLine.FindSubmatch(report); m != nil && what == "" {
		what = "panic: " + string(m[1])
	}
	switch {
	case words == "":
		return what
	case what == "" || strings.HasPrefix(what, "fatal error"):
		return words
	}
	return words + " (" + what + ")"
}

// culprit finds the goroutine that the report is about: the first one, or the first with a cell.
func culprit(report []byte) (cell int, frames []hostrpc.Frame) {
	lines := strings.Split(string(report), "\n")
	for i, l := range lines {
		if !goroutineLine.MatchString(l) {
			continue
		}
		m := cellLabel.FindStringSubmatch(l)
		if m == nil {
			if frames == nil {
				frames = stack(lines[i+1:])
			}
			continue
		}
		cell, _ = strconv.Atoi(m[1]) // digits, by the expression
		return cell, stack(lines[i+1:])
	}
	return 0, frames
}

const maxFrames = 32

// stack reads a goroutine's frames: a line with the function, a line with the place.
func stack(lines []string) []hostrpc.Frame {
	var out []hostrpc.Frame
	for i := 0; i+1 < len(lines) && lines[i] != "" && len(out) < maxFrames; i += 2 {
		m := placeLine.FindStringSubmatch(lines[i+1])
		if m == nil {
			i-- // "...additional frames elided..." stands alone
			continue
		}
		line, _ := strconv.Atoi(m[2]) // digits, by the expression
		name := strings.TrimPrefix(lines[i], "created by ")
		if n := strings.LastIndexByte(name, '('); n > 0 {
			name = name[:n]
		}
		user := strings.HasPrefix(name, "main.")
		if len(out) == 0 && !user && strings.HasPrefix(name, "runtime.") {
			continue
		}
		out = append(out, hostrpc.Frame{Func: strings.TrimPrefix(name, "main."), File: m[1], Line: line, User: user})
	}
	return out
}
