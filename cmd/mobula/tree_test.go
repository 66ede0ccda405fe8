package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mobula/internal/golden"
)

// everyCommand calls f with each command of the tree, as a test of its own.
func everyCommand(t *testing.T, f func(t *testing.T, cmd *cobra.Command)) {
	t.Helper()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		t.Run(cmd.CommandPath(), func(t *testing.T) { f(t, cmd) })
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(io.Discard, io.Discard))
}

// TestCommandsTellHowTheyAreUsed: what every command has, as root.go asks for.
func TestCommandsTellHowTheyAreUsed(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		switch {
		case cmd.Short == "" || strings.HasSuffix(cmd.Short, "."):
			t.Errorf("Short is %q: say in a line what it does", cmd.Short)
		case !strings.Contains(cmd.Example, cmd.CommandPath()) && cmd.Runnable():
			t.Errorf("its Example is of something else: %q", cmd.Example)
		case cmd.Runnable() && cmd.Args == nil && !cmd.DisableFlagParsing:
			t.Error("it has no Args: use noArgs, or check them")
		case cmd.Runnable() && cmd.HasParent() && !cmd.Parent().HasParent() && !cmd.Hidden && cmd.GroupID == "":
			t.Error("it is in no group")
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("--%s has no description", f.Name)
			}
			zero := slices.Contains([]string{"", "0", "[]", "false"}, f.DefValue)
			if zero && f.Value.Type() != "bool" && !strings.Contains(f.Usage, "(default") && !strings.Contains(f.Usage, "(required)") {
				t.Errorf("--%s does not say what it is where it is not given: (default ...) or (required)", f.Name)
			}
		})
	})
}

// TestExamplesParse: no example has flags or arguments that are not taken.
func TestExamplesParse(t *testing.T) {
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(line, " #")
			for _, end := range []string{" && ", " || ", " > ", " | "} {
				line, _, _ = strings.Cut(line, end)
			}
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "mobula" {
				continue
			}
			root := newRoot(io.Discard, io.Discard)
			to, rest, err := root.Find(words[1:])
			switch {
			case err != nil || to == root && len(words) > 1:
				t.Errorf("%s: no such command: %v", line, err)
				continue
			case to.DisableFlagParsing:
				continue
			}
			if err := to.ParseFlags(rest); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if err := to.ValidateArgs(to.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	})
}

// widest is how wide a terminal help may need.
const widest = 115

func fileOf(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".txt"
}

// TestHelp: what each command says of itself, by --help and by help.
func TestHelp(t *testing.T) {
	alone(t)
	var files []string
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		var out, other strings.Builder
		if err := run(t.Context(), slices.Concat(path, []string{"--help"}), &out); err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), slices.Concat([]string{"help"}, path), &other); err != nil || other.String() != out.String() {
			t.Errorf("mobula help says\n%s\n%v", &other, err)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > widest {
				t.Errorf("a line of %d letters: %s", len(line), line)
			}
		}
		files = append(files, fileOf(cmd))
		golden.Compare(t, filepath.Join("testdata", "help", fileOf(cmd)), out.String())
	})
	there, err := filepath.Glob("testdata/help/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if !slices.Contains(files, filepath.Base(file)) {
			t.Errorf("%s is of no command", file)
		}
	}
	var out strings.Builder
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "testdata/help/mobula.txt", out.String())
}

// TestWrongInput: what is said to each wrong command line, and with which exit code.
func TestWrongInput(t *testing.T) {
	said := map[string]bool{}
	golden.Transcripts(t, "testdata/errors/*.txt", func(t *testing.T) func(string) string {
		alone(t)
		return func(line string) string {
			words := strings.Fields(line)
			for i := range words {
				said[strings.Join(words[:i+1], " ")] = true
			}
			var out, errs strings.Builder
			code := execute(t.Context(), words[1:], &out, &errs)
			if code == exitDone || out.Len() > 0 {
				t.Errorf("%s: exit code %d, and it says %q", line, code, out.String())
			}
			return fmt.Sprintf("exit code %d\n%s", code, errs.String())
		}
	})
	everyCommand(t, func(t *testing.T, cmd *cobra.Command) {
		if cmd.Runnable() && !said[cmd.CommandPath()] {
			t.Error("no line of testdata/errors is about it")
		}
	})
}

// TestFamily: a command that has others below it, and does nothing by itself.
func TestFamily(t *testing.T) {
	say := func(words ...string) (string, string, int) {
		var out, errs strings.Builder
		root := newRoot(&out, &errs)
		family := &cobra.Command{Use: "fruit", Short: "fruit"}
		family.AddCommand(&cobra.Command{Use: "apple", Short: "an apple", Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			cmd.Println("an apple")
			return nil
		}})
		root.AddCommand(family)
		cmd, err := dispatch(t.Context(), root, words)
		code := report(&errs, cmd, err)
		return out.String(), errs.String(), code
	}
	if out, errs, code := say("fruit"); code != exitDone || !strings.Contains(out, "apple       an apple") || errs != "" {
		t.Errorf("%d, %s, %s", code, out, errs)
	}
	for _, tt := range []struct{ line, want string }{
		{"fruit aple", "mobula: fruit: unknown command \"aple\" (did you mean apple?)\nRun  mobula fruit --help  for how it is used.\n"},
		{"fruit --aple", "mobula: fruit: unknown flag --aple\nRun  mobula fruit --help  for how it is used.\n"},
		{"apple", "mobula: unknown command \"apple\" (did you mean mobula fruit apple?)\nRun  mobula help  for what there is.\n"},
	} {
		if out, errs, code := say(strings.Fields(tt.line)...); code != exitMisuse || out != "" || errs != tt.want {
			t.Errorf("%s: %d, %s, %s", tt.line, code, out, errs)
		}
	}
}
