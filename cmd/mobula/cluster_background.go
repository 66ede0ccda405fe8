package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// startInBackground starts the same command as a process that outlives this one, and shows what it says.
func startInBackground(ctx context.Context, args []string, out io.Writer) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this binary: %w", err)
	}
	logFile := filepath.Join(os.TempDir(), fmt.Sprintf("mobula-start-%d.log", os.Getpid()))
	args = slices.DeleteFunc(slices.Clone(args), func(a string) bool {
		return strings.TrimLeft(a, "-") == "background" || strings.HasPrefix(strings.TrimLeft(a, "-"), "background=")
	})
	cmd := exec.Command(exe, append([]string{"start"}, args...)...)
	detach(cmd)
	errorsFile, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open a log for the background: %w", err)
	}
	defer errorsFile.Close()
	cmd.Stderr = errorsFile
	says, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	text, err := firstWords(ctx, says)
	if err != nil {
		reason, _ := os.ReadFile(logFile) // without it the error alone is told
		if len(reason) > 0 {
			err = errors.New(strings.TrimPrefix(strings.TrimSpace(string(reason)), "mobula: "))
		}
		return err
	}
	fmt.Fprintf(out, "%s\nIts log is %s.\n", text, logFile)
	return cmd.Process.Release()
}

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
				heard <- result{"", errors.New("the background process ended before it was ready")}
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
