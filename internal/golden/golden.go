// Package golden compares what tests see with files in testdata. Only tests import it.
//
// With the flag -update the files are written anew, to be read as a diff.
//
// A transcript is a file of what was said and what was answered: blocks with empty lines between them, each lines of input, a line of
// four dashes, and the output. Lines that begin with # are comments.
//
// # Usage
//
//	golden.Compare(t, "testdata/errors.txt", text)
//	golden.Transcripts(t, "testdata/*.txt", func(t *testing.T) func(line string) string { return newScript(t).command })
//
// # Concurrency
//
// Lines are answered one after another, by the goroutine of their test.
//
// # Testing
//
// A transcript of what repeats each line.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// Update tells whether golden files are to be written anew.
func Update() bool { return *update }

// Compare fails the test where the file holds something else.
func Compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test -update writes it anew); now:\n%s", path, got)
	}
}

// Transcripts runs each transcript that the pattern finds as a test of its own. For each, begin returns what answers its lines; an
// answer ends with a newline, or is empty.
func Transcripts(t *testing.T, pattern string, begin func(t *testing.T) func(line string) string) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts %s: %v", pattern, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			Compare(t, path, answered(string(data), begin(t)))
		})
	}
}

// answered is the transcript with the answers of now.
func answered(text string, command func(string) string) string {
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		input, _, _ := strings.Cut(block, "\n----")
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(input + "\n")
		var answer strings.Builder
		commands := 0
		for line := range strings.Lines(input) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				commands++
				answer.WriteString(command(line))
			}
		}
		if commands > 0 {
			out.WriteString("----\n" + answer.String())
		}
	}
	return out.String()
}
