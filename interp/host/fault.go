package host

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"mobula/internal/fault"
	"mobula/interp/cellrt"
	"mobula/interp/host/hook"
	"mobula/interp/hostrpc"
)

// maxFrames bounds a report.
const maxFrames = 64

// panicked reports a panic that nothing recovered. It runs on the goroutine, with all frames in place.
func (h *Host) panicked(v any) bool {
	run := (*cellrt.Run)(hook.Owner())
	if run == nil {
		return false // the host's own: a bug
	}
	if _, ok := v.(cellrt.Interrupt); ok {
		return true
	}
	f := newFault(run.Cell, v)
	f.Goroutine = true
	f.Frames = append(taskFrames(v), callers()...)
	_ = h.out.sendAfter(run.Cell, &hostrpc.Event{Fault: f}) // a lost kernel is noticed by the receiver
	return true
}

// exiting tells the kernel why the process ends.
func (h *Host) exiting(code int) {
	if hook.Owner() == nil {
		return
	}
	h.out.flushAll()
	e := &hostrpc.Exiting{Cell: h.cellHere(), Code: code, Reason: "os.Exit", Frames: callers()}
	_ = h.conn.Send(&hostrpc.Event{Exiting: e})
}

// newFault describes a panic value as the runtime would print it.
func newFault(cell int, v any) *hostrpc.Fault {
	f := &hostrpc.Fault{Cell: cell, Name: "panic", Message: panicText(v)}
	if isTaskFailure(v) {
		f.Name = "task failed"
	} else if _, ok := v.(runtime.Error); ok {
		f.Name = "runtime error"
		f.Message = strings.TrimPrefix(f.Message, "runtime error: ")
	}
	return f
}

// isTaskFailure reports whether a panic is that of a function of package mobula which waited for a task, and not the user's own with
// the same error.
func isTaskFailure(v any) bool {
	if _, ok := v.(error); !ok {
		return false
	}
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for raised := false; ; {
		f, more := frames.Next()
		if raised && !isRuntime(f.Function) {
			return strings.HasPrefix(f.Function, "mobula.")
		}
		raised = raised || f.Function == "runtime.gopanic"
		if !more {
			return false
		}
	}
}

func panicText(v any) (s string) {
	defer func() {
		if r := recover(); r != nil {
			s = fmt.Sprintf("%T (its text cannot be had: %v)", v, r)
		}
	}()
	switch v := v.(type) {
	case error:
		return v.Error()
	case fmt.Stringer:
		return v.String()
	}
	return fmt.Sprintf("%v", v)
}

// callers returns the frames of the calling goroutine from where its panic began, or from the caller
// of os.Exit, innermost first, without the host's own.
func callers() []hostrpc.Frame {
	pcs := make([]uintptr, 256)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var out []hostrpc.Frame
	deferred := true
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic" && deferred:
			out, deferred = out[:0], false // what lies above are deferred calls
		case strings.HasSuffix(f.Function, "host.(*Host).execute.func1"): // not its deferred func1.1
			return trimRuntime(out)
		case strings.HasPrefix(f.Function, "mobula/interp/host."), f.Function == "runtime.gopanic":
		case f.Function != "" && len(out) < maxFrames:
			out = append(out, frame(f))
		}
		if !more {
			return trimRuntime(out)
		}
	}
}

// trimRuntime drops the frames by which the runtime and package os have come to the report.
func trimRuntime(list []hostrpc.Frame) []hostrpc.Frame {
	i := 0
	for i < len(list) && (isRuntime(list[i].Func) || strings.HasPrefix(list[i].Func, "mobula/interp/host.") || strings.HasPrefix(list[i].Func, "os.Exit")) {
		i++
	}
	n := len(list)
	for n > i && isRuntime(list[n-1].Func) {
		n--
	}
	return list[i:n]
}

func isRuntime(f string) bool {
	return strings.HasPrefix(f, "runtime.") || strings.HasPrefix(f, "internal/runtime/")
}

// frame turns a frame into data; functions of the notebook lose the package's name.
func frame(f runtime.Frame) hostrpc.Frame {
	return hostrpc.Frame{Func: plainName(strings.TrimPrefix(f.Function, "main.")), File: f.File, Line: f.Line, User: isUser(f.Function, f.File)}
}

// plainName undoes what the names of literals show of the function that the engine has put around those which are shipped (see
// package interp), where that was inlined: scan.scan.func1.func2 is scan.func1.
func plainName(name string) string {
	at := strings.Index(name, ".func")
	if at < 0 {
		return name
	}
	head, rest := name[:at], name[at+1:]
	half := len(head) / 2
	wrapper, literal, ok := strings.Cut(rest, ".")
	if !ok || len(head)%2 == 0 || head[:half] != head[half+1:] || !strings.HasPrefix(literal, "func") {
		return name
	}
	return head[:half] + "." + wrapper + strings.TrimPrefix(literal, strings.SplitN(literal, ".", 2)[0])
}

// isOwn reports whether a function is Mobula's.
func isOwn(function string) bool {
	return strings.HasPrefix(function, "mobula/") || strings.HasPrefix(function, "mobula.")
}

// taskFrames are the frames of a task whose failure has ended the cell: it is their error.
func taskFrames(v any) (list []hostrpc.Frame) {
	err, ok := v.(error)
	if !ok {
		return nil
	}
	if e, ok := errors.AsType[*fault.TaskError](err); ok {
		for _, x := range e.Frames {
			list = append(list, frame(runtime.Frame{Function: x.Func, File: x.File, Line: x.Line}))
		}
	}
	return list
}

// isUser reports whether code is of a cell or of a user's own module.
func isUser(function, file string) bool {
	if strings.HasPrefix(function, "main.") {
		return true
	}
	if isOwn(function) || strings.Contains(file, "/pkg/mod/") || strings.Contains(file, ".overlay/") {
		return false
	}
	root := goroot()
	return !strings.HasPrefix(file, root+"/") && strings.HasPrefix(file, "/")
}
