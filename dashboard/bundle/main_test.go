package main

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// mostBytes bounds the page as browsers load it, compressed.
const mostBytes = 150 << 10

func TestDistIsOfTheSources(t *testing.T) {
	files, err := bundle("../ui")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("../dist")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, e := range entries {
		there = append(there, e.Name())
	}
	if want := slices.Sorted(maps.Keys(files)); !slices.Equal(there, want) {
		t.Errorf("dist has %v, the sources give %v: run  make ui", there, want)
	}
	size := 0
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "dist", name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the sources give: run  make ui  (%v)", name, err)
		}
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		if _, err := z.Write(want); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		size += packed.Len()
	}
	t.Logf("the page has %d bytes, compressed", size)
	if size > mostBytes {
		t.Errorf("the page has %d bytes, compressed: %d are the bound", size, mostBytes)
	}
}

// address finds URLs of other servers, but for names of XML and licences.
var address = regexp.MustCompile(`https?://[\w.-]+`)

// TestNothingFromElsewhere: the page loads nothing from other servers, and every asset is referred to.
func TestNothingFromElsewhere(t *testing.T) {
	files, err := bundle("../ui")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		for _, found := range address.FindAllString(string(data), -1) {
			if name != "licenses.txt" && found != "http://www.w3.org" && found != "https://github.com" {
				t.Errorf("%s names %s", name, found)
			}
		}
		if name == "index.html" || name == "licenses.txt" {
			continue
		}
		if !bytes.Contains(files["index.html"], []byte(`"`+name+`"`)) {
			t.Errorf("nothing refers to %s", name)
		}
	}
}
