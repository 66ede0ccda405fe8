package wire

import (
	"encoding/binary"

	"mobula/internal/id"
)

// Code is a part of the program's code.
type Code struct {
	Part uint64
	Data []byte
}

// Append appends the message.
func (m *Code) Append(b []byte) []byte {
	return appendBytes(binary.AppendUvarint(b, m.Part), m.Data)
}

// ParseCode reads the message; it aliases body.
func ParseCode(body []byte) (Code, error) {
	p := parser{rest: body}
	m := Code{p.uvarint(), p.bytes()}
	return m, p.end("code")
}

// Environment has the values of the variables that tasks of one class read.
type Environment struct {
	Digest string
	Values Payload
}

// Append appends the message.
func (m *Environment) Append(b []byte) []byte { return m.Values.append(appendString(b, m.Digest)) }

// ParseEnvironment reads the message; it aliases body.
func ParseEnvironment(body []byte) (Environment, error) {
	p := parser{rest: body}
	m := Environment{p.string(), p.payload()}
	return m, p.end("environment")
}

// Taken tells a worker that the driver holds the object of a result now.
type Taken struct{ Object id.Object }

// Append appends the message.
func (m *Taken) Append(b []byte) []byte { return append(b, m.Object.ID[:]...) }

// ParseTaken reads the message.
func ParseTaken(body []byte) (Taken, error) {
	p := parser{rest: body}
	m := Taken{id.Object{ID: p.id()}}
	return m, p.end("taken object")
}
