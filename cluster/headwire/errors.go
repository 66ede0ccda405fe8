package headwire

import (
	"context"
	"errors"
	"fmt"
)

// Code is what kind of error was answered.
type Code string

// The codes. A later release may have more.
const (
	Invalid     Code = "invalid"     // the caller's mistake
	NotFound    Code = "not-found"   //
	Exists      Code = "exists"      // the name is taken
	Stale       Code = "stale"       // of an earlier life: look again
	Denied      Code = "denied"      // no credential for that
	Infeasible  Code = "infeasible"  // no node can ever hold it
	Unavailable Code = "unavailable" // later it may work
	Canceled    Code = "canceled"
	Internal    Code = "internal"
)

// Error is an error that the other end answered.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Error gives the message.
func (e *Error) Error() string { return e.Message }

// Errorf makes an error with a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// ErrorOf makes an error fit to be answered.
func ErrorOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{e.Code, err.Error()}
	}
	code := Internal
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		code = Canceled
	case errors.Is(err, ErrDisconnected):
		code = Unavailable
	}
	return &Error{code, err.Error()}
}

// HasCode reports whether err is an answer with that code.
func HasCode(err error, code Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}
