package spec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// PrefixDir is the Jupyter data folder under an installation prefix.
func PrefixDir(prefix string) (string, error) {
	abs, err := filepath.Abs(prefix)
	if err != nil {
		return "", fmt.Errorf("resolve the prefix %s: %w", prefix, err)
	}
	return filepath.Join(abs, "share", "jupyter"), nil
}

// UserDir is the Jupyter data folder of the user.
func UserDir() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the home folder (set HOME, or use --prefix): %w", err)
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Jupyter"), nil
	case "windows":
		if dir := os.Getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "jupyter"), nil
		}
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

// SysPrefix is the prefix of the Python environment in use, and how it was found: the active
// virtual or conda environment, else that of the python on PATH.
func SysPrefix(ctx context.Context) (prefix, how string, err error) {
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := os.Getenv(name); dir != "" {
			return dir, "$" + name, nil
		}
	}
	for _, name := range []string{"python3", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, path, "-c", "import sys; print(sys.prefix)").Output()
		if err != nil {
			return "", "", fmt.Errorf("ask %s for its prefix: %w", path, err)
		}
		return strings.TrimSpace(string(out)), path, nil
	}
	return "", "", errors.New("--sys-prefix needs an active virtual or conda environment, or a python on PATH: activate one, or use --user or --prefix DIR")
}
