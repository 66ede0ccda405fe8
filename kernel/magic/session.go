package magic

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"mobula/display"
	"mobula/interp"
)

// sessionMagics are the line magics about the session.
func sessionMagics() []Magic {
	return []Magic{
		{Name: "engine", Usage: "%engine [auto|native|yaegi]", Help: "Shows or chooses how cells run.", Run: runEngine},
		{Name: "time", Usage: "%time statement", Help: "Runs a statement and tells how long it took.", GoArgs: true, Run: runTime},
		{Name: "who", Usage: "%who", Help: "Lists the session's variables.", Run: runWho},
		{Name: "reset", Usage: "%reset [-f]", Help: "Forgets all declarations and values; -f does not ask.", Run: runReset},
		{Name: "cd", Usage: "%cd [dir]", Help: "Changes the working directory.", Run: runCd},
		{Name: "env", Usage: "%env [NAME[=value]] | %env -u NAME", Help: "Lists, shows, sets or removes environment variables.", Run: runEnv},
		{Name: "go", Usage: "%go get module@version | mod ... | list ...", Help: "Runs the go command in the session's module.", Run: runGoTool},
		{Name: "load", Usage: "%load file", Help: "Puts the text of a file into this cell.", Run: runLoad},
		{Name: "history", Usage: "%history [-n N]", Help: "Prints the cells that ran, or the last N.", Run: runHistory},
	}
}

// help is %help; it lists the registry that it belongs to.
func (r *Registry) help() Magic {
	return Magic{Name: "help", Usage: "%help [magic]", Help: "Lists the magics, or explains one.",
		Run: func(_ context.Context, env *Env, c Call) error {
			if c.Args != "" {
				return r.explain(env, c.Args)
			}
			type row struct{ Magic, Does string }
			rows := []row{{"!command", "Runs a shell command; its output is shown as it comes."},
				{"%%", "Runs the lines below as the body of a function: their variables are not kept."}}
			for _, name := range r.Names() {
				rows = append(rows, row{r.magics[name].Usage, r.magics[name].Help})
			}
			env.Display(display.Of(display.Table(rows, display.MaxRows(0))))
			return nil
		}}
}

func (r *Registry) explain(env *Env, name string) error {
	bare := strings.TrimLeft(name, "%")
	found := false
	for _, key := range []string{"%" + bare, "%%" + bare} {
		if m, ok := r.magics[key]; ok {
			env.Stdout(m.Usage + "\n    " + m.Help + "\n")
			found = true
		}
	}
	if !found {
		return r.unknown("%" + bare)
	}
	return nil
}

func runEngine(ctx context.Context, env *Env, c Call) error {
	modes := []interp.Mode{interp.ModeAuto, interp.ModeNative, interp.ModeYaegi}
	if c.Args != "" {
		m := interp.Mode(c.Args)
		if !slices.Contains(modes, m) {
			return fmt.Errorf("there is no engine %q: choose auto, native or yaegi", c.Args)
		}
		if err := env.Engine.SetMode(ctx, m); err != nil {
			return err
		}
	}
	env.Stdout(fmt.Sprintf("engine: %s\n%s\n", env.Engine.Mode(), strings.TrimRight(env.Engine.Describe(), "\n")))
	return nil
}

func runTime(ctx context.Context, env *Env, c Call) error {
	if strings.TrimSpace(c.Args+c.Body) == "" {
		return errors.New("there is nothing to time: write a statement behind %time, or statements below %%time")
	}
	start := time.Now()
	err := c.RunGo(ctx)
	env.Stderr(fmt.Sprintf("wall time: %s\n", time.Since(start).Round(time.Microsecond)))
	return err
}

func runWho(ctx context.Context, env *Env, _ Call) error {
	vars := env.Engine.Variables(ctx)
	if len(vars) == 0 {
		env.Stdout("The session has no variables.\n")
		return nil
	}
	type row struct {
		Name, Type, Value string
		Cell              int
	}
	rows := make([]row, len(vars))
	for i, v := range vars {
		rows[i] = row{v.Name, v.Type, v.Text, v.Cell}
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.Name, b.Name) })
	env.Display(display.Of(display.Table(rows, display.MaxRows(0))))
	return nil
}

