// Package spec installs and removes the kernelspec, the folder by which Jupyter finds the kernel, and the JupyterLab extension that draws
// its widgets.
//
// # Usage
//
//	where, err := spec.UserDir()            // or spec.PrefixDir(prefix), spec.SysPrefix(ctx)
//	dir, err := spec.Install(where, executable)
//	err = spec.Uninstall(where)
//
// # Concurrency
//
// Functions may be called from any goroutine; two installs into one folder at the same time leave
// one of the two whole.
//
// # Testing
//
// Install into t.TempDir(); jupyter kernelspec list with JUPYTER_PATH set to it shows the kernel.
package spec

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mobula/widgets/labextension"
)

// Name is the kernelspec's name, which is the name of its folder too.
const Name = "mobula"

// DisplayName is what front ends show.
const DisplayName = "Go (Mobula)"

//go:embed logo
var logos embed.FS

// kernelJSON is the content of kernel.json.
type kernelJSON struct {
	Argv            []string       `json:"argv"`
	DisplayName     string         `json:"display_name"`
	Language        string         `json:"language"`
	InterruptMode   string         `json:"interrupt_mode"`
	ProtocolVersion string         `json:"kernel_protocol_version"`
	Metadata        map[string]any `json:"metadata"`
}

// OfPrefix stands for bin/mobula of the prefix in which the kernelspec is, wherever that is moved or packed. Jupyter puts
// the kernelspec's folder in for {resource_dir}.
const OfPrefix = "{resource_dir}/../../../../bin/mobula"

// Install writes the kernelspec and the extension under a Jupyter data folder, for the mobula binary at the
// absolute path executable, or OfPrefix, and returns the kernelspec's folder. What was there is replaced.
func Install(dataDir, executable string) (string, error) {
	if executable != OfPrefix && !filepath.IsAbs(executable) {
		return "", fmt.Errorf("install the kernelspec: the path of the binary, %s, must be absolute", executable)
	}
	dir := filepath.Join(dataDir, "kernels", Name)
	if err := replace(dir, func(temp string) error { return write(temp, executable) }); err != nil {
		return "", fmt.Errorf("install the kernelspec: %w", err)
	}
	if err := replace(extensionDir(dataDir), func(temp string) error { return os.CopyFS(temp, labextension.Files) }); err != nil {
		return "", fmt.Errorf("install the JupyterLab extension: %w", err)
	}
	return dir, nil
}

func extensionDir(dataDir string) string {
	return filepath.Join(dataDir, "labextensions", labextension.Name)
}

// replace writes a folder whole, or leaves the one that was there.
func replace(dir string, write func(temp string) error) error {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("create %s (choose another place with --user, --sys-prefix or --prefix): %w", parent, err)
	}
	temp, err := os.MkdirTemp(parent, "."+Name+"-")
	if err != nil {
		return fmt.Errorf("write to %s (choose another place with --user, --sys-prefix or --prefix): %w", parent, err)
	}
	defer os.RemoveAll(temp)
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := write(temp); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("replace what was there: %w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return fmt.Errorf("put it in its place: %w", err)
	}
	return nil
}

func write(dir, executable string) error {
	text, err := json.MarshalIndent(kernelJSON{
		Argv:        []string{executable, "kernel", "-f", "{connection_file}"},
		DisplayName: DisplayName, Language: "go", InterruptMode: "message", ProtocolVersion: "5.5",
		Metadata: map[string]any{"debugger": false},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "kernel.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	pictures, err := logos.ReadDir("logo")
	if err != nil {
		return err
	}
	for _, p := range pictures {
		data, err := logos.ReadFile("logo/" + p.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.Name()), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Uninstall removes both from a Jupyter data folder and returns the kernelspec's folder.
func Uninstall(dataDir string) (string, error) {
	dir := filepath.Join(dataDir, "kernels", Name)
	if _, err := os.Stat(filepath.Join(dir, "kernel.json")); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no kernelspec %s in %s: nothing was removed (jupyter kernelspec list shows where it is)", Name, filepath.Dir(dir))
	}
	if err := errors.Join(os.RemoveAll(dir), os.RemoveAll(extensionDir(dataDir))); err != nil {
		return "", fmt.Errorf("remove the kernelspec and the JupyterLab extension: %w", err)
	}
	return dir, nil
}
