package complete

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxFiles bounds how many names of a folder are proposed.
const maxFiles = 200

// completeString completes inside a string: import paths and file names.
func completeString(s *Snapshot, source string, cursor int, w word) Completion {
	c := Completion{Start: w.start, End: cursor}
	text := source[w.start:cursor]
	if w.imports {
		c.Items = importItems(s, text)
		return c
	}
	if text == "" || strings.ContainsAny(text, "\n\\") {
		return c
	}
	c.Start += strings.LastIndexByte(text, '/') + 1
	c.Items = fileItems(s.Dir, text)
	return c
}

// importItems proposes import paths; the text replaces all of the string.
func importItems(s *Snapshot, text string) []Item {
	var items []Item
	add := func(path, kind string, rank int) {
		last := path[strings.LastIndexByte(path, '/')+1:]
		switch {
		case strings.HasPrefix(path, text):
		case text != "" && strings.HasPrefix(last, text):
			rank += rankFold
		default:
			return
		}
		items = append(items, Item{Text: path, Kind: kind, Doc: s.Docs.packageSynopsis(path), rank: rank})
	}
	for _, paths := range s.Std {
		for _, p := range paths {
			add(p, "package", strings.Count(p, "/"))
		}
	}
	for _, p := range s.Modules {
		add(p, "module", rankLocal)
	}
	return items
}

// fileItems proposes files whose names go on from text; an item replaces the text behind
// its last slash.
func fileItems(dir, text string) []Item {
	folder, prefix := "", text
	if i := strings.LastIndexByte(text, '/'); i >= 0 {
		folder, prefix = text[:i+1], text[i+1:]
	}
	switch {
	case strings.HasPrefix(folder, "~/"):
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		folder = filepath.Join(home, folder[2:])
	case !filepath.IsAbs(folder):
		folder = filepath.Join(dir, folder)
	}
	if folder == "" {
		folder = "."
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var items []Item
	for _, e := range entries {
		name := e.Name()
		if !strings.HasPrefix(name, prefix) || prefix == "" && name[0] == '.' {
			continue
		}
		if isDir(folder, e) {
			name += "/"
		}
		items = append(items, Item{Text: name, Kind: "path"})
		if len(items) == maxFiles {
			break
		}
	}
	return items
}

func isDir(folder string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := os.Stat(filepath.Join(folder, e.Name()))
	return err == nil && info.IsDir()
}

func unquote(lit string) string {
	s, err := strconv.Unquote(lit)
	if err != nil {
		return lit
	}
	return s
}

// Std reads the packages of the standard library under goroot, by name: for
// Snapshot.Std. Paths of one name are in the order in which they are usually meant.
func Std(goroot string) (map[string][]string, error) {
	root := filepath.Join(goroot, "src")
	std := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() || path == root {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch name := e.Name(); {
		case name == "internal" || name == "vendor" || name == "testdata" || rel == "cmd" || rel == "builtin" || name[0] == '_' || name[0] == '.':
			return filepath.SkipDir
		}
		if hasGo(path) {
			name := packageName(rel)
			std[name] = append(std[name], rel)
		}
		return nil
	})
	for name := range std {
		slices.SortStableFunc(std[name], func(a, b string) int { return strings.Count(a, "/") - strings.Count(b, "/") })
	}
	return std, err
}

func hasGo(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}
