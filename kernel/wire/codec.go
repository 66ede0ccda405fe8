package wire

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"
)

// maxIdentities bounds the routing frames of a message; more than one only comes through proxies.
const maxIdentities = 32

// maxBuffers bounds the binary buffers of a message; they are not signed.
const maxBuffers = 512

// seenLimit is how many signatures are remembered to refuse replayed messages.
const seenLimit = 1 << 16

var delimiter = []byte("<IDS|MSG>")

// The reasons why Decode refuses a message.
var (
	ErrFraming   = errors.New("malformed message frames")
	ErrSignature = errors.New("invalid message signature")
	ErrReplay    = errors.New("duplicate message signature")
	ErrContent   = errors.New("invalid message part")
)

// Codec signs, encodes, verifies and decodes messages.
type Codec struct {
	key  []byte
	mu   sync.Mutex // guards seen, ring, next
	seen map[[sha256.Size]byte]struct{}
	ring [][sha256.Size]byte
	next int
}

// NewCodec returns a codec for a session key. With an empty key nothing is signed or verified.
func NewCodec(key string) *Codec {
	return &Codec{key: []byte(key), seen: make(map[[sha256.Size]byte]struct{})}
}

func (c *Codec) sum(parts [][]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, c.key)
	for _, p := range parts {
		mac.Write(p)
	}
	return [sha256.Size]byte(mac.Sum(nil))
}

// Encode returns the frames of m, signed.
func (c *Codec) Encode(m *Message) ([][]byte, error) {
	header, err := Marshal(m.Header)
	if err != nil {
		return nil, fmt.Errorf("encode the header of %s: %w", m.Header.MsgType, err)
	}
	parts := [][]byte{header, orEmpty(m.Parent), orEmpty(m.Metadata), orEmpty(m.Content)}
	var signature []byte
	if len(c.key) > 0 {
		sum := c.sum(parts)
		signature = hex.AppendEncode(nil, sum[:])
	}
	frames := make([][]byte, 0, len(m.Identities)+2+len(parts)+len(m.Buffers))
	frames = append(frames, m.Identities...)
	frames = append(frames, delimiter, signature)
	frames = append(frames, parts...)
	return append(frames, m.Buffers...), nil
}

func orEmpty(raw json.RawMessage) []byte {
	if len(raw) == 0 {
		return []byte("{}")
	}
	return raw
}

// Decode verifies frames and decodes them. The message aliases the frames. Where only the
// parts after an authentic header are invalid (ErrContent), the message is returned with the error so that it
// can be answered.
func (c *Codec) Decode(frames [][]byte) (*Message, error) {
	at := -1
	for i, f := range frames[:min(len(frames), maxIdentities+1)] {
		if bytes.Equal(f, delimiter) {
			at = i
			break
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("%w: no <IDS|MSG> delimiter in the first %d frames", ErrFraming, min(len(frames), maxIdentities+1))
	}
	rest := frames[at+1:]
	if len(rest) < 5 {
		return nil, fmt.Errorf("%w: %d frames after the delimiter, need signature, header, parent header, metadata, content", ErrFraming, len(rest))
	}
	if len(rest)-5 > maxBuffers {
		return nil, fmt.Errorf("%w: %d buffers, at most %d are taken", ErrFraming, len(rest)-5, maxBuffers)
	}
	if err := c.verify(rest[0], rest[1:5]); err != nil {
		return nil, err
	}
	m := &Message{
		Identities: frames[:at:at], RawHeader: rest[1],
		Parent: rest[2], Metadata: rest[3], Content: rest[4], Buffers: rest[5:],
	}
	if err := object(rest[1]); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrContent, err)
	}
	if err := json.Unmarshal(rest[1], &m.Header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrContent, err)
	}
	if m.Header.MsgType == "" || m.Header.MsgID == "" {
		return nil, fmt.Errorf("%w: header without msg_type or msg_id", ErrContent)
	}
	for i, name := range [...]string{"parent header", "metadata", "content"} {
		if err := object(rest[2+i]); err != nil {
			return m, fmt.Errorf("%w: %s of %s: %w", ErrContent, name, m.Header.MsgType, err)
		}
	}
	return m, nil
}

// verify compares the signature in constant time and refuses one that was seen before.
func (c *Codec) verify(signature []byte, parts [][]byte) error {
	if len(c.key) == 0 {
		return nil
	}
	var got [sha256.Size]byte
	if len(signature) != hex.EncodedLen(len(got)) {
		return fmt.Errorf("%w: %d characters, want %d", ErrSignature, len(signature), hex.EncodedLen(len(got)))
	}
	if _, err := hex.Decode(got[:], signature); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	want := c.sum(parts)
	if !hmac.Equal(got[:], want[:]) {
		return fmt.Errorf("%w: the sender has another key, or the message was changed on its way", ErrSignature)
	}
	return c.remember(want)
}

func (c *Codec) remember(sum [sha256.Size]byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, dup := c.seen[sum]; dup {
		return ErrReplay
	}
	c.seen[sum] = struct{}{}
	if len(c.ring) < seenLimit {
		c.ring = append(c.ring, sum)
		return nil
	}
	delete(c.seen, c.ring[c.next])
	c.ring[c.next] = sum
	c.next = (c.next + 1) % seenLimit
	return nil
}

// object checks that raw is one JSON object in valid UTF-8. encoding/json bounds the nesting.
func object(raw []byte) error {
	if !utf8.Valid(raw) {
		return errors.New("not valid UTF-8")
	}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("not a JSON object")
	}
	if json.Valid(raw) {
		return nil
	}
	var v json.RawMessage
	return json.Unmarshal(raw, &v) // says where
}
