package magic

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cellMagics are the magics that rule a whole cell.
func cellMagics() []Magic {
	return []Magic{
		{Name: "time", Cell: true, Usage: "%%time", Help: "Runs the cell and tells how long it took.", GoBody: true, Run: runTime},
		{Name: "bash", Cell: true, Usage: "%%bash [arguments of bash]", Help: "Runs the cell with bash.", Run: runShell("bash")},
		{Name: "sh", Cell: true, Usage: "%%sh [arguments of sh]", Help: "Runs the cell with sh.", Run: runShell("sh")},
		{Name: "writefile", Cell: true, Usage: "%%writefile [-a] file", Help: "Writes the cell to a file; -a appends.", Run: runWritefile},
	}
}

func runShell(name string) func(context.Context, *Env, Call) error {
	return func(ctx context.Context, env *Env, c Call) error {
		return command(ctx, env, name, append(strings.Fields(c.Args), "-c", c.Body)...)
	}
}

func runWritefile(_ context.Context, env *Env, c Call) error {
	name, appending := strings.CutPrefix(c.Args, "-a ")
	name = strings.TrimSpace(name)
	if name == "" || name == "-a" {
		return errors.New("to which file? Use %%writefile [-a] file")
	}
	path, err := resolve(env, name)
	if err != nil {
		return err
	}
	_, err = os.Stat(path)
	verb := "Wrote"
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	switch {
	case appending:
		verb, flags = "Appended to", os.O_WRONLY|os.O_CREATE|os.O_APPEND
	case err == nil:
		verb = "Overwrote"
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%w: make the folder first", err)
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(c.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	env.Stdout(verb + " " + path + "\n")
	return nil
}
