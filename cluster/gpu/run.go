package gpu

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"mobula/internal/crash"
)

// What is kept of a child's output.
const (
	keepOut  = 1 << 20
	keepHead = 64 << 10 // a report of the Go runtime starts with its cause
	keepTail = 4 << 10
)

// killGrace is how long a child is waited for that was killed; longer only if it hangs in the driver.
const killGrace = 2 * time.Second

// runner runs programs that may crash or hang, one at a time.
type runner struct {
	mu   sync.Mutex    // guards left, and is held while a child runs
	left chan struct{} // closed when a child that could not be ended has ended; nil: there is none
}

// outcome is how a child has ended.
type outcome struct {
	out   []byte
	cause string // of its crash, where the Go runtime has told
	words string // the last that it wrote to stderr
	end   crash.End
	fault error // it could not be started
	ended error // why it was not waited for any longer, where its time was not up
	hung  bool  // its time was up
	stuck bool  // one of earlier still hangs in the driver
}

func (r *runner) run(parent context.Context, limit time.Duration, env []string, command []string) outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left != nil {
		select {
		case <-r.left:
			r.left = nil
		default:
			return outcome{hung: true, stuck: true}
		}
	}
	cmd := exec.Command(command[0], command[1:]...)
	out, errs := &capture{head: keepOut}, &capture{head: keepHead, tail: keepTail}
	cmd.Env, cmd.Stdout, cmd.Stderr = env, out, errs
	cmd.SysProcAttr, cmd.WaitDelay = sysProcAttr(), killGrace
	if err := cmd.Start(); err != nil {
		return outcome{fault: err}
	}
	var waited error
	done := make(chan struct{})
	go func() { // ends with the child; waited for below, unless the child hangs in the driver
		defer close(done)
		waited = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	select {
	case <-done:
		return outcome{out: out.text(), cause: errs.cause(), words: errs.lastWords(), end: crash.EndOf(cmd.ProcessState, waited)}
	case <-ctx.Done():
	}
	_ = cmd.Process.Kill() // it may have ended
	if !within(done, killGrace) {
		r.left = done
	}
	o := outcome{words: errs.lastWords(), ended: parent.Err()}
	o.hung = o.ended == nil
	return o
}

func within(done <-chan struct{}, grace time.Duration) bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// capture keeps the first head bytes that are written to it, and the last tail.
type capture struct {
	head, tail int

	mu          sync.Mutex // guards below
	first, last []byte
}

// Write takes everything.
func (c *capture) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(b), c.head-len(c.first))
	c.first = append(c.first, b[:n]...)
	if rest := b[n:]; c.tail > 0 {
		c.last = append(c.last, rest...)
		c.last = slices.Clone(c.last[max(0, len(c.last)-c.tail):])
	}
	return len(b), nil
}

func (c *capture) text() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.first)
}

// cause reads a report of the Go runtime, which may follow other words.
func (c *capture) cause() string {
	for rest := c.text(); len(rest) > 0; {
		if crash.Begins(rest) {
			return lastLine([]byte(crash.Parse(rest).Cause))
		}
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	return ""
}

func (c *capture) lastWords() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(bytes.TrimSpace(c.last)) > 0 {
		return lastLine(c.last)
	}
	return lastLine(c.first)
}

// lastLine returns the last line that is not empty, as plain text.
func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	line := string(text[bytes.LastIndexByte(text, '\n')+1:])
	const most = 300
	if len(line) > most {
		line = line[:most] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
}
