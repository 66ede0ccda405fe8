package filepack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"mobula/internal/bytesize"
)

// maxEntries bounds what an archive may hold: each takes place of its own on a disk.
const maxEntries = 1 << 20

// Unpack writes the files of an archive into a folder, in which none of them is yet. The archive may be anything: an error leaves a part of it there,
// and nothing elsewhere.
func Unpack(dir string, archive io.Reader, limit int64) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r := tar.NewReader(archive)
	for n, left := 0, limit; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: the archive is damaged: %w", err)
		}
		if left -= h.Size; h.Size < 0 || left < 0 || n >= maxEntries {
			return fmt.Errorf("unpack: the archive holds more than %s or %d files", bytesize.Format(limit), maxEntries)
		}
		if err := unpackOne(root, h, r); err != nil {
			return fmt.Errorf("unpack %.200q: %w", h.Name, err)
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, r io.Reader) error {
	name := filepath.FromSlash(strings.TrimSuffix(h.Name, "/"))
	if !filepath.IsLocal(name) {
		return errors.New("it does not lie in the folder")
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) || !filepath.IsLocal(path.Join(path.Dir(filepath.ToSlash(name)), h.Linkname)) {
			return fmt.Errorf("it leads out of the folder, to %.200q", h.Linkname)
		}
		return root.Symlink(filepath.FromSlash(h.Linkname), name)
	case tar.TypeReg:
	default:
		return errors.New("it is neither file, folder nor link")
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, normal(fs.FileMode(h.Mode)))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