func runReset(ctx context.Context, env *Env, c Call) error {
	switch {
	case c.Args == "-f":
	case c.Args != "":
		return fmt.Errorf("%q is not known: use %%reset or %%reset -f", c.Args)
	case env.Input == nil:
		return errors.New("nobody can be asked here: use %reset -f")
	default:
		answer, err := env.Input(ctx, "Forget all declarations and values (y/n)? ")
		if err != nil {
			return fmt.Errorf("nobody answered (%w): use %%reset -f", err)
		}
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
			env.Stdout("Nothing was reset.\n")
			return nil
		}
	}
	return env.Engine.Reset(ctx)
}

// resolve makes a path that the user typed absolute.
func resolve(env *Env, path string) (string, error) {
	if s, err := strconv.Unquote(path); err == nil {
		path = s
	}
	if path == "~" || strings.HasPrefix(path, "~/") {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("~ is not known: %w", err)
		}
		path = filepath.Join(home, path[1:])
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Engine.Dir(), path)
	}
	return path, nil
}

func runCd(ctx context.Context, env *Env, c Call) error {
	dir, err := resolve(env, cmp.Or(c.Args, "~"))
	if err != nil {
		return err
	}
	if info, err := os.Stat(dir); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%s is not a folder", dir)
	}
	if err := env.Engine.Chdir(ctx, dir); err != nil {
		return err
	}
	env.Stdout(env.Engine.Dir() + "\n")
	return nil
}

func runEnv(ctx context.Context, env *Env, c Call) error {
	if name, ok := strings.CutPrefix(c.Args, "-u "); ok {
		return env.Engine.Unsetenv(ctx, strings.TrimSpace(name))
	}
	name, value, set := strings.Cut(c.Args, "=")
	if set {
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == "" || strings.ContainsAny(name, " \t") {
			return fmt.Errorf("%q is not a name: use %%env NAME=value", name)
		}
		if s, err := strconv.Unquote(value); err == nil {
			value = s
		}
		return env.Engine.Setenv(ctx, name, value)
	}
	list := slices.Sorted(slices.Values(env.Engine.Environ()))
	if c.Args == "" {
		env.Stdout(strings.Join(list, "\n") + "\n")
		return nil
	}
	for _, kv := range slices.Backward(list) {
		if v, ok := strings.CutPrefix(kv, c.Args+"="); ok {
			env.Stdout(v + "\n")
			return nil
		}
	}
	return fmt.Errorf("%s is not set: %%env %s=value sets it", c.Args, c.Args)
}

func runGoTool(ctx context.Context, env *Env, c Call) error {
	args := strings.Fields(c.Args)
	if len(args) == 0 {
		return errors.New("what should go do? For example: %go get golang.org/x/exp@latest")
	}
	return env.Engine.Go(ctx, env.Cell, args...)
}

// maxLoad bounds the text of a cell, in bytes.
const maxLoad = 4 << 20

func runLoad(_ context.Context, env *Env, c Call) error {
	if c.Args == "" {
		return errors.New("which file? Use %load file")
	}
	path, err := resolve(env, c.Args)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLoad {
		return fmt.Errorf("%s is no text for a cell: a file of at most %d MB is", path, maxLoad>>20)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	env.SetNextInput("// %load "+c.Args+"\n"+string(text), true)
	return nil
}

func runHistory(_ context.Context, env *Env, c Call) error {
	n := 0
	if c.Args != "" {
		arg, ok := strings.CutPrefix(c.Args, "-n")
		v, err := strconv.Atoi(strings.TrimSpace(arg))
		if !ok || err != nil || v < 1 {
			return fmt.Errorf("%q is not known: use %%history -n 10", c.Args)
		}
		n = v
	}
	var b strings.Builder
	for _, e := range env.History(n) {
		fmt.Fprintf(&b, "// cell[%d]\n%s\n", e.Line, strings.TrimRight(e.Source, "\n"))
	}
	env.Stdout(b.String())
	return nil
}
