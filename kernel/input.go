package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"mobula/kernel/wire"
)

// stdinPatience is how long a client may take to connect to stdin after it sent a cell on shell.
const stdinPatience = 2 * time.Second

var (
	errNoStdin     = errors.New("the front end that ran this cell takes no input (it sent allow_stdin false); run the cell where a person can answer")
	errStdinAbsent = errors.New("the front end that ran this cell is not connected to the stdin channel, so nobody can be asked")
)

// input asks front ends for lines, one question at a time.
type input struct {
	k    *Kernel
	turn chan struct{} // capacity 1: full while a question is open

	mu     sync.Mutex // guards what follows
	id     string     // message id of the open question, or ""
	answer chan string
}

// ask sends an input_request to the client of c and waits for its answer.
func (in *input) ask(ctx context.Context, c *outlet, prompt string, password bool) (string, error) {
	if !c.allowStdin {
		return "", errNoStdin
	}
	select {
	case in.turn <- struct{}{}:
		defer func() { <-in.turn }()
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	content, err := wire.Marshal(object{"prompt": prompt, "password": password})
	if err != nil {
		return "", fmt.Errorf("encode an input request: %w", err)
	}
	m := &wire.Message{Identities: [][]byte{c.identity}, Header: wire.NewHeader(in.k.session, "input_request"), Parent: c.parent, Content: content}
	frames, err := in.k.codec.Encode(m)
	if err != nil {
		return "", fmt.Errorf("encode an input request: %w", err)
	}
	answer := in.expect(m.Header.MsgID)
	defer in.expect("")
	connected, cancel := context.WithTimeout(ctx, stdinPatience)
	defer cancel()
	if !in.k.stdin.SendWhenConnected(connected, frames) {
		return "", errStdinAbsent
	}
	select {
	case line := <-answer:
		return line, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (in *input) expect(id string) <-chan string {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.id, in.answer = id, make(chan string, 1)
	return in.answer
}

// onStdin takes the answer to the open question. Some clients leave the parent header empty.
func (k *Kernel) onStdin(r *request) {
	var c struct {
		Value string `json:"value"`
	}
	if r.Header.MsgType != "input_reply" {
		k.log.Warn("unknown message type", "channel", "stdin", "type", r.Header.MsgType)
		return
	}
	if err := json.Unmarshal(r.Content, &c); err != nil {
		k.log.Warn("drop an input_reply", "err", err)
		return
	}
	in := k.input
	in.mu.Lock()
	defer in.mu.Unlock()
	if parent := r.ParentID(); in.id == "" || parent != "" && parent != in.id {
		k.log.Info("drop an input_reply to a question that is not open", "parent", parent)
		return
	}
	in.id = ""
	in.answer <- c.Value
}
