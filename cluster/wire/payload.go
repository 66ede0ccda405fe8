package wire

import (
	"encoding/binary"
	"fmt"
	"slices"

	"mobula/internal/id"
)

// Payload is an encoded value: what package codec calls Encoded, or where it is kept.
type Payload struct {
	Head    []byte
	Buffers [][]byte
	Place   Place // where the value is if it is not here
	Refs    []Ref // the objects that the value refers to
	// Shared are objects of Refs that each take the place of a buffer which is empty, in this order.
	Shared []id.Object
}

// ActorPlace is where an actor lives: the value of its constructor's object.
type ActorPlace struct {
	Actor   id.Actor
	Node    id.Node
	Worker  id.Worker
	Address string // of the worker's socket, on its node
}

// Payload is the place as a value.
func (p ActorPlace) Payload() Payload {
	return Payload{Head: slices.Concat(p.Actor.ID[:], p.Node.ID[:], p.Worker.ID[:], []byte(p.Address))}
}

// ParseActorPlace reads a place.
func ParseActorPlace(value Payload) (p ActorPlace, err error) {
	rest := value.Head
	for _, part := range [][]byte{p.Actor.ID[:], p.Node.ID[:], p.Worker.ID[:]} {
		if len(rest) < len(part) {
			return p, fmt.Errorf("a damaged place of an actor, of %d bytes", len(value.Head))
		}
		rest = rest[copy(part, rest):]
	}
	p.Address = string(rest)
	return p, nil
}

// Ref is the value of an object that another value refers to.
type Ref struct {
	Object id.Object
	Value  Payload
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
	for _, r := range p.Refs {
		n += r.Value.Size()
	}
	return n
}

// Places yields where the value is, and those that it refers to, as far as they are in stores.
func (p Payload) Places(yield func(Place) bool) {
	p.places(yield)
}

func (p Payload) places(yield func(Place) bool) bool {
	if !p.Place.IsZero() && !yield(p.Place) {
		return false
	}
	for _, r := range p.Refs {
		if !r.Value.places(yield) {
			return false
		}
	}
	return true
}

// Stored reports whether the value, or one that it refers to, is in a store.
func (p Payload) Stored() bool {
	for range p.Places {
		return true
	}
	return false
}

// Clone returns a copy that aliases nothing.
func (p Payload) Clone() Payload {
	c := Payload{Head: append([]byte(nil), p.Head...), Place: p.Place, Shared: slices.Clone(p.Shared)}
	for _, b := range p.Buffers {
		c.Buffers = append(c.Buffers, append([]byte(nil), b...))
	}
	for _, r := range p.Refs {
		c.Refs = append(c.Refs, Ref{r.Object, r.Value.Clone()})
	}
	return c
}

func (p Payload) append(b []byte) []byte {
	b = appendBytes(b, p.Head)
	if !p.Place.IsZero() {
		b = append(append(append(b, placed), p.Place.Node.ID[:]...), p.Place.Object.ID[:]...)
		return p.appendOthers(binary.AppendUvarint(b, p.Place.Size))
	}
	b = binary.AppendUvarint(b, uint64(len(p.Buffers))<<1)
	for _, x := range p.Buffers {
		b = appendBytes(b, x)
	}
	return p.appendOthers(b)
}

// appendOthers appends the objects that are no part of the value itself. Without refs nothing is shared.
func (p *Payload) appendOthers(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(p.Refs)))
	if len(p.Refs) == 0 {
		return b
	}
	for i := range p.Refs {
		b = append(b, p.Refs[i].Object.ID[:]...)
		b = p.Refs[i].Value.append(b)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Shared)))
	for _, o := range p.Shared {
		b = append(b, o.ID[:]...)
	}
	return b
}

// minRef is the size of the smallest Ref in bytes.
const minRef = 16 + 3

// maxNesting bounds how deep values refer to values, for damaged messages.
const maxNesting = 1000

func (p *parser) others(v *Payload) {
	if p.nesting++; p.nesting > maxNesting {
		p.bad = true
	}
	if n := p.count(minRef); n > 0 {
		v.Refs = make([]Ref, n)
		for i := range v.Refs {
			v.Refs[i] = Ref{id.Object{ID: p.id()}, p.payload()}
		}
		for range p.count(len(id.ID{})) {
			v.Shared = append(v.Shared, id.Object{ID: p.id()})
		}
	}
	p.nesting--
}

// placed follows the head of a value that is elsewhere; else twice the number of buffers does.
const placed = 1

func (p *parser) payload() (v Payload) {
	v.Head = p.bytes()
	n := p.uvarint()
	if n&1 != 0 {
		p.bad = p.bad || n != placed
		v.Place = Place{id.Node{ID: p.id()}, id.Object{ID: p.id()}, p.uvarint()}
		p.others(&v)
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
	p.others(&v)
	return v
}
