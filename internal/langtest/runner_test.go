package langtest

import (
	"context"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobula/interp"
)

// scripted is a session that prints each cell's number, or does what its text says.
type scripted struct {
	interp.Engine
	sink interp.Sink
}

func (s *scripted) Run(ctx context.Context, c interp.Cell) *interp.Error {
	switch {
	case strings.Contains(c.Source, "fail()"):
		return &interp.Error{Name: "panic", Value: "told to"}
	case strings.Contains(c.Source, "goroutine()"):
		s.sink.Fault(c.Number, &interp.Error{Name: "panic", Value: "elsewhere"})
	case strings.Contains(c.Source, "hang()"):
		<-ctx.Done()
		return &interp.Error{Name: "interrupted"}
	case strings.Contains(c.Source, "exit()"):
		return &interp.Error{Name: "host exited", Value: "os.Exit(0)"}
	}
	s.sink.Stream(c.Number, "stdout", fmt.Sprintln(c.Number))
	return nil
}

func (s *scripted) Ready(context.Context) error {
	s.sink.Stream(0, "stderr", "progress")
	return nil
}

func (s *scripted) Close() error { return nil }

func TestRunner(t *testing.T) {
	runner := &Runner{Cutter: new(Cutter), Timeout: time.Second, Open: func(_ context.Context, _ string, sink interp.Sink) (interp.Engine, error) {
		return &scripted{sink: sink}, nil
	}}
	cases := []struct {
		name, source string
		way          Way
		want         Outcome
		reason       string
	}{
		{"pass", "package main\nfunc main() {}", Whole, Outcome{Stdout: "1\n"}, ""},
		{"pass cut", "package main\nvar x int\nfunc main() {}", Cut, Outcome{Stdout: "1\n2\n"}, ""},
		{"output", "package main\nfunc main() {}", Whole, Outcome{Stdout: "2\n"}, `line 1: got "1", want "2"`},
		{"stderr", "package main\nfunc main() {}", Whole, Outcome{Stdout: "1\n", Stderr: "x"}, "stderr differs"},
		{"status", "package main\nfunc main() {}", Whole, Outcome{Stdout: "1\n", Exit: 2}, "status 2"},
		{"error", "package main\nfunc main() { fail() }", Whole, Outcome{}, "cell 1 of 1: panic: told to"},
		{"goroutine", "package main\nfunc main() { goroutine() }", Whole, Outcome{Stdout: "1\n"}, "elsewhere"},
		{"exit", "package main\nfunc main() { exit() }", Whole, Outcome{}, ""},
		{"hang", "package main\nfunc main() { hang() }", Whole, Outcome{}, "did not end"},
		{"uncut", "package main\nfunc main() { undefined() }", Cut, Outcome{}, "cannot be cut"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := runner.Run(t.Context(), Program{Name: "x.go", Source: []byte(c.source)}, c.way, c.want)
			if !strings.Contains(got.Reason, c.reason) || got.Pass != (c.reason == "") {
				t.Errorf("got %+v, want reason %q", got, c.reason)
			}
		})
	}
}

func TestReference(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.go")
	source := []byte("package main\nimport \"os\"\nfunc main() { println(\"e\"); os.Stdout.WriteString(\"o\"); os.Exit(3) }")
	if err := os.WriteFile(path, source, 0o644); err != nil {
		t.Fatal(err)
	}
	reference := &Reference{Go: filepath.Join(build.Default.GOROOT, "bin", "go"), Dir: t.TempDir(), Timeout: time.Minute}
	want := Outcome{"o", "e\n", 3}
	for range 2 { // the second answer is the cache's
		got, err := reference.Expect(t.Context(), Program{"x.go", path, source})
		if err != nil || got != want {
			t.Fatalf("got %+v, %v", got, err)
		}
		reference.Go = "not needed any more"
	}
}

func TestJournalAndReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "results.jsonl")
	for i := range 2 {
		j, err := OpenJournal(path, KeepAll)
		if err != nil {
			t.Fatal(err)
		}
		if j.Has("a.go", Whole) != (i == 1) {
			t.Error("a result is lost, or found before it was there")
		}
		for _, r := range []Result{{Program: "a.go", Way: Whole, Pass: true}, {Program: "b.go", Way: Whole, Reason: "a|b"}, {Program: "b.go", Way: Cut, Pass: true}} {
			if err := j.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		report := NewReport(j.Results(), []Skip{{"c.go", "why"}})
		if got := report.Ways[Whole]; got.Passed != 1 || got.Total != 2 {
			t.Errorf("counted %+v", got)
		}
		if missed := report.Missed(); len(missed) != 1 || !strings.Contains(missed[0], "whole: 50.0 %") {
			t.Errorf("missed %q", missed)
		}
		if md := report.Markdown(); !strings.Contains(md, `| b.go | whole | a\|b |`) || !strings.Contains(md, "| c.go | why |") {
			t.Error(md)
		}
		base := filepath.Join(t.TempDir(), "report")
		if err := report.Write(base); err != nil {
			t.Fatal(err)
		}
		known, err := Known(base)
		if err != nil || len(report.New(known)) != 0 || len(report.New(nil)) != 1 {
			t.Errorf("known failures: %v, %v", known, err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for keep, want := range map[Keep]int{KeepAll: 3, KeepPasses: 2, KeepNone: 0} {
		// KeepNone empties the file, so each choice gets a copy.
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "results.jsonl")
		if err := os.WriteFile(copied, append(data, `{"program": "cut sho`...), 0o644); err != nil {
			t.Fatal(err)
		}
		j, err := OpenJournal(copied, keep)
		if err != nil || len(j.Results()) != want {
			t.Errorf("keep %d: %d results, %v", keep, len(j.Results()), err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
