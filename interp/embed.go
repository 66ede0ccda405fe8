package interp

import (
	"io/fs"
	"strings"
)

// walkEmbedded lists the regular files under path as go:embed takes them: in folders, names
// that begin with . or _ are left out unless all is set.
func walkEmbedded(root fs.FS, path string, all bool) (files []string) {
	// What cannot be read is missing from the list, and the compiler says that the pattern matches nothing.
	_ = fs.WalkDir(root, path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		hidden := p != path && !all && (strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_"))
		switch {
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.Type().IsRegular() && !hidden:
			files = append(files, p)
		}
		return nil
	})
	return files
}
