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
	mu    sync.Mutex // guards below
	next  uint64
	waits map[uint64]chan *hostrpc.InputReply

	reading sync.Mutex // one reader of os.Stdin at a time; guards rest
	rest    []byte     // of the last line
}

// ask sends an InputRequest and waits for the reply or the cell's stop.
func (in *inputs) ask(h *Host, prompt string, password bool) (string, error) {
	cell := h.cellHere()
	answer := make(chan *hostrpc.InputReply, 1)
	in.mu.Lock()
	in.next++
	token := in.next
	if in.waits == nil {
		in.waits = map[uint64]chan *hostrpc.InputReply{}
	}
	in.waits[token] = answer
	in.mu.Unlock()
	defer func() {
		in.mu.Lock()
		delete(in.waits, token)
		in.mu.Unlock()
	}()
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

func (in *inputs) reply(r *hostrpc.InputReply) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if c := in.waits[r.Token]; c != nil {
		c <- r // has room: a token is answered once
		delete(in.waits, r.Token)
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
