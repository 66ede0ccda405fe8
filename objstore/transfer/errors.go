package transfer

import (
	"errors"
	"fmt"

	"mobula/internal/bytesize"
	"mobula/objstore"
)

// ErrClosed is returned by a Fetcher after Close.
var ErrClosed = errors.New("transfers between nodes have been closed")

// PeerGoneError says that another node cannot be reached, or no longer: fetch from another one, or make the object again.
type PeerGoneError struct {
	Peer  string
	ID    objstore.ID
	Done  int64 // bytes that had arrived
	Size  int64 // 0: not known
	Cause string
}

func (e *PeerGoneError) Error() string {
	how := ""
	if e.Size > 0 {
		how = fmt.Sprintf(" after %s of %s", bytesize.Format(e.Done), bytesize.Format(e.Size))
	}
	return fmt.Sprintf("node %s has gone%s while object %s was fetched from it: %s; fetch it from another node, or make it again", e.Peer, how, e.ID, e.Cause)
}

// PeerError is what another node says about an object: that it has none (objstore.LostError), that it was freed, that it has no
// memory to read it from disk...
type PeerError struct {
	Peer string
	Err  error
}

func (e *PeerError) Error() string { return fmt.Sprintf("node %s: %v", e.Peer, e.Err) }

// Unwrap returns the other node's error.
func (e *PeerError) Unwrap() error { return e.Err }
