// Package labextension holds the JupyterLab extension that draws package widgets, as files to be installed.
//
// # Usage
//
//	err := os.CopyFS(filepath.Join(dataDir, "labextensions", labextension.Name), labextension.Files)
//
// # Concurrency
//
// Files does not change.
//
// # Testing
//
// The browser tests run it in a real JupyterLab, on the golden files of package widgets.
package labextension

import "embed"

// Name is that of the extension, and of its folder.
const Name = "mobula-lab"

// Files are what is installed.
//
//go:embed package.json static
var Files embed.FS
