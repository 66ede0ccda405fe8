// Package wire is the conversation between a node's object store and one client process: messages, their encoding, and a
// stream that carries file descriptors of segments besides bytes.
//
// A client's messages take effect in the order in which they were sent. Requests carry a number and are answered by Reply or Failed with
// the same number; all others are not answered. The end of the connection is the client's death; Bye before
// it says that the client has unmapped everything.
//
// # Usage
//
//	out := wire.NewOutbox(conn)
//	out.Send(&wire.Message{Kind: wire.Get, Seq: 1, ID: id})
//	in := wire.NewReader(conn)
//	m, err := in.Next()
//
// # Concurrency
//
// An Outbox may be used from any goroutine; a Reader by one.
//
// # Testing
//
// The decoder is fuzzed: it refuses or returns what encodes to the same bytes. Pair gives the two ends of a socket.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"mobula/objstore"
)

// Kind says what a message is; the fields that it uses are named.
type Kind uint8

// From the client.
const (
	Lease     Kind = iota + 1 // Seq: a shared segment to write. Owner.Job
	Budget                    // Seq Size Count: inline bytes, Count at least. Owner.Job
	Create                    // Seq ID Size Owner: a segment for one big object
	Put                       // ID Data Owner Flags: an inline object
	Seal                      // ID Segment Offset Size Owner Flags: a finished object
	Retire                    // Segment: it is written no more
	Get                       // Seq ID Flags: an object, when it is sealed; with Here only if it is here
	Stat                      // Seq ID: what is known about an object, now
	Release                   // ID Count: pins
	Ref                       // ID Count: references, negative to drop
	Free                      // ID
	Mark                      // ID Flags: Replaceable or not
	Cancel                    // Target ID: give up the request Target
	Return                    // Size: inline bytes that are not needed
	Collected                 // the answer to Collect
	Sync                      // Seq: answered when all before has taken effect
	Bye                       // the node closes the connection
)

// From the node.
const (
	Hello Kind = iota + 64 // Extent: size of shared segments. The first message
	Reply                  // Seq Segment Extent Size (ID Offset Data): grants and objects; a descriptor of the segment, if the client has none.
	// To Stat: Seq ID Size Owner Count, which is the state
	Failed  // Seq Data: an error
	Pinned  // ID Segment Offset Size: the creator has a pin of the object that it has sealed there
	Unpin   // ID: it was freed; release it as soon as it is not in use
	Gone    // Segment: close it
	Collect // drop what is not in use
)

// Flags of an object.
const (
	Replaceable uint64 = 1 << iota // it has lineage or copies elsewhere
	Pin                            // the creator wants a pin
	Alone                          // the segment was for this object
	Writable                       // the descriptor can write
	Here                           // whoever asks does not wait for the object to be made
)

// Message is one message. Fields that a kind does not use are zero.
type Message struct {
	Kind    Kind
	Seq     uint64
	ID      objstore.ID
	Segment uint64
	Offset  int64
	Size    int64 // of the object, or of what is granted
	Extent  int64 // size of the segment
	Count   int64
	Target  uint64
	Flags   uint64
	Owner   objstore.Owner
	Data    []byte

	// FDs travel beside the bytes. Who receives them closes them.
	FDs []int
}

// MaxMessage bounds the body of a message in bytes.
const MaxMessage = 1 << 20

// ErrDamaged is wrapped by errors of what is no message.
var ErrDamaged = errors.New("damaged message")

// A message is: length of the rest uint32 | kind | number of descriptors | mask of fields uint16 | fields.
const headerSize = 8

// Append writes a message behind b.
func (m *Message) Append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(m.Kind), byte(len(m.FDs)), 0, 0)
	mask, bit := uint16(0), uint16(1)
	number := func(v uint64) {
		if v != 0 {
			mask |= bit
			b = binary.AppendUvarint(b, v)
		}
		bit <<= 1
	}
	text := func(n int, add func()) {
		if n > 0 {
			mask |= bit
			b = binary.AppendUvarint(b, uint64(n))
			add()
		}
		bit <<= 1
	}
	number(m.Seq)
	if !m.ID.IsZero() {
		mask |= bit
		b = append(b, m.ID.ID[:]...)
	}
	bit <<= 1
	number(m.Segment)
	number(uint64(m.Offset))
	number(uint64(m.Size))
	number(uint64(m.Extent))
	number(zigzag(m.Count))
	number(m.Target)
	number(m.Flags)
	text(len(m.Owner.Job), func() { b = append(b, m.Owner.Job...) })
	number(zigzag(int64(m.Owner.Cell)))
	text(len(m.Owner.Type), func() { b = append(b, m.Owner.Type...) })
	text(len(m.Data), func() { b = append(b, m.Data...) })
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	binary.LittleEndian.PutUint16(b[start+6:], mask)
	return b
}

func zigzag(n int64) uint64   { return uint64(n<<1) ^ uint64(n>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

// decoder takes fields from a body.
type decoder struct {
	b    []byte
	mask uint16
	bad  bool
}

func (d *decoder) has() bool {
	yes := d.mask&1 != 0
	d.mask >>= 1
	return yes
}

func (d *decoder) number() uint64 {
	if !d.has() {
		return 0
	}
	return d.rawNumber()
}

func (d *decoder) rawNumber() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v == 0 || n > 1 && d.b[n-1] == 0 { // one encoding for each value
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) size() int64 {
	v := d.number()
	if v > math.MaxInt64/4 {
		d.bad = true
		return 0
	}
	return int64(v)
}

func (d *decoder) bytes() []byte {
	if !d.has() {
		return nil
	}
	return d.take(d.rawNumber())
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.bad = true
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

// decode reads the rest of a message behind its length. Data is a slice of b. The number of descriptors is returned beside.
func decode(b []byte) (m Message, fds int, err error) {
	if len(b) < headerSize-4 {
		return m, 0, ErrDamaged
	}
	m.Kind, fds = Kind(b[0]), int(b[1])
	d := &decoder{b: b[4:], mask: binary.LittleEndian.Uint16(b[2:])}
	m.Seq = d.number()
	if d.has() {
		copy(m.ID.ID[:], d.take(uint64(len(m.ID.ID))))
		d.bad = d.bad || m.ID.IsZero()
	}
	m.Segment = d.number()
	m.Offset, m.Size, m.Extent = d.size(), d.size(), d.size()
	m.Count = unzigzag(d.number())
	m.Target, m.Flags = d.number(), d.number()
	m.Owner.Job = string(d.bytes())
	m.Owner.Cell = int(unzigzag(d.number()))
	m.Owner.Type = string(d.bytes())
	m.Data = d.bytes()
	if d.bad || len(d.b) > 0 || d.mask != 0 || !known(m.Kind) {
		return Message{}, 0, fmt.Errorf("%w of kind %d, %d bytes", ErrDamaged, m.Kind, len(b))
	}
	return m, fds, nil
}

func known(k Kind) bool { return k >= Lease && k <= Bye || k >= Hello && k <= Collect }
