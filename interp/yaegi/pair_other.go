//go:build !unix

package yaegi

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

// pipes is a connection made of two pipes.
type pipes struct {
	io.ReadCloser
	w io.WriteCloser
}

// Write writes to the other end.
func (p pipes) Write(b []byte) (int, error) { return p.w.Write(b) }

// Close closes both pipes.
func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.w.Close()) }

// childSide connects cmd by its standard input and output.
func childSide(cmd *exec.Cmd) (c io.ReadWriteCloser, started func() error, err error) {
	w, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	r, err := cmd.StdoutPipe()
	return pipes{r, w}, func() error { return nil }, err
}

// kernelSide is the child's end; cells get other standard streams.
func kernelSide() (io.ReadWriteCloser, error) { return pipes{os.Stdin, os.Stdout}, nil }
