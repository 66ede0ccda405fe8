package wire

import (
	"encoding/binary"
	"fmt"

	"mobula/internal/id"
)

// TaskState is a step in the life of a task.
type TaskState byte

// The steps. A number is never used for anything else.
const (
	TaskSubmitted TaskState = iota + 1 // waits for its inputs
	TaskQueued                         // waits for a slot
	TaskRunning
	TaskFinished
	TaskFailed
	TaskCanceled
	TaskRetried // this attempt failed, another follows
	taskStateEnd
)

var taskStates = [...]string{"unknown", "submitted", "queued", "running", "finished", "failed", "canceled", "retried"}

// String returns the state's name.
func (s TaskState) String() string {
	if int(s) >= len(taskStates) {
		return taskStates[0]
	}
	return taskStates[s]
}

// Ended reports whether a task in this state runs no more.
func (s TaskState) Ended() bool { return s == TaskFinished || s == TaskFailed || s == TaskCanceled }

// MarshalText writes the name.
func (s TaskState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *TaskState) UnmarshalText(text []byte) error {
	for i, name := range taskStates {
		if i > 0 && name == string(text) {
			*s = TaskState(i)
			return nil
		}
	}
	return fmt.Errorf("%.40q is no state of a task", text)
}

// TaskEvent says that a task has entered a state.
type TaskEvent struct {
	Task    id.Task
	Name    string
	State   TaskState
	Nanos   int64 // when, since 1970
	Worker  id.Worker
	Attempt uint64
	Error   string `json:",omitempty"` // why an attempt failed: the first MaxEventError bytes
}

// MaxEventError bounds the text of an event's error in bytes.
const MaxEventError = 1024

// TaskStates is how many states there are, and 1: the size of what is counted by state.
const TaskStates = int(taskStateEnd)

// Events is a batch of what became of a job's tasks.
type Events struct {
	Job  id.Job
	List []TaskEvent
	// Dropped counts by state the events that there was no room for.
	Dropped [TaskStates]uint64
}

// Report asks a driver for the events that it has.
type Report struct {
	Actors bool `json:"actors,omitempty"` // and which actors live for it
}

// Reported is the answer, after the events.
type Reported struct {
	Actors []OwnedActor `json:"actors,omitempty"`
}

// OwnedActor is an actor that lives for a driver: no head knows of it.
type OwnedActor struct {
	ID       id.Actor  `json:"id"`
	Class    string    `json:"class,omitempty"` // where it was made
	Alive    bool      `json:"alive,omitempty"` // its constructor has run
	Restarts int       `json:"restarts,omitempty"`
	Worker   id.Worker `json:"worker,omitzero"`
	Created  int64     `json:"created"` // ms since 1970
}

// MaxOwnedActors bounds the actors of an answer.
const MaxOwnedActors = 10_000

// minEvent is the size of the smallest event in bytes.
const minEvent = 16 + 1 + 1 + 1 + 16 + 1 + 1

// Append appends the message.
func (m *Events) Append(b []byte) []byte {
	b = append(b, m.Job.ID[:]...)
	b = binary.AppendUvarint(b, uint64(len(m.List)))
	for i := range m.List {
		e := &m.List[i]
		b = append(b, e.Task.ID[:]...)
		b = appendString(b, e.Name)
		b = append(b, byte(e.State))
		b = binary.AppendUvarint(b, uint64(e.Nanos))
		b = append(b, e.Worker.ID[:]...)
		b = binary.AppendUvarint(b, e.Attempt)
		b = appendString(b, e.Error)
	}
	for _, n := range m.Dropped {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// ParseEvents reads the message; it aliases nothing.
func ParseEvents(body []byte) (Events, error) {
	p := parser{rest: body}
	m := Events{Job: id.Job{ID: p.id()}}
	if n := p.count(minEvent); n > 0 {
		m.List = make([]TaskEvent, n)
		name := ""
		for i := range m.List {
			e := TaskEvent{Task: id.Task{ID: p.id()}}
			name = p.stringLike(name)
			e.Name, e.State, e.Nanos, e.Worker, e.Attempt = name, TaskState(p.byte()), int64(p.uvarint()), id.Worker{ID: p.id()}, p.uvarint()
			e.Error = p.string()
			p.bad = p.bad || e.State == 0 || e.State >= taskStateEnd || len(e.Error) > MaxEventError
			m.List[i] = e
		}
	}
	for i := range m.Dropped {
		m.Dropped[i] = p.uvarint()
	}
	return m, p.end("events")
}
