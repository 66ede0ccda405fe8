package notebook

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Notebook is a document of cells.
type Notebook struct {
	Cells    []*Cell
	Metadata Object

	rest  Object // all members; cells and metadata are kept above
	minor int
}

// New returns an empty notebook for the Go kernel.
func New() *Notebook {
	nb := &Notebook{minor: 5, rest: object("cells", nil, "metadata", nil, "nbformat", 4, "nbformat_minor", 5)}
	nb.Metadata.Set("kernelspec", object("display_name", "Go (Mobula)", "language", "go", "name", "mobula"))
	return nb
}

// ReadFile reads a notebook.
func ReadFile(path string) (*Notebook, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the notebook: %w", err)
	}
	nb, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return nb, nil
}

// Parse reads a notebook of nbformat 4. The error says what of it is no notebook.
func Parse(data []byte) (*Notebook, error) {
	nb := &Notebook{}
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), &nb.rest); err != nil {
		return nil, notJSON(data, err)
	}
	major := 0
	switch {
	case !nb.rest.Decode("nbformat", &major):
		return nil, errors.New("this is no notebook: it has no nbformat")
	case major < 4:
		return nil, fmt.Errorf("this notebook has format %d, and 4 is needed: convert it with  jupyter nbconvert --to notebook --nbformat 4", major)
	case major > 4:
		return nil, fmt.Errorf("this notebook has format %d, which is newer than 4", major)
	}
	nb.rest.Decode("nbformat_minor", &nb.minor)
	if raw := nb.rest.Get("metadata"); raw != nil {
		if err := json.Unmarshal(raw, &nb.Metadata); err != nil {
			return nil, fmt.Errorf("this is no notebook: its metadata is no object: %w", err)
		}
	}
	var cells []json.RawMessage
	if !nb.rest.Decode("cells", &cells) || cells == nil {
		return nil, errors.New("this is no notebook: it has no list of cells")
	}
	for i, raw := range cells {
		c := &Cell{}
		if err := c.parse(raw); err != nil {
			return nil, fmt.Errorf("cell %d: %w", i+1, err)
		}
		nb.Cells = append(nb.Cells, c)
	}
	return nb, nil
}

func notJSON(data []byte, err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := data[:min(int(syntax.Offset), len(data))]
		return fmt.Errorf("this is no notebook: line %d is not JSON: %w", 1+bytes.Count(before, []byte("\n")), err)
	}
	return fmt.Errorf("this is no notebook: %w", err)
}

// Encode returns the notebook as a file holds it.
func (nb *Notebook) Encode() []byte {
	rest := nb.rest.clone()
	cells := make([]json.RawMessage, len(nb.Cells))
	for i, c := range nb.Cells {
		cells[i] = c.encode()
	}
	rest.Set("cells", cells)
	if nb.Metadata.Len() > 0 || string(rest.Get("metadata")) != "null" {
		rest.Set("metadata", nb.Metadata)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, encode(rest), "", " "); err != nil {
		panic(fmt.Sprintf("notebook: %v in what was read as JSON", err))
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func (o *Object) clone() Object {
	var c Object
	for key, value := range o.All() {
		c.keys = append(c.keys, key)
		if c.values == nil {
			c.values = map[string]json.RawMessage{}
		}
		c.values[key] = value
	}
	return c
}

// WriteFile writes the notebook as a whole or not at all: a reader finds the old file or the new one, whenever the writer is killed.
func (nb *Notebook) WriteFile(path string) error {
	if err := writeFile(path, nb.Encode()); err != nil {
		return fmt.Errorf("write the notebook: %w", err)
	}
	return nil
}

func writeFile(path string, data []byte) error {
	mode := os.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if st, err := os.Stat(path); err == nil {
		if !st.Mode().IsRegular() { // a pipe, /dev/stdout
			return os.WriteFile(path, data, mode)
		}
		mode = st.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Language is the programming language that the notebook says it is in, "" where it does not say.
func (nb *Notebook) Language() string {
	var kernel struct {
		Language string `json:"language"`
	}
	var info struct {
		Name string `json:"name"`
	}
	if nb.Metadata.Decode("kernelspec", &kernel) && kernel.Language != "" {
		return strings.ToLower(kernel.Language)
	}
	nb.Metadata.Decode("language_info", &info)
	return strings.ToLower(info.Name)
}

// NewCode makes a code cell of this notebook, which is in no place of it yet.
func (nb *Notebook) NewCode(source string, tags ...string) *Cell {
	c := &Cell{Kind: Code, Source: source}
	c.rest.Set("cell_type", Code)
	c.rest.Put("execution_count", nil)
	if nb.minor >= 5 { // from then on every cell has one
		c.ID = newID()
		c.rest.Set("id", c.ID)
	}
	for _, key := range []string{"metadata", "outputs", "source"} {
		c.rest.Put(key, nil)
	}
	if len(tags) > 0 {
		c.Metadata.Set("tags", tags)
	}
	return c
}

// newID returns an id as nbformat makes them.
func newID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Tagged returns the index of the first cell that has a tag, or -1.
func (nb *Notebook) Tagged(tag string) int {
	for i, c := range nb.Cells {
		if c.HasTag(tag) {
			return i
		}
	}
	return -1
}
