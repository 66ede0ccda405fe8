package wire

import (
	"encoding/binary"

	"mobula/internal/id"
)

// Payload is an encoded value: what package codec calls Encoded, or where it is kept.
type Payload struct {
	Head    []byte
	Buffers [][]byte
	Place   Place // where the value is if it is not here
}

// Place says which object of which node's store a value is.
type Place struct {
	Node   id.Node
	Object id.Object
	Size   uint64 // bytes
}

// IsZero reports that there is no such place: the value is in its message.
func (p Place) IsZero() bool { return p.Object.IsZero() }

// Size is its length in bytes.
func (p Payload) Size() int {
	n := len(p.Head) + int(p.Place.Size)
	for _, b := range p.Buffers {
		n += len(b)
	}
	return n
}

// Clone returns a copy that aliases nothing.
func (p Payload) Clone() Payload {
	c := Payload{Head: append([]byte(nil), p.Head...), Place: p.Place}
	for _, b := range p.Buffers {
		c.Buffers = append(c.Buffers, append([]byte(nil), b...))
	}
	return c
}

func (p Payload) append(b []byte) []byte {
	b = appendBytes(b, p.Head)
	if !p.Place.IsZero() {
		b = append(append(append(b, placed), p.Place.Node.ID[:]...), p.Place.Object.ID[:]...)
		return binary.AppendUvarint(b, p.Place.Size)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Buffers))<<1)
	for _, x := range p.Buffers {
		b = appendBytes(b, x)
	}
	return b
}

// placed follows the head of a value that is elsewhere; else twice the number of buffers does.
const placed = 1

func (p *parser) payload() (v Payload) {
	v.Head = p.bytes()
	n := p.uvarint()
	if n&1 != 0 {
		p.bad = p.bad || n != placed
		v.Place = Place{id.Node{ID: p.id()}, id.Object{ID: p.id()}, p.uvarint()}
		return v
	}
	if n >>= 1; n > uint64(len(p.rest)) {
		p.bad = true
	}
	if n > 0 && !p.bad {
		v.Buffers = make([][]byte, n)
		for i := range v.Buffers {
			v.Buffers[i] = p.bytes()
		}
	}
	return v
}

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
	Name        string
	Closure     Payload
	Inputs      []Input
}

// Input is the value of an object that a task's closure refers to.
type Input struct {
	Object id.Object
	Value  Payload
}

// Append appends the message.
func (m *Push) Append(b []byte) []byte {
	b = append(b, m.Task.ID[:]...)
	b = append(b, byte(m.Form))
	b = binary.AppendUvarint(b, m.Attempt)
	b = binary.AppendUvarint(b, m.Depth)
	b = append(b, m.Actor.ID[:]...)
	b = binary.AppendUvarint(b, m.Concurrency)
	b = appendString(b, m.Name)
	b = m.Closure.append(b)
	b = binary.AppendUvarint(b, uint64(len(m.Inputs)))
	for i := range m.Inputs {
		b = append(b, m.Inputs[i].Object.ID[:]...)
		b = m.Inputs[i].Value.append(b)
	}
	return b
}

// ParsePush reads the message; it aliases body.
func ParsePush(body []byte) (Push, error) {
	p := parser{rest: body}
	m := Push{Task: id.Task{ID: p.id()}, Form: Form(p.byte()), Attempt: p.uvarint(), Depth: p.uvarint(), Actor: id.Actor{ID: p.id()}, Concurrency: p.uvarint(), Name: p.string(), Closure: p.payload()}
	if n := p.count(18); n > 0 {
		m.Inputs = make([]Input, n)
		for i := range m.Inputs {
			m.Inputs[i] = Input{id.Object{ID: p.id()}, p.payload()}
		}
	}
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
