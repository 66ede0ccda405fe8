package interp

import (
	"fmt"
	"go/build"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"mobula/interp/toolchain"
)

// archiveImporter reads types from the archives that the toolchain has built.
type archiveImporter struct {
	packages *toolchain.Packages
	gc       types.Importer
}

// importerFor returns the session's importer; the queue's token is held.
func (s *Session) importerFor() types.Importer {
	if s.importer == nil {
		s.importer = newArchiveImporter(s.fset, s.packages())
	}
	return s.importer
}

func newArchiveImporter(fset *token.FileSet, packages *toolchain.Packages) types.Importer {
	a := &archiveImporter{packages: packages}
	a.gc = importer.ForCompiler(fset, "gc", a.open)
	return a
}

// Import returns the types of a package.
func (a *archiveImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return a.gc.Import(path)
}

func (a *archiveImporter) open(path string) (io.ReadCloser, error) {
	k := a.packages.Lookup(path)
	if k == nil || k.Export == "" {
		return nil, fmt.Errorf("package %s was not resolved", path)
	}
	return os.Open(k.Export)
}

// standard finds the packages of the standard library by name.
type standard struct {
	once   sync.Once
	byName map[string][]string
}

var std standard

// ownPackages are Mobula's packages that cells may use without importing them.
var ownPackages = map[string][]string{
	"display": {"mobula/display"}, "mobula": {"mobula"}, "widgets": {"mobula/widgets"}, "controls": {"mobula/widgets/controls"},
}

// standardPackages returns the import paths of packages with the given name that cells may use without importing them.
func (s *Session) standardPackages(name string) []string {
	return StandardPackages(s.toolchain().GOROOT, name)
}

// StandardPackages returns the import paths of packages with the given name that cells may use without importing them, where there is one.
func StandardPackages(goroot, name string) []string {
	if own := ownPackages[name]; own != nil {
		return own
	}
	return slices.DeleteFunc(slices.Clone(std.find(goroot, name)), func(path string) bool { return !builds(filepath.Join(goroot, "src", path)) })
}

func (st *standard) find(goroot, name string) []string {
	st.once.Do(func() {
		st.byName = map[string][]string{}
		root := filepath.Join(goroot, "src")
		// A folder that cannot be read only means fewer automatic imports.
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			switch base := d.Name(); {
			case base == "internal" || base == "vendor" || base == "testdata" || base == "cmd" || base == "builtin":
				return fs.SkipDir
			}
			rel, err := filepath.Rel(root, path)
			if err != nil || rel == "." || !hasGoFiles(path) {
				return nil
			}
			st.add(filepath.ToSlash(rel))
			return nil
		})
	})
	return st.byName[name]
}

func (st *standard) add(path string) {
	name := path[strings.LastIndexByte(path, '/')+1:]
	if len(name) == 2 && name[0] == 'v' && name[1] >= '2' {
		rest := strings.TrimSuffix(path, "/"+name)
		name = rest[strings.LastIndexByte(rest, '/')+1:]
	}
	st.byName[name] = append(st.byName[name], path)
	slices.Sort(st.byName[name])
}

// builds reports whether a folder has a Go file that is not excluded here (by an experiment, say).
func builds(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			return false
		}
		ok, err := build.Default.MatchFile(dir, e.Name())
		return err == nil && ok && e.Name() != "doc.go"
	})
}

func hasGoFiles(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go")
	})
}
