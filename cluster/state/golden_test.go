package state

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcripts in testdata anew")

// runTranscript runs a transcript: blocks of input lines, a line of four dashes, and the output up to an empty line.
// Lines that begin with # are comments. With -update the outputs are replaced.
func runTranscript(t *testing.T, path string, run func(line string) string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for i, block := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
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
				answer.WriteString(run(line))
			}
		}
		if commands > 0 {
			out.WriteString("----\n" + answer.String())
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out.String() != string(data) {
		t.Errorf("%s differs (go test -update writes it anew); now:\n%s", path, out.String())
	}
}
