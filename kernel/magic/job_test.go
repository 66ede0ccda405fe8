package magic

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestJobMistakes: what is said of them, before anything is asked of a cluster.
func TestJobMistakes(t *testing.T) {
	b := newBench(t)
	e := &clusterEngine{fakeEngine: b.engine}
	b.Engine = e
	for source, want := range map[string]string{
		"%job submt":                                "did you mean submit?",
		"%job dance":                                "there are export, list, logs, output, status, stop, submit",
		"%job status":                               "name one job; use  %job status ID",
		"%job list all":                             `"all" is one word too many`,
		"%job submit":                               "does not tell the path of the notebook: name it",
		"%job submit none.ipynb":                    "there is no ",
		"%job submit --cpus many -- x":              "is no number",
		"%job submit --env NOT_SET_HERE -- x":       "is not set here",
		"%job submit -- echo 'a":                    "a ' has no other end",
		"%job submit -- x":                          "connect to one with  %cluster connect",
		"%job submit --env MOBULA_TEST -- x":        "connect to one with  %cluster connect", // it is set in the session
		"%job logs":                                 "name one job",
		"%job logs a --tail -1":                     "name one job",
		"%job logs a --tial 1":                      "unknown flag: --tial",
		"%job logs a":                               "connect to one with  %cluster connect",
		"%job submit --working-dir ~/x -p a=b -- x": "-p is for notebooks",
	} {
		if f := b.run(t.Context(), source); f == nil || !strings.Contains(f.Value, want) {
			t.Errorf("%s: %v", source, f)
		}
	}
	if f := b.run(t.Context(), "%job"); f != nil || !strings.Contains(b.out.String(), "%job stop ID\n    ends a job\n") {
		t.Errorf("%v, %s", f, b.out.String())
	}
	b.Engine = b.engine
	if f := b.run(t.Context(), "%job list"); f == nil || !strings.Contains(f.Value, "cannot run tasks on a cluster") {
		t.Error(f)
	}
}

func TestSplitWords(t *testing.T) {
	for line, want := range map[string]string{
		``: `[]`, ` a  b	c `: `["a" "b" "c"]`, `sh -c "echo 'x y' && z"`: `["sh" "-c" "echo 'x y' && z"]`, `'a "b\'`: `["a \"b\\"]`, `a\ b "\"" ''`: `["a b" "\"" ""]`, `é"ü"x`: `["éüx"]`,
	} {
		if got, err := splitWords(line); err != nil || fmt.Sprintf("%q", slices.Clone(got)) != want {
			t.Errorf("%s: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{`"a`, `a'`, `a\`} {
		if got, err := splitWords(line); err == nil {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func FuzzSplitWords(f *testing.F) {
	f.Add(`a "b c" 'd' \e`)
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil {
			return
		}
		var quoted strings.Builder
		for _, w := range words {
			quoted.WriteString(" '" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
		again, err := splitWords(quoted.String())
		if err != nil || !slices.Equal(words, again) {
			t.Errorf("%q: %q, quoted %q: %q, %v", line, words, quoted.String(), again, err)
		}
	})
}
