package wire

import (
	"encoding/binary"

	"mobula/internal/id"
)

// Form says what kind of function a closure is, and so how it is called.
type Form byte

// The forms. A number is never used for anything else.
const (
	FormValue      Form = iota + 1 // func() R
	FormTry                        // func(context.Context) (R, error)
	FormStream                     // func(context.Context, func(R) bool) error
	FormActor                      // func() *T: makes an actor
	FormTryActor                   // func(context.Context) (*T, error)
	FormCall                       // func(*T) R: runs on an actor
	FormTryCall                    // func(context.Context, *T) (R, error)
	FormEndOfForms                 // no form
)

// Push gives a task to a worker.
type Push struct {
	Task    id.Task
	Form    Form
	Attempt uint64 // 1 is the first
	Depth   uint64 // of nesting: 0 for a task of the program that drives the job
	Actor   id.Actor
	// Concurrency is how many calls an actor runs at a time; for FormActor and FormTryActor.
	Concurrency uint64
	Cell        uint64 // of a notebook, that submitted the task or the one which did; 0: none
	Name        string
	Closure     Payload
}

// Append appends the message.
func (m *Push) Append(b []byte) []byte {
	b = append(b, m.Task.ID[:]...)
	b = append(b, byte(m.Form))
	b = binary.AppendUvarint(b, m.Attempt)
	b = binary.AppendUvarint(b, m.Depth)
	b = append(b, m.Actor.ID[:]...)
	b = binary.AppendUvarint(b, m.Concurrency)
	b = binary.AppendUvarint(b, m.Cell)
	b = appendString(b, m.Name)
	return m.Closure.append(b)
}

// ParsePush reads the message; it aliases body.
func ParsePush(body []byte) (Push, error) {
	p := parser{rest: body}
	m := Push{Task: id.Task{ID: p.id()}, Form: Form(p.byte()), Attempt: p.uvarint(), Depth: p.uvarint(), Actor: id.Actor{ID: p.id()}, Concurrency: p.uvarint(), Cell: p.uvarint(), Name: p.string(), Closure: p.payload()}
	if m.Form == 0 || m.Form >= FormEndOfForms {
		p.bad = true
	}
	return m, p.end("task")
}

// Status says how a task ended.
type Status byte

// The ways in which a task ends. A number is never used for anything else.
const (
	StatusOK        Status = iota + 1 // Value is the result
	StatusError                       // Value is an encoded Failure
	StatusCanceled                    // its context was ended by a cancellation
	StatusActorGone                   // the worker does not have the actor
	statusEnd
)

// Result tells how a task ended.
type Result struct {
	Task    id.Task
	Status  Status
	Nanos   uint64 // how long it ran
	Value   Payload
	Failure *Failure // of StatusError
}

// Append appends the message.
func (m *Result) Append(b []byte) []byte {
	b = append(b, m.Task.ID[:]...)
	b = append(b, byte(m.Status))
	b = binary.AppendUvarint(b, m.Nanos)
	b = m.Value.append(b)
	if m.Failure == nil {
		return append(b, 0)
	}
	return m.Failure.append(append(b, 1))
}

// ParseResult reads the message; it aliases body.
func ParseResult(body []byte) (Result, error) {
	p := parser{rest: body}
	m := Result{Task: id.Task{ID: p.id()}, Status: Status(p.byte()), Nanos: p.uvarint(), Value: p.payload()}
	switch p.byte() {
	case 0:
	case 1:
		f := p.failure()
		m.Failure = &f
	default:
		p.bad = true
	}
	if m.Status == 0 || m.Status >= statusEnd || (m.Status == StatusError) != (m.Failure != nil) {
		p.bad = true
	}
	return m, p.end("result")
}

// Failure is an error as it travels: what any process can show, and the value itself for those that have its type.
type Failure struct {
	Message string
	Type    string  // the error's Go type
	Panic   bool    // it was a panic
	Frames  []Frame // innermost first; user frames
	Value   Payload // the error as an interface value; empty where it cannot travel
}

// Frame is a stack frame.
type Frame struct {
	Func string
	File string
	Line uint64
}

func (f *Failure) append(b []byte) []byte {
	b = appendString(appendString(b, f.Message), f.Type)
	if f.Panic {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Frames)))
	for _, x := range f.Frames {
		b = binary.AppendUvarint(appendString(appendString(b, x.Func), x.File), x.Line)
	}
	return f.Value.append(b)
}

func (p *parser) failure() (f Failure) {
	f.Message, f.Type = p.string(), p.string()
	f.Panic = p.byte() == 1
	if n := p.count(3); n > 0 {
		f.Frames = make([]Frame, n)
		for i := range f.Frames {
			f.Frames[i] = Frame{p.string(), p.string(), p.uvarint()}
		}
	}
	f.Value = p.payload()
	return f
}

// Yield is an item of a stream.
type Yield struct {
	Task  id.Task
	Index uint64
	Value Payload
}

// Append appends the message.
func (m *Yield) Append(b []byte) []byte {
	return m.Value.append(binary.AppendUvarint(append(b, m.Task.ID[:]...), m.Index))
}

// ParseYield reads the message; it aliases body.
func ParseYield(body []byte) (Yield, error) {
	p := parser{rest: body}
	m := Yield{Task: id.Task{ID: p.id()}, Index: p.uvarint(), Value: p.payload()}
	return m, p.end("stream item")
}

// Consumed tells a worker how many items of a stream have been taken.
type Consumed struct {
	Task  id.Task
	Count uint64
}

// Append appends the message.
func (m *Consumed) Append(b []byte) []byte {
	return binary.AppendUvarint(append(b, m.Task.ID[:]...), m.Count)
}

// ParseConsumed reads the message.
func ParseConsumed(body []byte) (Consumed, error) {
	p := parser{rest: body}
	m := Consumed{id.Task{ID: p.id()}, p.uvarint()}
	return m, p.end("stream")
}

// KillActor ends an actor.
type KillActor struct{ Actor id.Actor }

// Append appends the message.
func (m *KillActor) Append(b []byte) []byte { return append(b, m.Actor.ID[:]...) }

// ParseKillActor reads the message.
func ParseKillActor(body []byte) (KillActor, error) {
	p := parser{rest: body}
	m := KillActor{id.Actor{ID: p.id()}}
	return m, p.end("kill")
}

// Cancel asks a worker to end a task's context.
type Cancel struct{ Task id.Task }

// Append appends the message.
func (m *Cancel) Append(b []byte) []byte { return append(b, m.Task.ID[:]...) }

// ParseCancel reads the message.
func ParseCancel(body []byte) (Cancel, error) {
	p := parser{rest: body}
	m := Cancel{id.Task{ID: p.id()}}
	return m, p.end("cancel")
}

// Returned lists tasks that have not begun and will not begin here.
type Returned struct{ Tasks []id.Task }

// Append appends the message.
func (m *Returned) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(m.Tasks)))
	for _, t := range m.Tasks {
		b = append(b, t.ID[:]...)
	}
	return b
}

// ParseReturned reads the message.
func ParseReturned(body []byte) (Returned, error) {
	p := parser{rest: body}
	m := Returned{Tasks: make([]id.Task, p.count(16))}
	for i := range m.Tasks {
		m.Tasks[i] = id.Task{ID: p.id()}
	}
	return m, p.end("return")
}
