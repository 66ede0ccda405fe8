package wire

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"time"
)

// ProtocolVersion is the version of the Jupyter messaging protocol that is spoken here.
const ProtocolVersion = "5.5"

// Header is a message header.
type Header struct {
	MsgID      string  `json:"msg_id"`
	Session    string  `json:"session"`
	Username   string  `json:"username"`
	Date       string  `json:"date"`
	MsgType    string  `json:"msg_type"`
	Version    string  `json:"version"`
	SubshellID *string `json:"subshell_id,omitempty"`
}

// Message is a decoded message, or one to encode.
type Message struct {
	Identities [][]byte // routing frames; on iopub the topic
	Header     Header
	RawHeader  json.RawMessage // as received: replies carry it as their parent
	Parent     json.RawMessage // nil is written as {}
	Metadata   json.RawMessage // nil is written as {}
	Content    json.RawMessage // nil is written as {}
	Buffers    [][]byte
}

// NewID returns a fresh random message, session or comm id.
func NewID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// NewHeader returns a header for a message of the given type, dated now.
func NewHeader(session, msgType string) Header {
	return Header{
		MsgID: NewID(), Session: session, Username: "mobula", MsgType: msgType, Version: ProtocolVersion,
		Date: time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"),
	}
}

// ParentID returns the message id in the parent header, or "".
func (m *Message) ParentID() string {
	var h struct {
		MsgID string `json:"msg_id"`
	}
	if json.Unmarshal(m.Parent, &h) != nil {
		return ""
	}
	return h.MsgID
}

// Marshal is json.Marshal without HTML escaping, which would only bloat cell output.
func Marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
