// Package fault holds the errors of the runtime that users meet. Package mobula shows them under the same names.
//
// # Concurrency
//
// Errors are values that nothing changes.
//
// # Testing
//
// Their texts are golden: see the table in the tests.
package fault

import (
	"fmt"
	"strings"

	"mobula/internal/id"
)

// Frame is a stack frame of user code.
type Frame struct {
	Func string
	File string // cell[3], or a path
	Line int
}

// TaskError is the failure of a task's own code: the error that it returned, or its panic.
type TaskError struct {
	Task    id.Task
	Name    string // of the task
	Attempt int
	Panic   bool    // it panicked; else it returned an error
	Type    string  // the Go type of what failed
	Message string  // its text
	Frames  []Frame // where it panicked, innermost first
	// Err is the error itself, where its type is known here; else an error with the same text.
	Err error
}

// Error says which task failed, where, and why.
func (e *TaskError) Error() string {
	what := "failed"
	if e.Panic {
		what = "panicked"
	}
	where := ""
	if len(e.Frames) > 0 {
		where = fmt.Sprintf(" at %s:%d", e.Frames[0].File, e.Frames[0].Line)
	}
	return fmt.Sprintf("task %s %s%s: %s", label(e.Name, e.Task), what, where, e.Message)
}

// Unwrap returns the task's error.
func (e *TaskError) Unwrap() error { return e.Err }

func label(name string, task id.Task) string {
	if name == "" {
		return task.Short()
	}
	return fmt.Sprintf("%s (%s)", name, task.Short())
}

// InputError is the failure of a task that could not run because an object that its closure refers to was not made.
type InputError struct {
	Task  id.Task
	Name  string
	Input id.Object
	Err   error // why there is no such object
}

// Error names the task and the cause.
func (e *InputError) Error() string {
	return fmt.Sprintf("task %s did not run: its input %s failed: %v", label(e.Name, e.Task), e.Input.Short(), e.Err)
}

// Unwrap returns the input's failure.
func (e *InputError) Unwrap() error { return e.Err }

// CanceledError is the failure of a canceled task.
type CanceledError struct {
	Task id.Task
	Name string
}

// Error names the task.
func (e *CanceledError) Error() string {
	return fmt.Sprintf("task %s was canceled", label(e.Name, e.Task))
}

// WorkerDiedError is the failure of a task whose process ended each time that it was tried.
type WorkerDiedError struct {
	Task     id.Task
	Name     string
	Attempts int
	Worker   id.Worker
	Reason   string // how the process ended
	Output   string // the end of what it wrote
	// OutOfMemory: it was stopped because memory ran out.
	OutOfMemory bool
}

// Error says how the process ended and what can be done.
func (e *WorkerDiedError) Error() string {
	text := fmt.Sprintf("task %s: its worker %s ended: %s", label(e.Name, e.Task), e.Worker.Short(), e.Reason)
	if e.Attempts > 1 {
		text += fmt.Sprintf(" (the last of %d attempts)", e.Attempts)
	}
	if last := lastLine(e.Output); last != "" && !strings.Contains(e.Reason, last) {
		text += "; its last line: " + last
	}
	if e.OutOfMemory {
		text += "; give the task a Memory option, or run fewer at a time"
	}
	return text
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// ActorDiedError is the failure of a call whose actor was gone, or went while the call was under way.
type ActorDiedError struct {
	Actor  id.Actor
	Name   string
	Reason string
	Err    error // the failure of its constructor, if that is why
}

// Unwrap returns the constructor's failure.
func (e *ActorDiedError) Unwrap() error { return e.Err }

// Error names the actor and how it ended.
func (e *ActorDiedError) Error() string {
	name := e.Actor.Short()
	if e.Name != "" {
		name = fmt.Sprintf("%s (%s)", e.Name, name)
	}
	return fmt.Sprintf("actor %s is gone: %s", name, e.Reason)
}

// InfeasibleError is the failure of a task or an actor that asks for what no node of the cluster can ever give.
type InfeasibleError struct {
	Name   string
	Reason string
}

// Error says what is lacking.
func (e *InfeasibleError) Error() string {
	if e.Name == "" {
		return "this cannot run here: " + e.Reason
	}
	return e.Name + " cannot run here: " + e.Reason
}

// WorkerStartError is the failure of a task for which no worker could be started.
type WorkerStartError struct{ Reason string }

// Error gives the reason.
func (e *WorkerStartError) Error() string { return "no worker could be started: " + e.Reason }

// DisconnectedError is what fails when the cluster has gone, or the connection to it was closed.
type DisconnectedError struct{ Reason string }

// Error gives the reason.
func (e *DisconnectedError) Error() string { return "no connection to the cluster: " + e.Reason }

// FreedError is the failure of an object that was freed.
type FreedError struct{ Object id.Object }

// Error names the object.
func (e *FreedError) Error() string {
	return fmt.Sprintf("object %s was freed: make it again, or free it later", e.Object.Short())
}
