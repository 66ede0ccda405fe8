package objstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"mobula/internal/bytesize"
)

// Holder is an owner with what it holds in memory.
type Holder struct {
	Owner   Owner
	Bytes   int64
	Objects int
}

// FullError says that memory could not be found although the store has spilled and evicted what it may.
type FullError struct {
	Need     int64 // bytes asked for
	Capacity int64
	Busy     int64
	Reserved int64    // leased to writers and not yet sealed
	Pinned   int64    // in use by readers
	Job      string   // the job whose quota is reached, "" if it is the node's memory
	Quota    int64    // of Job
	Holders  []Holder // the biggest first
}

func (e *FullError) Error() string {
	var b strings.Builder
	if e.Job != "" {
		fmt.Fprintf(&b, "the object store has no room for %s: job %s has reached its quota of %s", bytesize.Format(e.Need), e.Job, bytesize.Format(e.Quota))
	} else {
		fmt.Fprintf(&b, "the object store has no room for %s: %s of %s in use (%s pinned by readers, %s reserved by writers)",
			bytesize.Format(e.Need), bytesize.Format(e.Busy), bytesize.Format(e.Capacity), bytesize.Format(e.Pinned), bytesize.Format(e.Reserved))
	}
	b.WriteString(biggest(e.Holders))
	b.WriteString("; free objects or drop the last references to them, or start the node with more object memory")
	return b.String()
}

// biggest tells who holds most memory, as a part of an error's text.
func biggest(list []Holder) string {
	var b strings.Builder
	for i, h := range list {
		sep := ", "
		if i == 0 {
			sep = "; biggest holders: "
		}
		fmt.Fprintf(&b, "%s%s in %d objects (%s)", sep, bytesize.Format(h.Bytes), h.Objects, h.Owner)
	}
	return b.String()
}

// OutOfMemoryError says that the machine has less memory left than the store may use.
type OutOfMemoryError struct {
	Need, Available int64 // bytes
	Kept            int64 // bytes that are left to others
}

func (e *OutOfMemoryError) Error() string {
	return fmt.Sprintf("the object store may take %s more, but the machine has only %s of memory left (%s are kept for others): end other programs, or start the node with less object memory",
		bytesize.Format(e.Need), bytesize.Format(e.Available), bytesize.Format(e.Kept))
}

// OutOfDiskError says that objects could not be spilled.
type OutOfDiskError struct {
	Path    string // of the spill directory
	Need    int64  // bytes of the file that failed
	Spilt   int64  // bytes in the directory before
	Cause   string
	Holders []Holder // of memory, the biggest first
}

func (e *OutOfDiskError) Error() string {
	return fmt.Sprintf("spill %s to %s, which holds %s of objects: %s; free space there, drop the last references to objects, or choose another spill directory%s",
		bytesize.Format(e.Need), e.Path, bytesize.Format(e.Spilt), e.Cause, biggest(e.Holders))
}

// LostError says that an object was here and its bytes are gone: make it again from its lineage or fetch a copy.
type LostError struct {
	ID     ID
	Reason string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("object %s is lost: %s; make it again, or fetch a copy from another node", e.ID, e.Reason)
}

// FreedError says that an object was freed, by Free or with its last reference.
type FreedError struct{ ID ID }

func (e *FreedError) Error() string {
	return fmt.Sprintf("object %s was freed; keep a reference for as long as it is needed", e.ID)
}

// NodeGoneError says that the connection to the node has ended; the client is of no more use.
type NodeGoneError struct{ Cause string }

func (e *NodeGoneError) Error() string {
	return "the node's object store has gone: " + e.Cause + "; connect again"
}

// ErrClosed is returned by what was closed.
var ErrClosed = errors.New("the object store is closed")

// otherError carries what has no type of its own between processes.
type otherError struct{ Text string }

func (e *otherError) Error() string { return e.Text }

// wireError is an error between processes: one pointer is set.
type wireError struct {
	Full   *FullError        `json:",omitempty"`
	Memory *OutOfMemoryError `json:",omitempty"`
	Disk   *OutOfDiskError   `json:",omitempty"`
	Lost   *LostError        `json:",omitempty"`
	Freed  *FreedError       `json:",omitempty"`
	Other  *otherError       `json:",omitempty"`
	Closed bool              `json:",omitempty"`
}

// MarshalError writes an error for another process; UnmarshalError gives it its type back.
func MarshalError(err error) []byte {
	var w wireError
	if e, ok := errors.AsType[*FullError](err); ok {
		w.Full = e
	} else if e, ok := errors.AsType[*OutOfMemoryError](err); ok {
		w.Memory = e
	} else if e, ok := errors.AsType[*OutOfDiskError](err); ok {
		w.Disk = e
	} else if e, ok := errors.AsType[*LostError](err); ok {
		w.Lost = e
	} else if e, ok := errors.AsType[*FreedError](err); ok {
		w.Freed = e
	} else if errors.Is(err, ErrClosed) {
		w.Closed = true
	} else {
		w.Other = &otherError{err.Error()}
	}
	data, err := json.Marshal(w)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return data
}

// UnmarshalError is the reverse of MarshalError; it never returns nil.
func UnmarshalError(data []byte) error {
	var w wireError
	if err := json.Unmarshal(data, &w); err != nil {
		return fmt.Errorf("the node sent an error that cannot be read: %w", err)
	}
	switch {
	case w.Full != nil:
		return w.Full
	case w.Memory != nil:
		return w.Memory
	case w.Disk != nil:
		return w.Disk
	case w.Lost != nil:
		return w.Lost
	case w.Freed != nil:
		return w.Freed
	case w.Closed:
		return ErrClosed
	case w.Other != nil:
		return w.Other
	}
	return &otherError{"the node sent an empty error"}
}
