package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// modules are the packages that the page imports, and where they are below ui.
var modules = map[string]string{
	"preact":             "vendor/preact/preact.mjs",
	"preact/hooks":       "vendor/preact/hooks.mjs",
	"preact/jsx-runtime": "vendor/preact/jsxRuntime.mjs",
	"uplot":              "vendor/uplot/uPlot.esm.js",
}

// bundle makes the files of dist from the folder ui.
func bundle(ui string) (map[string][]byte, error) {
	root, err := filepath.Abs(ui)
	if err != nil {
		return nil, err
	}
	alias := map[string]string{}
	for name, file := range modules {
		alias[name] = filepath.Join(root, filepath.FromSlash(file))
	}
	result := api.Build(api.BuildOptions{
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: filepath.Join(root, "src", "main.tsx"), OutputPath: "app"},
			{InputPath: filepath.Join(root, "style.css"), OutputPath: "app"},
		},
		AbsWorkingDir: root, Outdir: filepath.Join(root, "out"), Bundle: true, Alias: alias, Target: api.ES2022, Format: api.FormatIIFE,
		JSX: api.JSXAutomatic, JSXImportSource: "preact", MinifyWhitespace: true, MinifySyntax: true, MinifyIdentifiers: true,
		LegalComments: api.LegalCommentsEndOfFile, Charset: api.CharsetUTF8, LogLevel: api.LogLevelSilent,
	})
	if len(result.Errors) > 0 {
		var all error
		for _, text := range api.FormatMessages(result.Errors, api.FormatMessagesOptions{}) {
			all = errors.Join(all, errors.New(text))
		}
		return nil, fmt.Errorf("bundle the page: %w", all)
	}
	files := map[string][]byte{}
	for _, f := range result.OutputFiles {
		files[filepath.Base(f.Path)] = f.Contents
	}
	for _, name := range []string{"index.html", "icon.svg"} {
		if files[name], err = os.ReadFile(filepath.Join(root, name)); err != nil {
			return nil, err
		}
	}
	if files["licenses.txt"], err = licenses(root); err != nil {
		return nil, err
	}
	return files, nil
}

// licenses are those of what is bundled.
func licenses(root string) (text []byte, err error) {
	for _, name := range []string{"preact", "uplot"} {
		license, err := os.ReadFile(filepath.Join(root, "vendor", name, "LICENSE"))
		if err != nil {
			return nil, err
		}
		text = fmt.Appendf(text, "%s\n\n%s\n", name, license)
	}
	return text, nil
}

// write replaces the files of a folder.
func write(dir string, files map[string][]byte) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	files, err := bundle("dashboard/ui")
	if err == nil {
		err = write("dashboard/dist", files)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bundle: %v\n", err)
		os.Exit(1)
	}
}
