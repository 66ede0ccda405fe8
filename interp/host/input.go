package host

import (
	"errors"
	"io"
	"sync"

	"mobula/interp/cellrt"
	"mobula/interp/hostrpc"
)

// inputs asks the user for lines and serves os.Stdin from them.
type inputs struct {
	questions[*hostrpc.InputReply]

	reading sync.Mutex // one reader of os.Stdin at a time; guards rest
	rest    []byte     // of the last line
}

// ask sends an InputRequest and waits for the reply or the cell's stop.
func (in *inputs) ask(h *Host, prompt string, password bool) (string, error) {
	cell := h.cellHere()
	token, answer, end := in.questions.ask()
	defer end()
	req := &hostrpc.InputRequest{Cell: cell, Token: token, Prompt: prompt, Password: password}
	if err := h.out.sendAfter(cell, &hostrpc.Event{Input: req}); err != nil {
		return "", err
	}
	select {
	case r := <-answer:
		if r.Err != "" {
			return "", errors.New(r.Err)
		}
		return r.Text, nil
	case <-cellrt.StopChan():
		return "", cellrt.Interrupt{}
	}
}

// readFor returns the hook of package os for os.Stdin: a cell reads what the user types, line by line.
func (in *inputs) readFor(h *Host) func([]byte) (int, error, bool) {
	return func(b []byte) (int, error, bool) {
		if len(b) == 0 {
			return 0, nil, false
		}
		n, err := in.read(h, b)
		if errors.Is(err, cellrt.Interrupt{}) {
			cellrt.Stopped()
		}
		return n, err, true
	}
}

func (in *inputs) read(h *Host, b []byte) (int, error) {
	in.reading.Lock()
	defer in.reading.Unlock()
	if len(in.rest) == 0 {
		line, err := in.ask(h, "", false)
		switch {
		case errors.Is(err, cellrt.Interrupt{}):
			return 0, err
		case err != nil:
			return 0, io.EOF // no user
		}
		in.rest = append(in.rest, line...)
		in.rest = append(in.rest, '\n')
	}
	n := copy(b, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}
