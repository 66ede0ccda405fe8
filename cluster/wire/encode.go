package wire

import (
	"encoding/binary"
	"fmt"
)

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendString(b []byte, v string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// parser consumes a body. After the first failure everything is zero.
type parser struct {
	rest    []byte
	bad     bool
	nesting int // of payloads
}

func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	v := p.rest[:n:n]
	p.rest = p.rest[n:]
	return v
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if p.bad || n <= 0 {
		p.bad = true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) byte() byte {
	if v := p.take(1); v != nil {
		return v[0]
	}
	return 0
}

// count reads the length of a list of which each element takes at least size bytes.
func (p *parser) count(size int) int {
	n := p.uvarint()
	if n > uint64(len(p.rest)/size) {
		p.bad = true
		return 0
	}
	return int(n)
}

func (p *parser) bytes() []byte  { return p.take(p.uvarint()) }
func (p *parser) string() string { return string(p.bytes()) }

// stringLike returns the one before where it is the same: many in a row are.
func (p *parser) stringLike(before string) string {
	b := p.bytes()
	if string(b) == before {
		return before
	}
	return string(b)
}

func (p *parser) id() (v [16]byte) {
	copy(v[:], p.take(16))
	return v
}

// end returns an error unless all was consumed.
func (p *parser) end(what string) error {
	if p.bad || len(p.rest) > 0 {
		return fmt.Errorf("a damaged %s message", what)
	}
	return nil
}
