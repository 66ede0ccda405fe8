package main

import (
	"fmt"
	"strings"
	"testing"

	"mobula/cluster/headwire"
	"mobula/cluster/inspect"
	"mobula/internal/golden"
	"mobula/internal/id"
)

// completed is what a shell is told about the end of a command line, without descriptions.
func completed(t *testing.T, words ...string) string {
	t.Helper()
	var out strings.Builder
	if err := run(t.Context(), append([]string{"__complete"}, words...), &out); err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		all = append(all, word)
	}
	return strings.Join(all, " ")
}

// TestCompletion: what is completed where no cluster runs; :4 says that no files are, :0 that they are, :16 folders, :6 that no space follows.
func TestCompletion(t *testing.T) {
	alone(t)
	var text strings.Builder
	for _, line := range []string{
		"|", "li|", "list |", "list t|", "list tasks |", "get |", "get tasks |", "summary gr|", "logs |", "logs task |", "list tasks --filter |", "list tasks --filter st|",
		"list tasks --filter node=a,st|", "list tasks --filter state=|", "list --filter |", "list nodes -o |", "list nodes --output j|", "list nodes --address |", "list nodes --token |",
		"list nodes --l|", "start --h|", "start --emb|", "start --dir |", "start --log-level |", "start --node-name |", "stop |", "kernel |", "kernel -f |", "kernel install --prefix |", "timeline |",
		"timeline a |", "build |", "completion |", "completion ba|", "help |", "help kernel |", "version -o |", "gpus --out|",
	} {
		begin, _ := strings.CutSuffix(line, "|")
		words := strings.Split(begin, " ")
		fmt.Fprintf(&text, "mobula %s\n----\n%s\n\n", line, completed(t, words...))
	}
	golden.Compare(t, "testdata/completion.txt", text.String())
}

func TestCompletionOfThings(t *testing.T) {
	rows := &table{columns: kinds["nodes"].columns}
	for i, name := range []string{"first", "twice", "twice", "two words", "-x", "a\tb\nc", ""} {
		n := inspect.Node{NodeInfo: headwire.NodeInfo{State: "alive", NodeHello: headwire.NodeHello{ID: named[id.Node](byte(i)), Name: name}}}
		rows.add(n, nodeCells(n, at(0))...)
	}
	for begin, want := range map[string]string{
		"":    "first\talive|a0000001\ttwice, alive|a0000002\ttwice, alive|a0000003\ttwo words, alive|a0000004\t-x, alive|a0000005\ta b c, alive|a0000006\talive",
		"fi":  "first\talive",
		"a00": "a0000000\tfirst, alive|a0000001\ttwice, alive|a0000002\ttwice, alive|a0000003\ttwo words, alive|a0000004\t-x, alive|a0000005\ta b c, alive|a0000006\talive",
		"x":   "",
	} {
		if got := strings.Join(rows.completions(begin), "|"); got != want {
			t.Errorf("%q: %q", begin, got)
		}
	}
}

// TestCompletionScripts: each shell gets one that asks this program.
func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		var out strings.Builder
		if err := run(t.Context(), []string{"completion", shell}, &out); err != nil || !strings.Contains(out.String(), "__complete") || !strings.Contains(out.String(), "mobula") {
			t.Errorf("%s: %v, %.200s", shell, err, out.String())
		}
	}
}
