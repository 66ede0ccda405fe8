package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// The sides: a program with Mobula, the same from a cell, and Ray.
const (
	sideMobula = "mobula"
	sideCell   = "cell"
	sideRay    = "ray"
)

// side is a process that measures.
type side struct {
	name  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan []byte // its answers; closed at its end
}

// command is how a process of a side is started.
type command struct {
	args []string
	env  []string
}

const (
	startPatience = 100 * time.Second // Ray's start hangs at times
	startTries    = 3
	endPatience   = 20 * time.Second
)

// openSide starts a side, again where it hangs or fails.
func openSide(ctx context.Context, name string, c command) (*side, error) {
	var failures error
	for range startTries {
		s, err := startSide(name, c)
		if err != nil {
			return nil, err
		}
		if _, err = s.answer(ctx, startPatience); err == nil {
			return s, nil
		}
		failures = errors.Join(failures, err)
		s.kill()
	}
	return nil, fmt.Errorf("start %s: %w", name, failures)
}

func startSide(name string, c command) (*side, error) {
	s := &side{name: name, cmd: exec.Command(c.args[0], c.args[1:]...), lines: make(chan []byte, 16)}
	s.cmd.Env, s.cmd.Stderr = append(os.Environ(), c.env...), os.Stderr
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(s.lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
			s.lines <- slices.Clone(scan.Bytes())
		}
	}()
	return s, nil
}

func (s *side) pid() int { return s.cmd.Process.Pid }

// root is the process whose memory, with that of all that descend from it, is the side's: of the cells' side the kernel, which jupyter_client has started.
func (s *side) root() int {
	if all := tree(s.pid()); s.name == sideCell && len(all) > 1 {
		return all[1]
	}
	return s.pid()
}

// ask has the side do something.
func (s *side) ask(ctx context.Context, r request) (reply, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return reply{}, err
	}
	if _, err := s.in.Write(append(text, '\n')); err != nil {
		return reply{}, fmt.Errorf("%s: %s: %w", s.name, r.Do, err)
	}
	a, err := s.answer(ctx, askPatience)
	switch {
	case err != nil:
		return a, fmt.Errorf("%s: %s: %w", s.name, r.Do, err)
	case slices.Contains(a.Makers, s.pid()), a.Driver != 0 && slices.Contains(a.Makers, a.Driver):
		return a, fmt.Errorf("%s: %s: its driver made results", s.name, r.Do)
	}
	return a, nil
}

func (s *side) answer(ctx context.Context, patience time.Duration) (r reply, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return r, ctx.Err()
	case <-timer.C:
		return r, fmt.Errorf("no answer in %v", patience)
	case text, ok := <-s.lines:
		if !ok {
			return r, errors.New("the process has ended")
		}
		if err := json.Unmarshal(text, &r); err != nil {
			return r, fmt.Errorf("read its answer %q: %w", text, err)
		}
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

// close ends the side with all its processes, and waits for it. A peer that takes too long is killed: that is no fault of a measurement.
func (s *side) close() error {
	s.in.Close()
	timer := time.NewTimer(endPatience)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			s.kill()
			if s.name == sideRay {
				fmt.Fprintf(os.Stderr, "# %s did not end in %v, and was killed\n", s.name, endPatience)
				return nil
			}
			return fmt.Errorf("%s did not end in %v", s.name, endPatience)
		case _, ok := <-s.lines:
			if !ok {
				return s.cmd.Wait()
			}
		}
	}
}

// kill ends all its processes at once.
func (s *side) kill() {
	for _, pid := range tree(s.pid()) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
	for range s.lines { // until they are gone
	}
	_ = s.cmd.Wait() // it was killed
}
