package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"runtime"

	"mobula/objstore"
)

// kind says what a message is; the fields that it uses are named.
type kind uint8

const (
	kindAsk   kind = iota + 1 // id: has the server this object?
	kindFound                 // size owner: it has
	kindSend                  // id size offset sum: send the bytes from offset on; sum is that of those before
	kindWait                  // the server is still at it
	kindData                  // offset: the bytes from there on follow
	kindFail                  // text: an error of objstore
	kindEnd                   // not a kind
)

// message is what the ends say to each other beside the bytes of objects. On the stream it is
//
//	magic uint16 | version uint8 | kind uint8 | length of the body uint32 | body | checksum uint32
//	body: id | offset uint64 | size uint64 | sum uint32 | cell int64 | length of job uint16 | length of type uint16 | job | type | text
type message struct {
	kind         kind
	id           objstore.ID
	offset, size int64
	sum          uint32
	owner        objstore.Owner
	text         []byte
}

const (
	messageMagic   = 0x786d // "mx"
	messageVersion = 1
	messageHead    = 8
	bodyFixed      = 16 + 8 + 8 + 4 + 8 + 2 + 2
	// messageMost bounds a body, and so what a stranger can make this process allocate.
	messageMost = 64 << 10
	textMost    = 32 << 10
	labelMost   = 8 << 10
)

// ChunkSize is how many bytes come between two checksums; a transfer is resumed at a multiple of it.
const ChunkSize = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumCold goes on with the checksum of bytes that are not in the processor's cache. The checksum reads three places by turns, which the
// processor does not foresee; so each part is read in order before: that doubles the speed.
func sumCold(sum uint32, b []byte) uint32 {
	const part, line = 64 << 10, 64
	for len(b) > 0 {
		p := b[:min(len(b), part)]
		touched := byte(0)
		for i := 0; i < len(p); i += line {
			touched ^= p[i]
		}
		runtime.KeepAlive(touched)
		sum = crc32.Update(sum, castagnoli, p)
		b = b[len(p):]
	}
	return sum
}

// errDamaged is wrapped by errors of what is no message, or of bytes that have changed on their way.
var errDamaged = errors.New("damaged on its way")

// encode writes a message. Labels and texts that are too long are cut.
func (m *message) encode() []byte {
	job, kind := cut(m.owner.Job, labelMost), cut(m.owner.Type, labelMost)
	text := m.text
	if len(text) > textMost {
		text = objstore.MarshalError(errors.New("the other node's error is too long to be told"))
	}
	b := binary.LittleEndian.AppendUint16(nil, messageMagic)
	b = append(b, messageVersion, byte(m.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(bodyFixed+len(job)+len(kind)+len(text)))
	b = append(b, m.id.ID[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.offset))
	b = binary.LittleEndian.AppendUint64(b, uint64(m.size))
	b = binary.LittleEndian.AppendUint32(b, m.sum)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.owner.Cell))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(job)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(kind)))
	b = append(b, job...)
	b = append(b, kind...)
	b = append(b, text...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

func writeMessage(w io.Writer, m *message) error {
	_, err := w.Write(m.encode())
	return err
}

// readMessage reads one message, and nothing behind it.
func readMessage(r io.Reader) (*message, error) {
	var head [messageHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	k, n, err := parseHead(head)
	if err != nil {
		return nil, err
	}
	rest := make([]byte, n+4)
	if _, err := io.ReadFull(r, rest); err != nil {
		return nil, unexpected(err)
	}
	body, sum := rest[:n], binary.LittleEndian.Uint32(rest[n:])
	if crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, body) != sum {
		return nil, fmt.Errorf("a message of kind %d: %w (checksum)", k, errDamaged)
	}
	return parseBody(k, body)
}

func parseHead(head [messageHead]byte) (k kind, body int, err error) {
	if magic := binary.LittleEndian.Uint16(head[:]); magic != messageMagic {
		return 0, 0, fmt.Errorf("%w: the other end does not speak of objects", errDamaged)
	}
	if head[2] != messageVersion {
		return 0, 0, fmt.Errorf("%w: the other end speaks version %d and this one %d: run one version on all nodes", errDamaged, head[2], messageVersion)
	}
	k = kind(head[3])
	n := binary.LittleEndian.Uint32(head[4:])
	if k == 0 || k >= kindEnd || n < bodyFixed || n > messageMost {
		return 0, 0, fmt.Errorf("a message of kind %d and %d bytes: %w", k, n, errDamaged)
	}
	return k, int(n), nil
}

func parseBody(k kind, b []byte) (*message, error) {
	m := &message{kind: k}
	copy(m.id.ID[:], b)
	offset, size := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
	m.sum = binary.LittleEndian.Uint32(b[32:])
	m.owner.Cell = int(int64(binary.LittleEndian.Uint64(b[36:])))
	job, label := int(binary.LittleEndian.Uint16(b[44:])), int(binary.LittleEndian.Uint16(b[46:]))
	rest := b[bodyFixed:]
	if job > labelMost || label > labelMost || job+label > len(rest) || len(rest)-job-label > textMost {
		return nil, fmt.Errorf("a message of kind %d with labels of %d and %d bytes: %w", k, job, label, errDamaged)
	}
	if offset > size || size > math.MaxInt64/4 || offset%ChunkSize != 0 {
		return nil, fmt.Errorf("a message of kind %d about byte %d of %d: %w", k, offset, size, errDamaged)
	}
	m.offset, m.size = int64(offset), int64(size)
	m.owner.Job, m.owner.Type = string(rest[:job]), string(rest[job:job+label])
	if text := rest[job+label:]; len(text) > 0 {
		m.text = text
	}
	return m, nil
}
