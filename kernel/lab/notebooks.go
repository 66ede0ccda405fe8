package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"mobula/notebooks"
)

// copyNotebooks puts into Dir the notebooks that are not there. What is there is the user's, and stays.
func (c *Config) copyNotebooks() error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for notebooks (choose another with --dir): %w", err)
	}
	names, err := fs.Glob(notebooks.Files, "*.ipynb")
	if err != nil {
		return err
	}
	changed := 0
	for _, name := range names {
		data, err := notebooks.Files.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(c.Dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			if there, err := os.ReadFile(filepath.Join(c.Dir, name)); err != nil || !bytes.Equal(there, data) {
				changed++
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("copy the notebooks (choose another folder with --dir): %w", err)
		}
		if _, err = f.Write(data); errors.Join(err, f.Close()) != nil {
			return fmt.Errorf("copy the notebook %s: %w", name, errors.Join(err, os.Remove(f.Name())))
		}
	}
	if changed > 0 {
		_, err = fmt.Fprintf(c.Out, "%d notebooks in %s differ from those of this mobula, and are left as they are; --dir NEW opens fresh ones.\n", changed, c.Dir)
	}
	return err
}
