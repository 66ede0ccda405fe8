//go:build !unix

package wire

import (
	"errors"
	"os"
)

// errUnsupported is returned where sockets carry no descriptors.
var errUnsupported = errors.New("connections to an object store need unix sockets")

// Dial fails.
func Dial(string) (Conn, error) { return nil, errUnsupported }

// Pair fails.
func Pair() (node, client Conn, err error) { return nil, nil, errUnsupported }

// FromFile fails.
func FromFile(*os.File) (Conn, error) { return nil, errUnsupported }

func closeFD(int) {}
