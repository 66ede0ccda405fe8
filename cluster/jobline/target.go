package jobline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Kind is what is submitted.
type Kind int

// The kinds.
const (
	Command  Kind = iota // a command line of the cluster's machines
	Notebook             // a notebook file
	Program              // an executable file
	Module               // the folder of a Go program, which is to be built
)

// Target is what is submitted.
type Target struct {
	Kind Kind
	Path string   // of the notebook, program or folder
	Args []string // of it; for a Command all words
}

const notebookSuffix = ".ipynb"

// TargetOf finds out what the words behind the flags name. dashed: they follow -- .
func TargetOf(words []string, dashed bool) (Target, error) {
	switch {
	case len(words) == 0:
		return Target{}, errors.New("name a notebook, a program, the folder of one, or, after -- , a command")
	case dashed:
		return Target{Kind: Command, Args: words}, nil
	}
	path, args := words[0], words[1:]
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Target{}, fmt.Errorf("there is no %s here; a command of the cluster's machines goes after -- , as in  -- %s", path, strings.Join(words, " "))
	case err != nil:
		return Target{}, err
	case info.IsDir():
		if _, err := os.Stat(filepath.Join(path, "go.mod")); err != nil {
			return Target{}, fmt.Errorf("%s has no go.mod, so it is not the folder of a Go program; to run a command in a copy of it, give  --working-dir %s -- COMMAND", path, path)
		}
		return Target{Module, path, args}, nil
	case strings.HasSuffix(path, notebookSuffix):
		return Target{Notebook, path, args}, nil
	case info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows"):
		return Target{Program, path, args}, nil
	}
	return Target{}, fmt.Errorf("%s is neither a notebook nor executable; to run it by a program, give that and the folder of the file, as in  --working-dir %s -- sh %s",
		path, filepath.Dir(path), filepath.Base(path))
}
