package state

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"io"
	"iter"

	"mobula/internal/id"
)

// A snapshot is: magic; format (4 bytes, big-endian); index (8 bytes); sections, each a tag, then records, each with
// its length (uvarint, never 0) before it, then a 0; the tag 0; the SHA-256 of all before.
// Records are JSON, in order of their keys. A section without records is left out.
const (
	magic  = "mobula state\n"
	format = 2 // grows with each change that older heads would not understand
)

// The sections of a snapshot. A number is never used again for another one.
const (
	sectionEnd         = 0
	sectionMeta        = 1
	sectionNodes       = 2
	sectionJobs        = 3
	sectionGroups      = 4
	sectionActors      = 5
	sectionKeys        = 6
	sectionUsers       = 7
	sectionTokens      = 8
	sectionSubmissions = 9 // since format 2
)

// Digest identifies a state: equal states of equal index have equal digests.
type Digest [sha256.Size]byte

// Encode writes the view as a snapshot, which Restore reads.
func (v *View) Encode(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	e := &encoder{w: buffered, hash: sha256.New()}
	v.encode(e)
	sum := e.hash.Sum(nil)
	e.write(sum)
	if e.err != nil {
		return e.err
	}
	return buffered.Flush()
}

// Digest returns the digest of the view: the last bytes of its snapshot.
func (v *View) Digest() Digest {
	e := &encoder{w: io.Discard, hash: sha256.New()}
	v.encode(e)
	return Digest(e.hash.Sum(nil))
}

func (v *View) encode(e *encoder) {
	e.write([]byte(magic))
	e.write(binary.BigEndian.AppendUint32(nil, format))
	e.write(binary.BigEndian.AppendUint64(nil, v.index))
	if v.meta != nil {
		section(e, sectionMeta, func(yield func(*Meta) bool) { yield(v.meta) })
	}
	section(e, sectionNodes, v.nodes.values())
	section(e, sectionJobs, v.jobs.values())
	section(e, sectionGroups, v.groups.values())
	section(e, sectionActors, v.actors.values())
	section(e, sectionKeys, v.keys.values())
	section(e, sectionUsers, v.users.values())
	section(e, sectionTokens, v.tokens.values())
	section(e, sectionSubmissions, v.submissions.values())
	e.write([]byte{sectionEnd})
}

// encoder writes and hashes. After an error it does nothing.
type encoder struct {
	w    io.Writer
	hash hash.Hash
	err  error
}

func (e *encoder) write(data []byte) {
	if e.err == nil {
		e.hash.Write(data)
		_, e.err = e.w.Write(data)
	}
}

func section[V any](e *encoder, tag byte, records iter.Seq[V]) {
	empty := true
	for record := range records {
		if empty {
			e.write([]byte{tag})
			empty = false
		}
		data, err := json.Marshal(record)
		if err != nil {
			e.err = err
			return
		}
		e.write(binary.AppendUvarint(nil, uint64(len(data))))
		e.write(data)
	}
	if !empty {
		e.write([]byte{0})
	}
}

// The keys of records in their tables.
func (n *Node) key() id.ID      { return n.ID.ID }
func (j *Job) key() id.ID       { return j.ID.ID }
func (g *Group) key() id.ID     { return g.ID.ID }
func (a *Actor) key() id.ID     { return a.ID.ID }
func (k *Key) key() name        { return name{k.Namespace, k.Key} }
func (u *User) key() name       { return name{name: u.Name} }
func (t *Token) key() name      { return name{name: t.Hash} }
func (s *Submission) key() name { return name{name: s.ID} }
