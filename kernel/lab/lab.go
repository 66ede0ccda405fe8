// Package lab opens JupyterLab with the kernel in it, from an installed binary alone: it finds a JupyterLab or makes an environment with one,
// and tells it of the kernel and of the extension by a folder of its own, so that nothing of the user's is changed.
//
// # Usage
//
//	err := lab.Open(ctx, lab.Config{Binary: executable, Dir: dir, Out: os.Stdout})
//
// # Concurrency
//
// Several processes may call Open at once: one makes the environment, the others wait for it.
//
// # Testing
//
// Environments are made of Python programs that the tests play; tests/kernel opens a real JupyterLab.
package lab

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"mobula/kernel/spec"
)

// Config says what is opened.
type Config struct {
	Binary string   // absolute path of mobula, which is the kernel
	Cache  string   // folder for what can be made again
	Dir    string   // that JupyterLab shows; it is made, and gets the notebooks that it lacks. "": mobula-notebooks in the home folder
	Args   []string // further ones of JupyterLab
	Out    io.Writer
}

// Open becomes JupyterLab; it returns only if that fails.
func Open(ctx context.Context, c Config) error {
	if c.Dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return fmt.Errorf("find the home folder (set HOME, or use --dir): %w", err)
		}
		c.Dir = filepath.Join(home, "mobula-notebooks")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	c.Dir = dir
	program, err := c.jupyterLab(ctx)
	if err != nil {
		return err
	}
	if err := c.copyNotebooks(); err != nil {
		return err
	}
	data := filepath.Join(c.Cache, "jupyter")
	if _, err := spec.Install(data, c.Binary); err != nil {
		return err
	}
	if c.Args, err = c.arguments(); err != nil {
		return err
	}
	env := os.Environ()
	env = setenv(env, "JUPYTER_PATH", join(data, os.Getenv("JUPYTER_PATH")))
	env = setenv(env, "PATH", join(filepath.Dir(program), os.Getenv("PATH"))) // for  !python3 -m pip  in cells
	return become(program, append([]string{program}, c.Args...), env)
}

// arguments are those of JupyterLab.
func (c *Config) arguments() ([]string, error) {
	args := []string{"--ServerApp.root_dir=" + c.Dir}
	if os.Getuid() == 0 {
		args = append(args, "--allow-root")
	}
	if !hasBrowser() {
		args = append(args, "--no-browser")
		if _, err := fmt.Fprintln(c.Out, "There is no browser here: open the URL below in one (it holds the token)."); err != nil {
			return nil, err
		}
	}
	return append(args, c.Args...), nil
}

// hasBrowser reports whether JupyterLab would find one: without, it would only log an error.
func hasBrowser() bool {
	for _, name := range []string{"BROWSER", "DISPLAY", "WAYLAND_DISPLAY"} {
		if os.Getenv(name) != "" {
			return true
		}
	}
	return runtime.GOOS != "linux"
}

// join makes a list of paths of a first one and more.
func join(first, more string) string {
	if more == "" {
		return first
	}
	return first + string(os.PathListSeparator) + more
}

// setenv replaces a variable.
func setenv(env []string, name, value string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, entry := range env {
		if len(entry) <= len(name) || entry[:len(name)+1] != name+"=" {
			kept = append(kept, entry)
		}
	}
	return append(kept, name+"="+value)
}
