package cellio

import (
	"encoding/json"
	"errors"
	"fmt"
)

// CommMessage is what one end of a comm sends to the other.
type CommMessage struct {
	Data     json.RawMessage // any JSON value; none means {}
	Metadata json.RawMessage
	Buffers  [][]byte
}

// MaxCommMessage is the size in bytes of the largest message that a comm carries, in either direction.
const MaxCommMessage = 32 << 20

// Size is the number of bytes of the message.
func (m *CommMessage) Size() int {
	n := len(m.Data) + len(m.Metadata)
	for _, b := range m.Buffers {
		n += len(b)
	}
	return n
}

// CheckSize returns an error that names both sizes where the message is too large.
func (m *CommMessage) CheckSize() error {
	if n := m.Size(); n > MaxCommMessage {
		return fmt.Errorf("a comm message of %d bytes was refused: at most %d are taken; send it in parts", n, MaxCommMessage)
	}
	return nil
}

// Comm is the session's end of an open comm.
type Comm interface {
	ID() string
	// Send sends a message; it fails where the comm is closed.
	Send(CommMessage) error
	// Still sets what replaces the views of this comm's model (outputs of MIMEWidgetView that name its ID) once nobody is left to
	// answer for them: when the comm is closed, or the session's process has ended.
	Still(Data) error
	// Close closes the comm; the front end is told. Closing twice does nothing.
	Close(CommMessage) error
}

// MIMEWidgetView is the media type of an output that is a view of a comm's model; model_id in it is the ID of the comm.
const MIMEWidgetView = "application/vnd.jupyter.widget-view+json"

// CommHandler answers what the front end sends on a comm. Its functions may be nil, and are called one at a time in the order of
// the messages, on goroutines of the cell that the comm belongs to. An error or a panic is shown under that cell; the comm stays open.
type CommHandler struct {
	Message func(Comm, CommMessage) error
	Closed  func(CommMessage) // by the front end
}

// Outputs takes what code shows in place of the cell's output.
type Outputs interface {
	// Write takes text of a stream, stdout or stderr. It must not write to either.
	Write(stream string, text []byte)
	// Display takes rich output. It declines with false what the cell should show.
	Display(Display) bool
	ClearOutput(wait bool)
}

// CommPort is a Port whose front end has comms.
type CommPort interface {
	Port
	// OpenComm opens a comm, which belongs to the calling goroutine's cell.
	OpenComm(target string, open CommMessage, h CommHandler) (Comm, error)
	// ServeComms has accept answer each comm that the front end opens for target. They belong to the calling goroutine's cell. An error
	// closes the comm.
	ServeComms(target string, accept func(Comm, CommMessage) (CommHandler, error)) error
	// Capture calls f. What it and the goroutines that it starts show goes to out.
	Capture(out Outputs, f func())
	// OnCellEnd has f called whenever a cell has ended, before the front end learns of it, in the name of that cell. There is one f.
	OnCellEnd(f func())
}

// ErrNoComms is returned where the front end has no comms, or cells cannot reach it that way.
var ErrNoComms = errors.New("live controls need a notebook front end and compiled cells (%engine auto): there is none here")

// Comms returns the port of this process as one that has comms, or ErrNoComms.
func Comms() (CommPort, error) {
	if p, ok := Current().(CommPort); ok {
		return p, nil
	}
	return nil, ErrNoComms
}

// CommOp says what a CommEvent does.
type CommOp int

// What CommEvents do.
const (
	CommOpen  CommOp = iota + 1 // open comm ID for Target
	CommSend                    // send Message on it
	CommClose                   // close it
	CommServe                   // from the session only: it answers comms that are opened for Target
	CommStill                   // from the session only: Still replaces the views of ID at its end
)

// CommEvent is one step of a comm, as it travels between the session's process and the kernel, in both directions.
type CommEvent struct {
	Op      CommOp
	Cell    int // of the session's end: whose code it is
	ID      string
	Target  string
	Message CommMessage
	Still   Data
}
