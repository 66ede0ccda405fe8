// Package spec installs and removes the kernelspec, the folder by which Jupyter finds the kernel.
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

// Install writes the kernelspec under a Jupyter data folder, for the mobula binary at the
// absolute path executable, and returns the folder that it wrote. What was there is replaced.
func Install(dataDir, executable string) (string, error) {
	if !filepath.IsAbs(executable) {
		return "", fmt.Errorf("install the kernelspec: the path of the binary, %s, must be absolute", executable)
	}
	kernels := filepath.Join(dataDir, "kernels")
	if err := os.MkdirAll(kernels, 0o755); err != nil {
		return "", fmt.Errorf("create the kernels folder (choose another with --user, --sys-prefix or --prefix): %w", err)
	}
	temp, err := os.MkdirTemp(kernels, "."+Name+"-")
	if err != nil {
		return "", fmt.Errorf("install the kernelspec (choose another place with --user, --sys-prefix or --prefix): %w", err)
	}
	defer os.RemoveAll(temp)
	if err := write(temp, executable); err != nil {
		return "", fmt.Errorf("write the kernelspec: %w", err)
	}
	dir := filepath.Join(kernels, Name)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("replace the kernelspec that was there: %w", err)
	}
	if err := os.Rename(temp, dir); err != nil {
		return "", fmt.Errorf("put the kernelspec in its place: %w", err)
	}
	return dir, nil
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
	if err := os.Chmod(dir, 0o755); err != nil {
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

// Uninstall removes the kernelspec from a Jupyter data folder and returns the folder that it removed.
func Uninstall(dataDir string) (string, error) {
	dir := filepath.Join(dataDir, "kernels", Name)
	if _, err := os.Stat(filepath.Join(dir, "kernel.json")); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no kernelspec %s in %s: nothing was removed (jupyter kernelspec list shows where it is)", Name, filepath.Dir(dir))
	}
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove the kernelspec: %w", err)
	}
	return dir, nil
}
