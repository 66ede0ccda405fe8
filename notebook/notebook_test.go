package notebook

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// odd holds what this package does not understand, in an order that is not the alphabet's.
const odd = `{
 "nbformat": 4,
 "nbformat_minor": 5,
 "x-first": [1.50, 1e400, {"b": 1, "a": 2}],
 "metadata": {
  "z": 1,
  "kernelspec": {
   "name": "mobula",
   "language": "go"
  },
  "a": null
 },
 "cells": [
  {
   "source": "one\ntwo",
   "cell_type": "markdown",
   "id": "m1",
   "metadata": {},
   "attachments": {
    "image.png": {
     "image/png": "iVBORw0KGgo="
    }
   }
  },
  {
   "cell_type": "mystery",
   "source": [],
   "metadata": {
    "what": "<b>&amp;</b> \u2028"
   },
   "strange": {}
  },
  {
   "cell_type": "code",
   "execution_count": 12345678901234567890,
   "id": "c1",
   "metadata": {
    "tags": [
     "parameters",
     "no-export"
    ]
   },
   "outputs": [
    {
     "output_type": "hologram",
     "depth": 3.0
    },
    {
     "name": "stdout",
     "output_type": "stream",
     "text": "all in one\n"
    }
   ],
   "source": [
    "lr := 0.1\n",
    "lr"
   ]
  }
 ]
}
`

func TestNothingIsLost(t *testing.T) {
	nb, err := Parse([]byte(odd))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(nb.Encode()); strings.Join(strings.Fields(got), "") != strings.Join(strings.Fields(odd), "") {
		t.Errorf("wrote\n%s", got)
	}
	c := nb.Cells[2]
	if nb.Language() != "go" || c.Source != "lr := 0.1\nlr" || !c.HasTag(TagNoExport) || nb.Tagged(TagParameters) != 2 || c.Outputs[1].PlainText() != "all in one\n" {
		t.Errorf("%+v", c)
	}
	c.Source = "changed\n"
	nb.Cells = append(nb.Cells, nb.NewCode("a\nb", "new"))
	nb.Cells[3].ID = "fixed"
	again, err := Parse(nb.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Cells[2].Source + again.Cells[3].Source + again.Cells[3].Tags()[0]; got != "changed\na\nbnew" {
		t.Error(got)
	}
	if n := len(again.Cells[2].Outputs); n != 2 {
		t.Errorf("%d outputs", n)
	}
}

// TestNotebooksOfTheRepository holds that reading and writing changes nothing of what Jupyter has written.
func TestNotebooksOfTheRepository(t *testing.T) {
	paths, err := filepath.Glob("../notebooks/*.ipynb")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d notebooks: %v", len(paths), err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		nb, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if string(nb.Encode()) != string(data) {
			t.Errorf("%s is written in another way", path)
		}
	}
}

func TestNoNotebook(t *testing.T) {
	for text, want := range map[string]string{
		``:                     "this is no notebook: line 1 is not JSON: unexpected end",
		"{\n\n  nope}":         "line 3 is not JSON",
		`[]`:                   "want an object, have a list",
		`{}`:                   "has no nbformat",
		`{"nbformat": 3}`:      "convert it with  jupyter nbconvert",
		`{"nbformat": 5}`:      "newer than 4",
		`{"nbformat": 4}`:      "no list of cells",
		`{"nbformat": 4} true`: "not JSON",
		`{"nbformat": 4, "metadata": 3, "cells": []}`:                                                  "metadata is no object",
		`{"nbformat": 4, "cells": [{}]}`:                                                               "cell 1: it has no cell_type",
		`{"nbformat": 4, "cells": [{"cell_type": "raw", "source": ""}, {"cell_type": "code"}]}`:        "cell 2: source: it is missing",
		`{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}`:                               "have a number",
		`{"nbformat": 4, "cells": [{"cell_type": "code", "source": [], "outputs": {}}]}`:               "cell 1: outputs: ",
		`{"nbformat": 4, "cells": [{"cell_type": "code", "source": [], "metadata": []}]}`:              "cell 1: metadata: want an object, have a list",
		`{"nbformat": 4, "cells": [{"cell_type": "code", "source": [], "outputs": [{}, "a string"]}]}`: "have a string",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none.ipynb")); err == nil || !strings.Contains(err.Error(), "read the notebook") {
		t.Error(err)
	}
}

func TestOutputsAreWrittenAsNbformatDoes(t *testing.T) {
	nb := New()
	c := nb.NewCode("x")
	n := 3
	c.ID, c.ExecutionCount = "c", &n
	c.Outputs = []Output{
		{Type: Stream, Name: "stdout", Text: "a\n<b>"},
		{Type: Display, Data: map[string]json.RawMessage{"text/plain": json.RawMessage(`"p\nq"`), "image/png": json.RawMessage(`"QQ==\n"`), "application/json": json.RawMessage(`{"b":1}`)}},
		{Type: Result, ExecutionCount: &n, Data: map[string]json.RawMessage{"text/plain": json.RawMessage(`"3"`)}, Metadata: map[string]json.RawMessage{"m": json.RawMessage(`1`)}},
		{Type: Error, ErrorName: "panic", ErrorValue: "v"},
	}
	nb.Cells = append(nb.Cells, c)
	compareGolden(t, "outputs.ipynb", nb)
	again, err := Parse(nb.Encode())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for i := range again.Cells[0].Outputs {
		text.WriteString(again.Cells[0].Outputs[i].PlainText() + "|")
	}
	if text.String() != "a\n<b>|p\nq|3|panic: v|" {
		t.Errorf("%q", text.String())
	}
}

func TestWriteFileIsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.ipynb")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link.ipynb")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	nb := New()
	if err := nb.WriteFile(link); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != string(nb.Encode()) {
		t.Errorf("%q %v", data, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Error(st.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	if err := nb.WriteFile(filepath.Join(dir, "no", "folder.ipynb")); err == nil || !strings.Contains(err.Error(), "write the notebook") {
		t.Error(err)
	}
}

func TestHeading(t *testing.T) {
	for source, want := range map[string]string{
		"# One\n\ntext\n## Two ##\n": "Two", "```\n# code\n```\n": "", "#hash": "", "text": "", "####### seven": "",
	} {
		if got := (&Cell{Kind: Markdown, Source: source}).Heading(); got != want {
			t.Errorf("%q: %q", source, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(odd))
	f.Add([]byte(`{"nbformat":4,"cells":[{"cell_type":"code","source":[],"outputs":[{"output_type":"stream","text":["a","b"]}]}],"metadata":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		nb, err := Parse(data)
		if err != nil {
			return
		}
		text := nb.Encode()
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in what was written: %s", err, text)
		}
		if string(again.Encode()) != string(text) {
			t.Fatal("a second reading changes it")
		}
		var before, after any
		if json.Unmarshal(data, &before) == nil && json.Unmarshal(text, &after) == nil && !contains(after, before) {
			t.Fatalf("%s\nhas lost something:\n%s", data, text)
		}
	})
}

// contains reports whether all of want is in got. (A notebook without metadata gets an empty one, and so on.)
func contains(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		for key, v := range want {
			if x, has := g[key]; !has || !contains(x, v) {
				return false
			}
		}
		return ok
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return false
		}
		for i := range want {
			if !contains(g[i], want[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}
