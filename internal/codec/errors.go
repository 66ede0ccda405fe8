package codec

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrDamaged is wrapped by errors about input that no Encode has written.
var ErrDamaged = errors.New("damaged message")

// Error says which part of a value cannot leave its process.
type Error struct {
	Path   string       // from the value to the part, as in capture.conn or [3].Name
	Type   reflect.Type // of the part
	Reason string
	Hint   string // what to do
}

// Error returns all of it in a line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	if e.Type != nil {
		fmt.Fprintf(&b, "%s cannot leave this process: ", e.Type)
	}
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

const changed = "the value changed while it was encoded"

func errChanged() error {
	return &Error{Reason: changed, Hint: "nothing may write to it meanwhile"}
}
