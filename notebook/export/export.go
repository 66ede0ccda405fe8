package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mobula/interp/toolchain"
	"mobula/notebook"
)

// Options says how a program is made.
type Options struct {
	Name  string // of the program and its module, as in "train"
	Title string // of the notebook's file, for the comment at the top
	From  string // the notebook's folder: if it is in a module, its requirements are those of the program; "" for none
	SDK   fs.FS  // the source of package mobula: mobula.Source
}

// header is by what an earlier export is known.
const header = "as a program, written by  mobula notebook export ."

// Write makes a module of a notebook in a folder, which is made; an earlier export there is replaced, anything else is an error. The errors
// name cells and lines. Warnings say where the program may differ from the notebook.
func Write(ctx context.Context, nb *notebook.Notebook, dir string, o Options) (warnings []string, err error) {
	if language := nb.Language(); language != "" && language != "go" {
		return nil, fmt.Errorf("this notebook is in %s: only notebooks in Go can be exported", language)
	}
	if err := mayReplace(dir); err != nil {
		return nil, err
	}
	parameters, err := nb.Parameters()
	if err != nil {
		return nil, err
	}
	units, err := read(nb)
	if err != nil {
		return nil, err
	}
	if err := versions(units); err != nil {
		return nil, err
	}
	tc, err := toolchain.Find(ctx)
	if err != nil {
		return nil, err
	}
	sdk, err := toolchain.PrepareSDK(ctx, o.SDK)
	if err != nil {
		return nil, err
	}
	defer sdk.Close()
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o755); err != nil {
		return nil, err
	}
	stage, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".export-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(stage)
	m := &module{dir: stage, name: o.Name, tc: tc, sdk: sdk, from: o.From}
	if err := m.begin(ctx, wanted(units)); err != nil {
		return nil, err
	}
	p := &program{units: units, imports: map[string]bool{}, goroot: tc.GOROOT, packages: toolchain.NewPackages(tc, stage, m.env(), nil, nil)}
	text, err := p.text(ctx, parameters, o)
	if err != nil {
		return nil, err
	}
	if err := m.finish(ctx, text); err != nil {
		return nil, err
	}
	return p.warn(), install(stage, dir)
}

// text writes main.go.
func (p *program) text(ctx context.Context, parameters []notebook.Parameter, o Options) (string, error) {
	for _, u := range p.units {
		for _, i := range u.imports {
			spec := i.Path.Value
			if i.Name != nil {
				spec = i.Name.Name + " " + spec
			}
			p.imports[spec] = true
		}
	}
	p.hoist()
	c, err := p.check(ctx, p.assemble)
	if err != nil {
		return "", err
	}
	if err := p.real(c); err != nil {
		return "", err
	}
	t, err := p.variablesOf(c)
	if err != nil {
		return "", err
	}
	w := &writer{p: p, t: t, parameters: parameters, title: o.Title, name: o.Name}
	text := ""
	final, err := p.check(ctx, func() string { text = w.write(); return text })
	if err != nil {
		return "", fmt.Errorf("the program that was written is no Go (please report this): %w", err)
	}
	p.chunks = nil
	if err := p.real(final); err != nil {
		return "", fmt.Errorf("the program that was written does not compile: %w; a cell that only makes sense in a notebook can be tagged %s", err, notebook.TagNoExport)
	}
	return finish(final, text)
}

// warn says where the program may differ from the notebook.
func (p *program) warn() []string {
	if !p.imports[`"mobula"`] {
		return p.warnings
	}
	names := slices.Sorted(maps.Keys(p.hoisted))
	if len(names) > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("functions use the variables %s: in tasks they have the values from before main, where in the notebook they have those of the moment. "+
			"Pass what tasks need as arguments.", strings.Join(names, ", ")))
	}
	return p.warnings
}

// wanted are the modules that %go get brings.
func wanted(units []*unit) (list []string) {
	for _, u := range units {
		for _, m := range u.magics {
			if words := strings.Fields(m.Args); m.Name == "go" && len(words) > 1 && words[0] == "get" {
				for _, w := range words[1:] {
					if !strings.HasPrefix(w, "-") {
						list = append(list, w)
					}
				}
			}
		}
	}
	return list
}

// mayReplace reports what in a folder is no earlier export.
func mayReplace(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil || !strings.Contains(string(text), header) {
		return fmt.Errorf("%s is not empty, and holds no earlier export: name another folder", dir)
	}
	return nil
}

// install moves what was made into its folder, in the place of an earlier export.
func install(stage, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range []string{thirdParty, "go.mod", "go.sum", "main.go"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
		err := os.Rename(filepath.Join(stage, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

var noName = regexp.MustCompile(`[^a-z0-9_-]+`)

// NameOf makes a name of a program of that of a notebook's file.
func NameOf(path string) string {
	name := strings.ToLower(strings.TrimSuffix(filepath.Base(path), ".ipynb"))
	name = strings.Trim(noName.ReplaceAllString(name, "-"), "-_")
	if name == "" || name == "main" || name == "mobula" {
		return "notebook"
	}
	return name
}
