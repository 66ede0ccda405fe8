package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// logSizes are the sizes of the files in a directory.
func logSizes(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int64{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		sizes[e.Name()] = info.Size()
	}
	return sizes
}

func TestLogFilesRotate(t *testing.T) {
	dir := t.TempDir()
	s := newLogStore(dir, 400)
	if s.size != 100 || newLogStore(dir, 256<<20).size != logFileSize {
		t.Fatalf("a file has %d bytes", s.size)
	}
	f := s.open("a")
	for i := range 25 {
		if n, err := f.Write([]byte(strings.Repeat(string(rune('a'+i)), 10))); n != 10 || err != nil {
			t.Fatal(n, err)
		}
	}
	if got := logSizes(t, dir); len(got) != 2 || got["a.log"] != 50 || got["a.log.1"] != 100 {
		t.Errorf("%v", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a.log")); err != nil || string(text[:1]) != "u" {
		t.Errorf("%q, %v", text, err)
	}
	if n, err := f.Write(make([]byte, 250)); n != 250 || err != nil { // more than a file
		t.Error(n, err)
	}
	if err := f.close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Write([]byte("late")); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestLogsOfEndedWorkersGoFirst(t *testing.T) {
	dir := t.TempDir()
	s := newLogStore(dir, 400)
	silent := s.open("silent")
	if err := silent.close(); err != nil || len(s.files) != 0 {
		t.Errorf("%v, %d files", err, len(s.files))
	}
	write := func(f *logFile, n int) {
		if _, err := f.Write(make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	living, first, second := s.open("living"), s.open("first"), s.open("second")
	write(living, 150)
	write(first, 100)
	write(second, 100)
	for _, f := range []*logFile{first, second} {
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
	next := s.open("next")
	write(next, 60)
	if got := logSizes(t, dir); len(got) != 4 || got["second.log"] != 100 || got["living.log.1"] != 100 {
		t.Errorf("the oldest of the ended goes: %v", got)
	}
	write(next, 140)
	if got := logSizes(t, dir); len(got) != 4 || got["living.log"] != 50 || got["living.log.1"] != 100 || got["next.log"] != 100 {
		t.Errorf("then the other: %v", got)
	}
	more := s.open("more")
	write(more, 100)
	if got := logSizes(t, dir); got["living.log.1"] != 0 || got["living.log"] != 50 || got["more.log"] != 100 {
		t.Errorf("then the older halves of the living: %v", got)
	}
}

func TestRawOutput(t *testing.T) {
	const crashText = "fatal error: concurrent map writes\n\ngoroutine 8 [running]:\n"
	tests := []struct {
		name    string
		stream  string
		chunks  []string
		crashed bool
		passed  []string
		report  string
	}{
		{"whole lines", streamOut, []string{"a\nb", "c\n", "d"}, false, []string{"a\n", "bc\n", "d"}, ""},
		{"a long line", streamOut, []string{strings.Repeat("x", lineLimit), "y\n"}, false, []string{strings.Repeat("x", lineLimit), "y\n"}, ""},
		{"a crash", streamError, []string{"before\nfatal", " error: x\nmore\n", "last"}, true, []string{"before\n"}, "fatal error: x\nmore\nlast"},
		{"in one piece", streamError, []string{"w\n" + crashText}, true, []string{"w\n"}, crashText},
		{"what only looks like one", streamError, []string{"panic: no\nmore\n"}, false, []string{"panic: no\nmore\n"}, ""},
		{"not on stdout", streamOut, []string{crashText}, true, []string{crashText}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var passed []string
			store := newLogStore(t.TempDir(), 1<<20)
			o := &rawOutput{stream: tt.stream, log: store.open("x"), pass: func(stream, text string) { passed = append(passed, text) }}
			for _, c := range tt.chunks {
				if n, err := o.Write([]byte(c)); n != len(c) || err != nil {
					t.Error(n, err)
				}
			}
			report, tail := o.finish(tt.crashed)
			if string(report) != tt.report || strings.Join(passed, "|") != strings.Join(tt.passed, "|") {
				t.Errorf("report %q, passed %q", report, passed)
			}
			if all := strings.Join(tt.chunks, ""); tt.stream == streamError && string(tail) != all {
				t.Errorf("the end is %q", tail)
			}
			if err := o.log.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRawOutputIsBounded(t *testing.T) {
	o := &rawOutput{stream: streamError, log: newLogStore(t.TempDir(), 1<<20).open("x"), pass: func(string, string) {}}
	for _, c := range []string{"panic: x\n", strings.Repeat("a", reportKeep), strings.Repeat("b", reportKeep)} {
		if _, err := o.Write([]byte(c)); err != nil {
			t.Fatal(err)
		}
	}
	report, tail := o.finish(true)
	if len(report) != reportKeep || !bytes.HasPrefix(report, []byte("panic: x\na")) || len(tail) != tailKeep || tail[0] != 'b' {
		t.Errorf("%d and %d bytes", len(report), len(tail))
	}
	if err := o.log.close(); err != nil {
		t.Error(err)
	}
}
