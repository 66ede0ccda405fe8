package magic

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"

	"mobula"
	"mobula/notebook"
	"mobula/notebook/export"
)

// exportJob is  %job export [DIR]: the notebook as it was last saved becomes a program, or, where the front end does not tell its path, the
// cells that have run.
func exportJob(ctx context.Context, env *Env, args []string) error {
	words, err := verbFlags("export", args, 1, func(*flag.FlagSet) {})
	if err != nil {
		return err
	}
	nb, path := notebook.New(), ""
	for _, v := range env.Engine.Environ() {
		if value, ok := strings.CutPrefix(v, "JPY_SESSION_NAME="); ok && strings.HasSuffix(value, ".ipynb") {
			path = value
		}
	}
	o := export.Options{Name: "notebook", Title: "of this session", From: env.Engine.Dir(), SDK: mobula.Source}
	if path == "" {
		for _, e := range env.History(0) {
			nb.Cells = append(nb.Cells, nb.NewCode(e.Source))
		}
		env.Stdout("This front end does not tell the path of the notebook: the program is made of the cells that have run.\n")
	} else {
		if nb, err = notebook.ReadFile(path); err != nil {
			return err
		}
		o.Name, o.Title, o.From = export.NameOf(path), filepath.Base(path), filepath.Dir(path)
	}
	dir := o.Name
	if len(words) > 0 {
		dir = words[0]
	}
	if dir, err = resolve(env, dir); err != nil {
		return err
	}
	warnings, err := export.Write(ctx, nb, dir, o)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		env.Stderr("Note: " + w + "\n")
	}
	env.Stdout(fmt.Sprintf("The program is in %s. Build it with  !CGO_ENABLED=0 go build -C %q\n", dir, dir))
	return nil
}
