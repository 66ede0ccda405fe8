package lab

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"mobula/internal/filelock"
	"mobula/requirements"
)

const program = "jupyter-lab"

var errNoPython = errors.New("it needs Python 3.11 or later, with venv: install that (apt-get install python3 python3-venv, or: brew install python), or put a JupyterLab on PATH")

// jupyterLab finds the program: beside mobula, on PATH, or in an environment that it makes once for the versions that this binary knows.
func (c *Config) jupyterLab(ctx context.Context) (string, error) {
	if beside := filepath.Join(filepath.Dir(c.Binary), program); isProgram(beside) {
		return beside, nil
	}
	if onPath, err := exec.LookPath(program); err == nil {
		if onPath, err = filepath.Abs(onPath); err == nil && isRecent(ctx, onPath) {
			return onPath, nil
		}
	}
	digest := sha256.Sum256([]byte(requirements.Lab))
	env := filepath.Join(c.Cache, "lab-"+hex.EncodeToString(digest[:6]))
	if err := c.makeEnvironment(ctx, env); err != nil {
		return "", fmt.Errorf("make an environment with JupyterLab in %s: %w", env, err)
	}
	return filepath.Join(env, "bin", program), nil
}

func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

// isRecent reports whether the extension runs in it.
func isRecent(ctx context.Context, lab string) bool {
	out, err := exec.CommandContext(ctx, lab, "--version").Output()
	return err == nil && strings.HasPrefix(string(out), "4.")
}

// complete is in an environment that pip has finished.
const complete = "complete"

func (c *Config) makeEnvironment(ctx context.Context, env string) error {
	if err := os.MkdirAll(env, 0o755); err != nil {
		return err
	}
	lock, err := filelock.Open(filepath.Join(env, "lock"), false)
	if errors.Is(err, filelock.ErrHeld) {
		fmt.Fprintln(c.Out, "Another process installs JupyterLab; waiting for it.")
		lock, err = filelock.Open(filepath.Join(env, "lock"), true)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := os.Stat(filepath.Join(env, complete)); err == nil {
		return nil
	}
	python, err := findPython(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Installing JupyterLab into %s, once (100 MB to fetch).\n", env)
	if out, err := exec.CommandContext(ctx, python, "-m", "venv", "--clear", "--upgrade-deps", env).CombinedOutput(); err != nil && !isProgram(pip(env)) {
		return fmt.Errorf("%s -m venv: %w\n%s\n(Debian, Ubuntu: apt-get install python3-venv)", python, err, strings.TrimSpace(string(out)))
	}
	if err := c.pipInstall(ctx, env); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(env, complete), nil, 0o644)
}

func pip(env string) string { return filepath.Join(env, "bin", "pip") }

// findPython finds an interpreter that is new enough.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python3.14", "python3.13", "python3.12", "python3.11"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if exec.CommandContext(ctx, path, "-c", "import sys; sys.exit(sys.version_info < (3, 11))").Run() == nil {
			return path, nil
		}
	}
	return "", errNoPython
}

// pipInstall installs what JupyterLab needs, and counts the packages meanwhile.
func (c *Config) pipInstall(ctx context.Context, env string) error {
	list := filepath.Join(env, "requirements.txt")
	if err := os.WriteFile(list, []byte(requirements.Lab), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, pip(env), "install", "--disable-pip-version-check", "--progress-bar=off", "-r", list)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	c.count(out)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("pip install: %w\n%s\n(it needs the network; run  mobula lab  again, or put a JupyterLab on PATH)", err, strings.TrimSpace(said.String()))
	}
	return nil
}

// count shows how far pip is: a line for each package that it looks at, and one at the end.
func (c *Config) count(out io.Reader) {
	total := 0
	for line := range strings.Lines(requirements.Lab) {
		if strings.Contains(line, "==") {
			total++
		}
	}
	const every = 10 // packages, between two lines
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		switch {
		case strings.HasPrefix(lines.Text(), "Collecting "):
			if n++; n%every == 0 && n <= total {
				fmt.Fprintf(c.Out, "  fetched %d of %d packages\n", n, total)
			}
		case strings.HasPrefix(lines.Text(), "Installing "):
			fmt.Fprintln(c.Out, "  all are here; unpacking them")
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line that is too long ends the count, not pip
}
