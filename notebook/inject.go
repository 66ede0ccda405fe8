package notebook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Inject puts assignments into a cell of their own, tagged injected-parameters: behind the cell tagged parameters, or at the top where there
// is none. A cell that was injected before is replaced. metadata.papermill tells the values. Without assignments it does nothing.
func (nb *Notebook) Inject(assignments []Assignment) {
	if len(assignments) == 0 {
		return
	}
	var source strings.Builder
	source.WriteString("// Parameters")
	for _, a := range assignments {
		switch {
		case a.Const:
			fmt.Fprintf(&source, "\nconst %s = %s", a.Name, a.Expr)
		case a.Declares:
			fmt.Fprintf(&source, "\n%s := %s", a.Name, a.Expr)
		default:
			fmt.Fprintf(&source, "\n%s = %s", a.Name, a.Expr)
		}
	}
	c := nb.NewCode(source.String(), TagInjected)
	if at := nb.Tagged(TagInjected); at >= 0 {
		nb.Cells[at] = c
	} else {
		nb.Cells = slices.Insert(nb.Cells, nb.Tagged(TagParameters)+1, c)
	}
	var values Object
	for _, a := range assignments {
		values.keys = append(values.keys, a.Name) // in the order in which they were given
		if values.values == nil {
			values.values = map[string]jsonValue{}
		}
		values.values[a.Name] = a.JSON
	}
	pm := nb.papermill()
	pm.Set("parameters", values)
	nb.Metadata.Set("papermill", pm)
}

// ReadParameterFile reads values of parameters from a YAML or JSON file: a map of names to values.
func ReadParameterFile(path string) ([]Given, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the parameters: %w", err)
	}
	given, err := parseParameters(data)
	if err != nil {
		return nil, fmt.Errorf("read the parameters: %s: %w", path, err)
	}
	return given, nil
}

func parseParameters(data []byte) (given []Given, err error) {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil // an empty file
	} else if err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is no map of names to values, as in  lr: 0.1")
	}
	var all map[string]any // also finds keys that come twice
	if err := doc.Decode(&all); err != nil {
		return nil, err
	}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		name := pairs[i].Value
		if value, ok := all[name]; ok {
			given = append(given, Given{Name: name, Data: value, file: true})
		}
	}
	return given, nil
}

// FromData is a parameter with a value that a program has: see Given.Data.
func FromData(name string, data any) Given { return Given{Name: name, Data: data, file: true} }
