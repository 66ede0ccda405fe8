package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// startTime bounds how long a start in the background is waited for.
const startTime = 30 * time.Second

// startInBackground starts the same command with these arguments as a process that outlives this one, and shows what it says.
func startInBackground(ctx context.Context, args []string, out io.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this binary: %w", err)
	}
	log, err := os.CreateTemp("", "mobula-start-*.log")
	if err != nil {
		return fmt.Errorf("open a log for the background: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(exe, append([]string{"start"}, args...)...)
	detach(cmd)
	cmd.Stderr = log
	says, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	text, err := firstWords(ctx, says)
	if err != nil {
		_ = cmd.Process.Kill()               // it may have ended; else nobody would know of it
		reason, _ := os.ReadFile(log.Name()) // without it the error alone is told
		if text := strings.TrimSpace(string(reason)); text != "" && errors.Is(err, errEnded) {
			err = errors.New(strings.TrimPrefix(text, "mobula: "))
		}
		_ = os.Remove(log.Name()) // a left-over harms nobody
		return err
	}
	fmt.Fprintf(out, "%s\nIts log is %s.\n", text, log.Name())
	return cmd.Process.Release()
}

var errEnded = errors.New("the background process ended before it was ready")

// firstWords reads what a process says when it is ready.
func firstWords(ctx context.Context, says io.Reader) (string, error) {
	type result struct {
		text string
		err  error
	}
	heard := make(chan result, 1)
	go func() { // ends with the text, or the process
		var all bytes.Buffer
		b := make([]byte, 4096)
		for {
			n, err := says.Read(b)
			all.Write(b[:n])
			if strings.Contains(all.String(), "mobula stop\n") { // the last line
				heard <- result{all.String(), nil}
				return
			}
			if err != nil {
				heard <- result{"", errEnded}
				return
			}
		}
	}()
	select {
	case r := <-heard:
		return r.text, r.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case <-time.After(startTime):
		return "", fmt.Errorf("the background process is not ready after %v", startTime)
	}
}
