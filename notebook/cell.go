package notebook

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is the type of a cell.
type Kind string

// The kinds of cells that nbformat has. Others are kept.
const (
	Code     Kind = "code"
	Markdown Kind = "markdown"
	Raw      Kind = "raw"
)

// Tags that say what a run and an export do with a cell.
const (
	TagParameters      = "parameters"          // declares the parameters with their defaults (papermill)
	TagInjected        = "injected-parameters" // was put there with the values that were given (papermill)
	TagRaisesException = "raises-exception"    // may fail (nbclient)
	TagSkipExecution   = "skip-execution"      // does not run (nbclient)
	TagNoExport        = "no-export"           // is no part of an exported program

	tagErrorMarker = "papermill-error-cell-tag" // says where an earlier run of papermill failed
)

// Cell is a part of a notebook.
type Cell struct {
	Kind     Kind
	ID       string // "" before nbformat 4.5
	Source   string
	Metadata Object

	// Of code cells.

	ExecutionCount *int // nil: it has not run
	Outputs        []Output

	rest Object // all members as they were read, the above too
	read struct {
		source  string
		count   *int
		outputs int
	}
}

func (c *Cell) parse(raw json.RawMessage) error {
	if err := json.Unmarshal(raw, &c.rest); err != nil {
		return err
	}
	if !c.rest.Decode("cell_type", &c.Kind) || c.Kind == "" {
		return errors.New("it has no cell_type")
	}
	c.rest.Decode("id", &c.ID)
	source, err := multiline(c.rest.Get("source"))
	if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	c.Source, c.read.source = source, source
	if meta := c.rest.Get("metadata"); meta != nil {
		if err := json.Unmarshal(meta, &c.Metadata); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
	}
	if c.Kind != Code {
		return nil
	}
	c.rest.Decode("execution_count", &c.ExecutionCount)
	c.read.count = c.ExecutionCount
	if outputs := c.rest.Get("outputs"); outputs != nil {
		if err := json.Unmarshal(outputs, &c.Outputs); err != nil {
			return fmt.Errorf("outputs: %w", err)
		}
	}
	c.read.outputs = len(c.Outputs)
	return nil
}

// encode writes the cell: what is as it was read keeps its text.
func (c *Cell) encode() json.RawMessage {
	rest := c.rest.clone()
	if c.ID != "" {
		rest.Set("id", c.ID)
	}
	if c.Source != c.read.source || rest.Get("source") == nil {
		rest.Set("source", lines(c.Source))
	}
	if c.Metadata.Len() > 0 || string(rest.Get("metadata")) != "null" {
		rest.Set("metadata", c.Metadata)
	}
	if c.Kind != Code {
		return encode(rest)
	}
	if c.ExecutionCount != c.read.count || rest.Get("execution_count") == nil {
		rest.Set("execution_count", c.ExecutionCount)
	}
	if len(c.Outputs)+c.read.outputs > 0 || rest.Get("outputs") == nil {
		rest.Set("outputs", append([]Output{}, c.Outputs...))
	}
	return encode(rest)
}

// Tags are the cell's tags.
func (c *Cell) Tags() (tags []string) {
	c.Metadata.Decode("tags", &tags)
	return tags
}

// HasTag reports whether the cell has a tag.
func (c *Cell) HasTag(tag string) bool { return slices.Contains(c.Tags(), tag) }

// multiline reads a string that may be given as a list of its lines.
func multiline(raw json.RawMessage) (string, error) {
	if raw == nil {
		return "", errors.New("it is missing")
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", fmt.Errorf("want a string or a list of strings, have %s", kindOf(raw))
	}
	return strings.Join(list, ""), nil
}

// lines splits a text into its lines, as nbformat writes it.
func lines(text string) []string {
	list := []string{}
	for line := range strings.Lines(text) {
		list = append(list, line)
	}
	return list
}

// Heading is the text of the last Markdown heading of the cell, "" where it has none.
func (c *Cell) Heading() (heading string) {
	if c.Kind != Markdown {
		return ""
	}
	fenced := false
	for line := range strings.Lines(c.Source) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			fenced = !fenced
		}
		text := strings.TrimLeft(line, "#")
		if n := len(line) - len(text); !fenced && n >= 1 && n <= 6 && strings.HasPrefix(text, " ") {
			heading = strings.TrimSpace(strings.TrimRight(text, "# "))
		}
	}
	return heading
}
