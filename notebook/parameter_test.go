package notebook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mobula/internal/golden"
)

func compareGolden(t *testing.T, name string, nb *Notebook) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name), string(nb.Encode()))
}

const parameterSource = `// Hyperparameters.
%time 1

lr := 0.1 // learning rate
epochs := 10
// What the run is called,
// in the list.
name := "first"
debug := false
const seed = 42 // of all random numbers
var patience time.Duration = 5 * time.Second
wait := 90 * time.Second
layers := []int{64, 32}
weights := map[string]float64{"a": 1}
type mode string
var how mode = "fast"
small, big := int8(1), uint64(1<<40)
var ratio float32
size := 1 << 20
data := os.Getenv("DATA")
any1 := any(3)
epochs = 20`

func parametersOfTest(t *testing.T) []Parameter {
	t.Helper()
	nb := New()
	nb.Cells = append(nb.Cells, nb.NewCode(parameterSource, TagParameters))
	list, err := nb.Parameters()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestParameters(t *testing.T) {
	var got strings.Builder
	for _, p := range parametersOfTest(t) {
		kind := "var"
		if p.Const {
			kind = "const"
		}
		got.WriteString(strings.Join([]string{kind, p.Name, p.Type, p.Default, p.Help}, " | ") + "\n")
	}
	golden.Compare(t, "testdata/parameters.txt", got.String())
	if list, err := New().Parameters(); len(list) != 0 || err != nil {
		t.Error(list, err)
	}
	for source, want := range map[string]string{
		"lr := 0.1\nx := )":     "the parameters cell: ",
		"lr := 0.1\n\nx := 1 +": "the parameters cell, line 3: ",
		"a := 'xy'":             "the parameters cell: ",
	} {
		if _, err := readParameters(source); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", source, err)
		}
	}
}

// TestValues is a golden table: name=value, then the assignment and what metadata.papermill says of it, or the error.
func TestValues(t *testing.T) {
	parameters := parametersOfTest(t)
	golden.Transcripts(t, "testdata/values.txt", func(*testing.T) func(string) string {
		return func(line string) string {
			name, text, _ := strings.Cut(line, "=")
			return resolved(Resolve(parameters, []Given{{Name: name, Text: text}}))
		}
	})
	golden.Transcripts(t, "testdata/file_values.txt", func(*testing.T) func(string) string {
		return func(line string) string {
			given, err := parseParameters([]byte(line))
			if err != nil {
				return err.Error() + "\n"
			}
			return resolved(Resolve(parameters, given))
		}
	})
	golden.Transcripts(t, "testdata/new_values.txt", func(*testing.T) func(string) string {
		return func(line string) string {
			name, text, _ := strings.Cut(line, "=")
			return resolved(Resolve(nil, []Given{{Name: name, Text: text}}))
		}
	})
}

func resolved(list []Assignment, err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, a := range list {
		b.WriteString(a.Name + " = " + a.Expr + "   " + string(a.JSON) + "\n")
	}
	return b.String()
}

func TestResolveTellsAll(t *testing.T) {
	parameters := parametersOfTest(t)
	_, err := Resolve(parameters, []Given{{Name: "lr", Text: "abc"}, {Name: "epoch", Text: "1"}})
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Error(err)
	}
	list, err := Resolve(parameters, []Given{{Name: "lr", Text: "1"}, {Name: "epochs", Text: "2"}, FromData("lr", 0.5)})
	if err != nil || len(list) != 2 || list[0].Expr != "0.5" {
		t.Error(list, err)
	}
}

func TestInject(t *testing.T) {
	inject := func(nb *Notebook, parameters []Parameter, texts ...string) {
		t.Helper()
		var given []Given
		for _, text := range texts {
			name, value, _ := strings.Cut(text, "=")
			given = append(given, Given{Name: name, Text: value})
		}
		list, err := Resolve(parameters, given)
		if err != nil {
			t.Fatal(err)
		}
		nb.Inject(list)
		nb.Cells[nb.Tagged(TagInjected)].ID = "injected"
	}
	nb := New()
	for _, source := range []string{"before", "lr := 0.1\nconst seed = 1", "after"} {
		c := nb.NewCode(source)
		c.ID = "id-" + strings.Fields(source)[0]
		nb.Cells = append(nb.Cells, c)
	}
	nb.Cells[1].Metadata.Set("tags", []string{TagParameters})
	parameters, err := nb.Parameters()
	if err != nil {
		t.Fatal(err)
	}
	inject(nb, parameters, "seed=3", "lr=0.5")
	compareGolden(t, "injected.ipynb", nb)
	inject(nb, parameters, "lr=2")
	if got := nb.Cells[2].Source; len(nb.Cells) != 4 || got != "// Parameters\nlr = 2" {
		t.Errorf("%d cells, %q", len(nb.Cells), got)
	}
	nb.Inject(nil)
	if len(nb.Cells) != 4 {
		t.Error("nothing was injected, and yet a cell came")
	}
	top := New()
	top.Cells = append(top.Cells, top.NewCode("first"))
	inject(top, nil, "n=3", "who=me")
	if got := top.Cells[0].Source; got != "// Parameters\nn := 3\nwho := \"me\"" {
		t.Errorf("%q", got)
	}
}

func TestParameterFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.yaml")
	for text, want := range map[string]string{
		"":                       "",
		"lr: 0.1\nepochs: 3\n":   "lr,epochs,",
		`{"epochs": 3, "lr": 1}`: "epochs,lr,",
		"- 1":                    "it is no map",
		"lr: 1\nlr: 2":           "already defined",
		"lr: [":                  "yaml:",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		given, err := ReadParameterFile(path)
		got := ""
		for _, g := range given {
			got += g.Name + ","
		}
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%q: %s", text, got)
		}
	}
	if _, err := ReadParameterFile(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestPapermillMetadata(t *testing.T) {
	nb := New()
	for _, source := range []string{"a", "b"} {
		c := nb.NewCode(source)
		c.ID = source
		c.Outputs = []Output{{Type: Stream, Name: "stdout", Text: "old"}}
		nb.Cells = append(nb.Cells, c)
	}
	marker := nb.NewCode("failed", tagErrorMarker)
	nb.Cells = append([]*Cell{marker}, nb.Cells...)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	nb.Prepare(Run{Input: "in.ipynb", Output: "out.ipynb", Version: "v"})
	nb.Begin(now)
	nb.Cells[0].BeginCell(now)
	nb.EndCell(nb.Cells[0], now, now.Add(1500*time.Millisecond), true)
	nb.End(now, now.Add(2*time.Second))
	compareGolden(t, "papermill.ipynb", nb)
	if len(nb.Cells) != 2 {
		t.Errorf("%d cells", len(nb.Cells))
	}
}

func FuzzParameters(f *testing.F) {
	f.Add(parameterSource, "lr", "0.5")
	f.Add("x := []string{\"a\"}", "x", "[b, c]")
	f.Fuzz(func(t *testing.T, source, name, text string) {
		list, err := readParameters(source)
		if err != nil {
			return
		}
		assignments, err := Resolve(list, []Given{{Name: name, Text: text}})
		if err != nil {
			return
		}
		nb := New()
		nb.Inject(assignments)
		for _, a := range assignments {
			if !json.Valid(a.JSON) {
				t.Errorf("%s: %q is no JSON", a.Name, a.JSON)
			}
		}
		if _, err := Parse(nb.Encode()); err != nil {
			t.Error(err)
		}
	})
}
