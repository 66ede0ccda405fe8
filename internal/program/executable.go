package program

import (
	"errors"
	"fmt"
	"sync"

	"mobula/internal/codec"
)

// executable is a program whose code is all in its file.
type executable struct{ *Image }

// Executable returns the running executable as a Program.
func Executable() (Program, error) { return theExecutable() }

var theExecutable = sync.OnceValues(func() (Program, error) {
	x, err := OpenImage(nil)
	if err != nil {
		return nil, err
	}
	return executable{x}, nil
})

// Digest identifies the executable.
func (x executable) Digest() string { return x.digest }

// Needs returns nothing.
func (executable) Needs(NamingHost) (Needs, error) { return Needs{}, nil }

// Part fails.
func (executable) Part(n int) ([]byte, error) {
	return nil, fmt.Errorf("part %d of the code is asked for: an executable has none", n)
}

// Load fails.
func (executable) Load(n int, _ []byte) error {
	return fmt.Errorf("part %d of the code has come: an executable loads none", n)
}

// Parts is 0.
func (executable) Parts() int { return 0 }

// SetEnvironment fails.
func (executable) SetEnvironment(string, codec.Encoded, codec.Host) error {
	return errors.New("values of variables have come: an executable takes none")
}
