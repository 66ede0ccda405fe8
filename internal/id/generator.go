package id

import (
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"
)

// Generator makes ids: its prefix, then 1, 2, 3... It is not copied after first use.
type Generator struct {
	prefix [8]byte
	last   atomic.Uint64
}

// process is what New uses.
var process = NewGenerator(randomPrefix())

// NewGenerator returns a generator with a prefix that no other one in the cluster may have.
func NewGenerator(prefix [8]byte) *Generator { return &Generator{prefix: prefix} }

// randomPrefix is unique by chance: at 100,000 processes, a clash has a probability of 3 in 10 billion.
func randomPrefix() (prefix [8]byte) {
	_, _ = rand.Read(prefix[:]) // never fails: it ends the process instead
	return prefix
}

// Next returns an id that sorts after all earlier ones of this generator.
func (g *Generator) Next() ID {
	var made ID
	copy(made[:8], g.prefix[:])
	binary.BigEndian.PutUint64(made[8:], g.last.Add(1))
	return made
}

// New returns an id of kind K with the random prefix of this process.
func New[K Kind]() K { return K{process.Next()} }
