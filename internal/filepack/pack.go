package filepack

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"mobula/internal/bytesize"
)

// Limit is how many bytes the files of a folder may have; as Ray's working_dir.
const Limit = 512 << 20

// Report says what was packed.
type Report struct {
	Files   int
	Size    int64    // of all files, in bytes
	LeftOut []string // what is neither file, folder nor a link within the folder, with why
}

// TooLarge tells that a folder holds more than it may.
type TooLarge struct {
	Folder      string
	Size, Limit int64
	Largest     []Sized // at most five
}

// Sized is a file with its size.
type Sized struct {
	Name string
	Size int64
}

// Error names the largest files and says what can be done.
func (e *TooLarge) Error() string {
	var names []string
	for _, f := range e.Largest {
		names = append(names, fmt.Sprintf("%s (%s)", f.Name, bytesize.Format(f.Size)))
	}
	return fmt.Sprintf("%s holds %s, and at most %s can be sent along: name what is not needed in a .mobulaignore file, or put large data where every node can read it; "+
		"the largest files are %s", e.Folder, bytesize.Format(e.Size), bytesize.Format(e.Limit), strings.Join(names, ", "))
}

// entry is what goes into the archive.
type entry struct {
	name string // with slashes
	mode fs.FileMode
	size int64
	link string // where a link leads
	from string // the path of a file that is not in the folder
}

// Pack writes the archive of a folder, with further files at its top, which take the place of those there. dir may be "": then there are only those.
func Pack(w io.Writer, dir string, files []string, limit int64) (report Report, err error) {
	var root *os.Root
	var entries []entry
	if dir != "" {
		if root, err = os.OpenRoot(dir); err != nil {
			return report, err
		}
		defer root.Close()
		if entries, report, err = list(root); err != nil {
			return report, err
		}
	}
	if entries, err = addFiles(entries, &report, files); err != nil {
		return report, err
	}
	if report.Size > limit {
		return report, tooLarge(cmp.Or(dir, "what is to be sent"), report.Size, limit, entries)
	}
	t := tar.NewWriter(w)
	for _, e := range entries {
		if err := e.write(t, root); err != nil {
			return report, fmt.Errorf("pack %s: %w", cmp.Or(e.from, filepath.Join(dir, filepath.FromSlash(e.name))), err)
		}
	}
	return report, t.Close()
}

// addFiles adds files at the top, where the order of names has them.
func addFiles(entries []entry, report *Report, files []string) ([]entry, error) {
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("pack %s: it is no file", file)
		}
		e := entry{name: filepath.Base(file), mode: normal(info.Mode()), size: info.Size(), from: file}
		report.Files++
		report.Size += e.size
		i, there := slices.BinarySearchFunc(entries, e.name, func(x entry, name string) int { return compareNames(x.name, name) })
		if there {
			if entries[i].mode.IsDir() {
				return nil, fmt.Errorf("pack %s: the folder has another one of that name", file)
			}
			report.Files--
			report.Size -= entries[i].size
			entries[i] = e
		} else {
			entries = slices.Insert(entries, i, e)
		}
	}
	return entries, nil
}

// compareNames is the order of the archive: that of each folder's names, with what is in a folder behind it.
func compareNames(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// list finds what is to be packed, in the order of the archive.
func list(root *os.Root) (entries []entry, report Report, err error) {
	l := &lister{root: root, rules: map[string]*rules{}}
	err = fs.WalkDir(root.FS(), ".", l.visit)
	return l.entries, l.report, err
}

// lister is one walk over a folder.
type lister struct {
	root    *os.Root
	rules   map[string]*rules // by folder
	entries []entry
	report  Report
}

func (l *lister) visit(name string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	above := l.rules[path.Dir(name)]
	if name != "." && above.ignores(name, d.IsDir()) || d.IsDir() && d.Name() == ".git" {
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	if d.IsDir() {
		if l.rules[name], err = above.enter(l.root, name); err != nil || name == "." {
			return err
		}
	}
	return l.add(name, d)
}

func (l *lister) add(name string, d fs.DirEntry) error {
	leave := func(why string) error {
		l.report.LeftOut = append(l.report.LeftOut, name+": "+why)
		return nil
	}
	e := entry{name: name}
	switch d.Type() {
	case fs.ModeDir:
		e.mode = fs.ModeDir | 0o755
	case fs.ModeSymlink:
		target, err := l.root.Readlink(name)
		if err != nil {
			return err
		}
		e.link, e.mode = filepath.ToSlash(target), fs.ModeSymlink|0o777
		if path.IsAbs(e.link) || !filepath.IsLocal(path.Join(path.Dir(name), e.link)) {
			return leave("a link that leads out of the folder, to " + target)
		}
	case 0:
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed meanwhile
		}
		if err != nil {
			return err
		}
		e.mode, e.size = normal(info.Mode()), info.Size()
		l.report.Files++
		l.report.Size += e.size
	default:
		return leave("neither file, folder nor link")
	}
	l.entries = append(l.entries, e)
	return nil
}

// normal is the mode of a file in the archive: machines differ in the rest.
func normal(mode fs.FileMode) fs.FileMode {
	if mode&0o100 != 0 {
		return 0o755
	}
	return 0o644
}

func tooLarge(folder string, size, limit int64, entries []entry) error {
	e := &TooLarge{Folder: folder, Size: size, Limit: limit}
	bySize := slices.SortedStableFunc(slices.Values(entries), func(a, b entry) int { return cmp.Compare(b.size, a.size) })
	for _, x := range bySize[:min(5, len(bySize))] {
		if x.size > 0 {
			e.Largest = append(e.Largest, Sized{x.name, x.size})
		}
	}
	return e
}

// write writes the entry.
func (e *entry) write(t *tar.Writer, root *os.Root) error {
	h := &tar.Header{Name: e.name, Mode: int64(e.mode.Perm()), Typeflag: tar.TypeReg, Size: e.size, Linkname: e.link}
	switch e.mode.Type() {
	case fs.ModeDir:
		h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
	case fs.ModeSymlink:
		h.Typeflag = tar.TypeSymlink
	}
	if err := t.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	f, err := e.open(root)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(t, f)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != e.size {
		return errors.New("it was changed meanwhile: pack it when nothing writes to it")
	}
	return err
}

func (e *entry) open(root *os.Root) (*os.File, error) {
	if e.from != "" {
		return os.Open(e.from)
	}
	return root.Open(e.name)
}
