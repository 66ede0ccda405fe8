package jobline

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"mobula/internal/golden"
	"mobula/jobs"
)

// TestLines: what command lines submit, or what is said of them.
func TestLines(t *testing.T) {
	t.Setenv("FROM_HERE", "its value")
	transcripts, err := filepath.Abs("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, mode := range map[string]os.FileMode{"train": 0o755, "notes.txt": 0o644, "nb.ipynb": 0o644, "work/in.ipynb": 0o644, "work/run.sh": 0o755, "square/go.mod": 0o644, "empty/x": 0o644} {
		folder, _, found := strings.Cut(name, "/")
		if !found {
			folder = "."
		}
		if err := errors.Join(os.MkdirAll(folder, 0o755), os.WriteFile(name, nil, mode)); err != nil {
			t.Fatal(err)
		}
	}
	golden.Transcripts(t, transcripts, func(*testing.T) func(string) string {
		return func(line string) string {
			text, err := submitted(strings.Fields(line)[1:])
			if err != nil {
				return "error: " + err.Error() + "\n"
			}
			return text + "\n"
		}
	})
}

// submitted is what a line submits, as JSON without what is empty.
func submitted(words []string) (string, error) {
	var o Options
	f := pflag.NewFlagSet("submit", pflag.ContinueOnError)
	f.SetInterspersed(false)
	o.Register(f)
	if err := f.Parse(words); err != nil {
		return "", err
	}
	target, err := TargetOf(f.Args(), f.ArgsLenAtDash() == 0)
	if err != nil {
		return "", err
	}
	if target.Kind == Module {
		return fmt.Sprintf("the program of the folder %s, with %q", target.Path, target.Args), nil
	}
	spec, err := o.Spec(target)
	if err != nil {
		return "", err
	}
	all := map[string]any{}
	for field, value := range reflect.ValueOf(spec).Fields() {
		if !value.IsZero() && value.Kind() != reflect.Func && !(value.Kind() == reflect.Map && value.Len() == 0) && value.Interface() != jobs.DefaultGrace {
			all[field.Name] = value.Interface()
		}
	}
	text, err := json.Marshal(all)
	return string(text), err
}
